"""A database with the kit's tables and a table of effects, and topics of the test's own."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from typing import Literal

import asyncpg
import pytest

from shared.contracts.events import Event, decoder
from shared.contracts.topics import Topic
from shared.kit.clock import SystemClock
from shared.kit.database import Connection, Database
from shared.kit.identifiers import new_id
from shared.kit.reader import GroupSettings
from shared.kit.records import Received
from shared.kit.tables import create_v1
from tests.support.databases import Databases

SERVICE = "tested"


class Noted(Event):
    """An event for the kit's tests."""

    type: Literal["noted.v1"] = "noted.v1"
    number: int


decode_noted = decoder(Noted)
FAST_GROUP = GroupSettings(session_timeout=timedelta(seconds=6), max_records=50)


def noted(number: int) -> Noted:
    """A new event with a number to recognise it by."""
    event_id = new_id()
    return Noted(event_id=event_id, correlation_id=event_id, occurred_at=SystemClock().now(), number=number)


async def record_effects(connection: Connection, batch: Sequence[Received[Noted]]) -> None:
    """The simplest handler: every delivery leaves a row, so that a doubled effect shows."""
    await connection.executemany(
        "INSERT INTO effects (number, partition) VALUES ($1, $2)",
        [(received.event.number, received.record.partition) for received in batch],
    )


async def migrate_kit(url: str) -> None:
    """Make the kit's tables and the table of effects."""
    statements: list[str] = []

    class Collect:
        def execute(self, sqltext: str) -> None:
            statements.append(sqltext)

    create_v1(Collect())
    connection = await asyncpg.connect(url)
    for statement in [*statements, "CREATE TABLE effects (id bigserial PRIMARY KEY, number int, partition int)"]:
        await connection.execute(statement)
    await connection.close()


@pytest.fixture
async def kit_url(databases: Databases) -> AsyncIterator[str]:
    """The address of a database with the kit's tables."""
    url = await databases.from_template("kit", migrate_kit)
    yield url
    await databases.drop(url)


@pytest.fixture
async def database(kit_url: str) -> AsyncIterator[Database]:
    """An open database with the kit's tables."""
    database = Database(kit_url)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def topic(unique: Callable[[str], str]) -> Topic:
    """A topic of the test's own that one service consumes."""
    return Topic(name=unique("kit"), key="number", producer=SERVICE, consumers=(SERVICE,), partitions=3)


async def effects(database: Database) -> list[int]:
    """The numbers that had an effect, in the order of their commits."""
    async with database.connection() as connection:
        return [row["number"] for row in await connection.fetch("SELECT number FROM effects ORDER BY id")]
