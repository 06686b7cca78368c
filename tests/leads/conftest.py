"""A migrated database for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.leads.storage import tables
from shared.kit.database import Database
from shared.kit.migrations import upgrade
from tests.support.databases import Databases

MIGRATIONS = Path(tables.__file__).parent / "migrations"


async def migrate(url: str) -> None:
    """Bring a database to leads' newest migration."""
    await upgrade(url, MIGRATIONS)


@pytest.fixture
async def leads_url(databases: Databases) -> AsyncIterator[str]:
    """The address of a migrated database of the test's own."""
    url = await databases.from_template("leads", migrate)
    yield url
    await databases.drop(url)


@pytest.fixture
async def database(leads_url: str) -> AsyncIterator[Database]:
    """A migrated database of the test's own, open, with room for many writers at once."""
    database = Database(leads_url, pool_size=12)
    await database.open()
    yield database
    await database.close()
