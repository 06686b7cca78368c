"""The three embedded servers together, as the launcher and the tests use them."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from deploy.local.first_error import first_error
from deploy.local.folder_lock import FolderLock
from deploy.local.kafka import Kafka
from deploy.local.ports import Ports
from deploy.local.postgres import Postgres
from deploy.local.server import Server
from deploy.local.valkey import Valkey

POSTGRES: Final = "LEADLINE_DATABASE_URL"
VALKEY: Final = "LEADLINE_REDIS_URL"
KAFKA: Final = "LEADLINE_KAFKA_BOOTSTRAP_SERVERS"
EMBEDDED: Final = "LEADLINE_EMBEDDED"
"""Set beside addresses that are those of a stack of ours, in its file of settings."""


class Servers:
    """PostgreSQL, Valkey and Kafka on one data folder; an async context manager that starts all three.

    Each of `postgres`, `valkey` and `kafka` can be killed, paused, stopped and started again by itself.
    The folder's lock is taken unless it comes along. `given` are URLs of servers that somebody else
    runs: those are not started, and `environment` passes them on.
    """

    def __init__(
        self,
        data: Path,
        ports: Ports | None = None,
        *,
        lock: FolderLock | None = None,
        given: Mapping[str, str] | None = None,
        durable: bool = True,
    ) -> None:
        ports = ports or Ports()
        self.data = data.absolute()
        self.lock = lock or FolderLock.take(self.data)
        held = [self.lock.descriptor]
        self._given = given or {}
        self.postgres = Postgres(self.data, ports.postgres, held, durable=durable)
        self.valkey = Valkey(self.data, ports.valkey, held)
        self.kafka = Kafka(self.data, ports.kafka, held)

    @property
    def ours(self) -> list[Server]:
        """The servers that we run, in the order in which they can be listed."""
        all_of_them = {POSTGRES: self.postgres, VALKEY: self.valkey, KAFKA: self.kafka}
        return [server for name, server in all_of_them.items() if name not in self._given]

    @property
    def environment(self) -> dict[str, str]:
        """The settings that lead the services to these servers."""
        return {
            POSTGRES: self._given.get(POSTGRES) or self.postgres.url,
            VALKEY: self._given.get(VALKEY) or self.valkey.url,
            KAFKA: self._given.get(KAFKA) or self.kafka.bootstrap_servers,
        }

    async def start(self) -> None:
        """Start all at once and return when all answer; leaves none behind when one cannot start."""
        for server in self.ours:
            server.require_free_ports()
        try:
            with first_error():
                async with asyncio.TaskGroup() as tasks:
                    for server in self.ours:
                        tasks.create_task(server.start())
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop all at once, in good order."""
        await asyncio.gather(*(server.stop() for server in self.ours))

    async def kill(self) -> None:
        """Kill all at once, as a power cut of the processes would."""
        await asyncio.gather(*(server.kill() for server in self.ours))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self.stop()
        finally:
            self.lock.release()
