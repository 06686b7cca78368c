"""The servers and databases that tests stand on.

Ask for what you need by the name of the fixture:

- `servers`: the addresses of PostgreSQL, Valkey and Kafka for this run of pytest. xdist's workers
  share one stack, so topics, groups and keys need names of their own (`unique("topic")` makes one).
- `bootstrap_servers`, `redis_url`: the addresses of two of them.
- `database_url`: an empty database of the test's own, dropped after it.
- `databases`: makes more of them; `await databases.from_template("leads", migrate)` migrates once per
  worker and then copies in hundredths of a second. Wrap it in a fixture of your service's conftest.
- `private_servers`: a stack that only this test has, to kill, pause and wipe: `await
  private_servers.kafka.kill()`, `.start()`, `.stop()`, `.pause()`, `.resume()`, `.wipe()`. Takes 3 s.

`tests.support.waiting.eventually` waits for a condition with a deadline. Everything runs on one event
loop per worker. With the three `LEADLINE_…` addresses in the environment, as `python -m deploy.local
servers` prints them, those servers are used and nothing is started.
"""

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings

from deploy.local.ports import Ports
from deploy.local.servers import EMBEDDED, KAFKA, POSTGRES, VALKEY, Servers
from tests.support.databases import Databases
from tests.support.stack import Addresses, Stack, wait_for_addresses

# How long an example takes depends on what else the machine does: speed is the bench's to show.
settings.register_profile("leadline", deadline=None)
settings.load_profile("leadline")

STACK = pytest.StashKey[Stack]()
FOLDER = "leadline_stack_folder"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the stack in the controller, while the workers start; a single process does it on demand."""
    if session.config.pluginmanager.hasplugin("dsession") and not _given():
        session.config.stash[STACK] = Stack()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tell an xdist worker where to look for the addresses."""
    config: pytest.Config = getattr(node, "config")  # noqa: B009 (xdist has no types)
    if STACK in config.stash:
        getattr(node, "workerinput")[FOLDER] = str(config.stash[STACK].folder)  # noqa: B009


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the stack that this process started."""
    if STACK in config.stash:
        config.stash[STACK].stop()


def _given() -> bool:
    # Never the servers of a system that somebody runs and works with.
    return not os.environ.get(EMBEDDED) and all(os.environ.get(name) for name in (POSTGRES, VALKEY, KAFKA))


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Addresses:
    """Where this run's PostgreSQL, Valkey and Kafka are; they answer."""
    if _given():
        return Addresses.read(os.environ)
    config = request.config
    workerinput: dict[str, str] = getattr(config, "workerinput", {})
    if FOLDER in workerinput:
        return wait_for_addresses(Path(workerinput[FOLDER]))
    config.stash[STACK] = Stack()
    return wait_for_addresses(config.stash[STACK].folder)


@pytest.fixture(scope="session")
def bootstrap_servers(servers: Addresses) -> str:
    """The broker's address."""
    return servers.bootstrap_servers


@pytest.fixture(scope="session")
def redis_url(servers: Addresses) -> str:
    """Valkey's address, shared by all tests: use keys of your own."""
    return servers.redis_url


@pytest.fixture(scope="session")
async def databases(servers: Addresses) -> AsyncIterator[Databases]:
    """The maker of this worker's databases."""
    databases = Databases(servers.database_url)
    yield databases
    await databases.drop_all()


@pytest.fixture
async def database_url(databases: Databases) -> AsyncIterator[str]:
    """An empty database of the test's own."""
    url = await databases.empty()
    yield url
    await databases.drop(url)


@pytest.fixture
def unique() -> Callable[[str], str]:
    """Make a name that no other test uses: `unique("topic")`."""
    return lambda prefix: f"{prefix}-{uuid4().hex[:12]}"


@pytest.fixture
async def private_servers(tmp_path: Path) -> AsyncIterator[Servers]:
    """Three servers that only this test has, started, to do anything to."""
    async with Servers(tmp_path / "stack", Ports.free(), durable=False) as servers:
        yield servers
