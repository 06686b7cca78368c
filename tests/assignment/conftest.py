"""A migrated database per test, a clock that stands still, and the service's app."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from services.assignment.wiring import MIGRATIONS, build_web
from shared.kit.assembly import Assembly
from shared.kit.database import Database
from shared.kit.migrations import upgrade
from shared.kit.settings import CommonSettings
from tests.assignment.makers import NOON
from tests.support.clock import MovingClock
from tests.support.databases import Databases
from tests.support.keys import PUBLIC_KEY

SERVICE_TOKEN = "development-service-token"


@pytest.fixture
def clock() -> MovingClock:
    """Monday noon in UTC."""
    return MovingClock(NOON)


async def _migrate(url: str) -> None:
    await upgrade(url, MIGRATIONS)


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[Database]:
    """assignment's database, empty and open, with room for eight concurrent transactions."""
    url = await databases.from_template("assignment", _migrate)
    database = Database(url, pool_size=8)
    await database.open()
    yield database
    await database.close()
    await databases.drop(url)


@pytest.fixture
def common() -> CommonSettings:
    """Settings whose servers are given otherwise, with the public half of the console's key."""
    return CommonSettings(
        database_url="postgresql://unused",
        kafka_bootstrap_servers="unused",
        development=True,
        service_token=SERVICE_TOKEN,
        privacy_key="development-privacy-key",
        operations_key="development-operations-key",
        person_token_public_key=PUBLIC_KEY,
    )


@pytest.fixture
async def client(database: Database, clock: MovingClock, common: CommonSettings) -> AsyncIterator[httpx2.AsyncClient]:
    """The API as another service sees it, with the service token."""
    assembly = Assembly("assignment", common, database, clock)
    app = build_web(assembly, assembly.health())
    transport = httpx2.ASGITransport(app=app)
    headers = {"Authorization": f"Bearer {SERVICE_TOKEN}"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://assignment", headers=headers) as client:
        yield client
