"""How often a batch of events goes to the database: each time costs more than all the rows of a small batch."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from services.assignment.use_cases.apply_lead_events import apply_lead_events
from shared.contracts.leads import AnyLeadEvent
from shared.kit.database import Connection, Database
from tests.assignment.books import add, apply, check_books
from tests.assignment.makers import NOON, assigned, closed, ready

BEGIN, LOCK, READ, WRITE, COMMIT = "BEGIN;", "SELECT pg_advisory_xact_lock", "WITH known", "WITH write_0", "COMMIT;"


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Connection]:
    """A connection that has worked before: the driver knows the types, and ids were fetched ahead."""
    for name in ("Ana", "Ben", "Cem"):
        await add(database, name, capacity=2)
    async with database.connection() as connection:
        await statements(connection, ready(1), ready(2))
        yield connection
    await check_books(database)


async def statements(connection: Connection, *events: AnyLeadEvent) -> list[str]:
    """Handle events as one batch in one transaction; the beginnings of what the database was asked."""
    heard: list[str] = []
    with connection.query_logger(lambda record: heard.append(" ".join(record.query.split()))):
        async with connection.transaction():
            await apply_lead_events(connection, events, NOON)
    # Loggers are called a moment later.
    await asyncio.sleep(0)
    return heard


def assert_begin(expected: Sequence[str], said: Sequence[str]) -> None:
    """Each statement begins as expected, and there are no others."""
    assert list(expected) == [text[: len(start)] for text, start in zip(said, expected, strict=True)]


async def test_a_small_batch_is_locked_read_and_written_in_one_statement_each(connection: Connection) -> None:
    """New leads, leads that close, and the answers of leads: each way the lock is a statement of its own."""
    usual = [BEGIN, LOCK, READ, WRITE, COMMIT]
    assert_begin(usual, await statements(connection, ready(3), ready(4)))
    assert_begin(usual, await statements(connection, closed(1, by=1), ready(5)))
    alone = [BEGIN, LOCK, READ, "INSERT INTO leads", COMMIT]
    assert_begin(alone, await statements(connection, assigned(3, 1, 3), assigned(4, 1, 1)))


async def test_a_repeated_batch_is_only_read(connection: Connection) -> None:
    """Events that are known already write nothing."""
    assert_begin([BEGIN, LOCK, READ, COMMIT], await statements(connection, ready(1), ready(2)))


async def test_the_queue_is_read_when_somebody_waits(connection: Connection, database: Database) -> None:
    """Only then, and only with somebody who has room or may get some; what is decided beyond the new gets more ids."""
    await apply(database, *(ready(number) for number in range(3, 9)))
    queue, ids = "SELECT lead_id, stage", "SELECT nextval('decisions_id_seq')"
    said = await statements(connection, closed(1, by=1), closed(2, by=2))
    assert_begin([BEGIN, LOCK, READ, queue, ids, WRITE, COMMIT], said)
