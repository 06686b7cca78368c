"""Before services start: databases, migrations and topics. Repeatable, and quick when there is nothing to do.

Run by the launcher, and as a job before a deployment: `./leadline prepare`.
"""

import asyncio
import importlib
from pathlib import Path
from typing import Final, Protocol, cast

from shared.contracts.topics import ALL, dead_letter_topics
from shared.kit.broker import Broker
from shared.kit.database import Database
from shared.kit.logging import configure_logging, get_logger
from shared.kit.migrations import create_database, is_current, upgrade
from shared.kit.settings import CommonSettings

SERVICES: Final = ("intake", "leads", "assignment", "notifier", "console")

log = get_logger()


class Wiring(Protocol):
    """The part of a service's wiring that tells where its database is and how it came to be."""

    MIGRATIONS: Path

    def database_url(self) -> str:
        """The address of the service's database, from the environment."""
        ...


def wiring(service: str) -> Wiring:
    """A service's composition root."""
    return cast("Wiring", importlib.import_module(f"services.{service}.wiring"))


async def prepare() -> None:
    """Create and migrate every service's database and create every topic, all at once."""
    settings = CommonSettings()
    async with asyncio.TaskGroup() as tasks:
        for service in SERVICES:
            tasks.create_task(_prepare_database(service))
        tasks.create_task(_create_topics(Broker(settings.kafka_bootstrap_servers, settings.kafka_replication)))


async def _prepare_database(service: str) -> None:
    root = wiring(service)
    url = root.database_url()
    created = await create_database(url)
    database = Database(url, pool_size=1)
    await database.open()
    try:
        current = not created and await is_current(database, root.MIGRATIONS)
    finally:
        await database.close()
    if not current:
        await upgrade(url, root.MIGRATIONS)
        log.info("database migrated", service=service, created=created)


async def _create_topics(broker: Broker) -> None:
    created = await broker.ensure_topics([*ALL, *dead_letter_topics()])
    if created:
        log.info("topics created", topics=len(created))


def main() -> None:
    """Prepare everything that the environment names."""
    settings = CommonSettings()
    configure_logging("prepare", log_format=settings.log_format, level=settings.log_level)
    asyncio.run(prepare())


if __name__ == "__main__":
    main()
