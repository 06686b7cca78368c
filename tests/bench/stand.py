"""The stand that everything is measured on: durable servers of the run's own, databases, and processes."""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

from deploy.local import children
from deploy.local.development_secrets import development_secrets
from deploy.local.ports import Ports
from deploy.local.servers import Servers
from deploy.prepare import wiring
from shared.kit.migrations import upgrade
from tests.support.databases import Databases


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured. `rounds` is how often each pair is repeated, ours and theirs in turn.

    `scale` shrinks every amount in the same way, for trying out the bench itself; figures mean something at 1 only.
    """

    rounds: int = 3
    pairs: int = 5
    scale: float = 1.0

    def of(self, amount: int, at_least: int = 1) -> int:
        """An amount at this scale."""
        return max(at_least, int(amount * self.scale))


@dataclass
class Stand:
    """Servers with fsync on, as in production, on a folder that goes with them; an async context manager.

    `say` prints progress. Each measurement makes databases and topics of its own, so that none sees another's rows.
    """

    sizes: Sizes
    say: Callable[[str], None]
    folder: Path = field(init=False)
    servers: Servers = field(init=False)
    databases: Databases = field(init=False)

    async def __aenter__(self) -> Self:
        # Not /tmp, which may be memory: beside the data of `make run`, on the disk that will be used.
        home = Path(".leadline/bench")
        home.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="stand-", dir=home)).absolute()
        self.servers = Servers(self.folder, Ports.free(), durable=True)
        await self.servers.__aenter__()
        self.databases = Databases(self.servers.postgres.url)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.servers.__aexit__(kind, error, trace)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a service that runs on this stand; ports and databases are the measurement's to add."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "PYTHONPATH": str(Path.cwd()),
            "LEADLINE_DATA": str(self.folder),
            "LEADLINE_DEVELOPMENT": "true",
            "LEADLINE_KAFKA_REPLICATION": "1",
            "LEADLINE_LOG_LEVEL": "WARNING",
            "LEADLINE_TIME_ZONE": "UTC",
            **self.servers.environment,
            **development_secrets(self.folder),
        }

    async def service_database(self, service: str) -> str:
        """A fresh, migrated database of a service; its URL."""

        async def migrate(url: str) -> None:
            await upgrade(url, wiring(service).MIGRATIONS)

        return await self.databases.from_template(service, migrate)

    async def drop(self, url: str) -> None:
        """Drop a database, so that the next measurement has the disk to itself."""
        await self.databases.drop(url)

    def name(self, prefix: str) -> str:
        """A name that nothing else on this stand has."""
        return f"{prefix}-{uuid4().hex[:8]}"

    @asynccontextmanager
    async def process(self, arguments: Sequence[str], settings: Mapping[str, str]) -> AsyncIterator[int]:
        """Run `python arguments…` with these settings beside the stand's, and yield its pid; SIGTERM at the end.

        Its output is in `processes.log` of the stand's folder. Raises RuntimeError when it has ended by itself.
        """
        with (self.folder / "processes.log").open("ab") as output:
            child = children.spawn(
                [sys.executable, *arguments],
                output=output,
                death_signal=signal.SIGKILL,
                environment={**self.environment, **settings},
            )
        try:
            yield child.pid
            if child.poll() is not None:
                raise RuntimeError(f"{' '.join(arguments)} ended with {child.returncode}: {self._last_words()}")
        finally:
            await children.end(child, signal.SIGTERM, 15)

    def _last_words(self) -> str:
        return (self.folder / "processes.log").read_text(errors="replace")[-2000:]
