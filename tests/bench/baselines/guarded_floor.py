"""What the hardware allows to whoever may lose nothing: the floor, with the least that the guarantees cost.

The floor with its hops, processes and tables. But an id has its effect once, and what a step tells is a row of an
outbox, which the statement writes that has the effect, and which the kit's relay publishes: three relays more. Still no
rules, no numbers, no locks, no signature, no JSON, and one statement for each transaction.

`python -m tests.bench.baselines.guarded_floor ROLE [PORT]`, where a role is a process: intake, leads, assignment.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
import uvloop

from shared.contracts.topics import Topic
from shared.kit.broker import Broker
from shared.kit.database import Database
from shared.kit.loops import run_loops
from shared.kit.relay import OutboxSource, Relay
from tests.bench.baselines import floor
from tests.bench.baselines.floor import TOPICS
from tests.bench.baselines.hops import ASSIGNMENT_DATABASE, BROKER, INTAKE_DATABASE, LEADS_DATABASE

TABLES: Final = {
    "intake": "CREATE TABLE floor_receipts (id bigint PRIMARY KEY, body bytea NOT NULL)",
    **floor.TABLES,
}
"""What it writes into, beside the tables of the databases that it is given."""

_TELL: Final = "INSERT INTO outbox (topic, key, type, body) SELECT $3, id::text, 'floor', {body} FROM done"
_KEEP: Final = f"""
    WITH done AS (INSERT INTO floor_receipts (id, body) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id, body)
    {_TELL.format(body="body")}
"""
_OPEN: Final = f"""
    WITH done AS (
        INSERT INTO floor_leads (id, body) SELECT * FROM unnest($1::bigint[], $2::bytea[])
        ON CONFLICT DO NOTHING RETURNING id
    ) {_TELL.format(body="id::text::bytea")}
"""
_DECIDE: Final = f"""
    WITH done AS (
        INSERT INTO floor_decisions (id, member_id) SELECT * FROM unnest($1::bigint[], $2::bigint[])
        ON CONFLICT DO NOTHING RETURNING id, member_id
    ) {_TELL.format(body="member_id::text::bytea")}
"""


@asynccontextmanager
async def intake() -> AsyncIterator[floor.Doing]:
    """Keep a row with what is to be told, which the relay does."""
    async with _publishing(INTAKE_DATABASE) as database:

        async def keep(key: bytes, body: bytes) -> None:
            async with database.connection() as connection:
                await connection.execute(_KEEP, int(key), body, TOPICS.inquiries)

        async def tell(key: bytes, body: bytes) -> None:
            database.committed.set()

        yield floor.Doing(keep, tell)


async def leads() -> None:
    """The batched insert of leads, and the batched update of their owners."""
    async with _publishing(LEADS_DATABASE) as database, asyncpg.create_pool(LEADS_DATABASE, min_size=2) as pool:
        insert = _telling(database, _OPEN, lambda record: record.value, TOPICS.ready)
        await asyncio.gather(
            floor.consume(pool, TOPICS.inquiries, insert), floor.consume(pool, TOPICS.decisions, floor.update)
        )


async def assignment() -> None:
    """The batched insert of decisions, which go round the team."""
    async with (
        _publishing(ASSIGNMENT_DATABASE) as database,
        asyncpg.create_pool(ASSIGNMENT_DATABASE, min_size=2) as pool,
    ):
        decide = _telling(database, _DECIDE, lambda record: int(record.key) % floor.TEAM, TOPICS.decisions)
        await floor.consume(pool, TOPICS.ready, decide)


def _telling(database: Database, query: str, value: Callable[[Any], Any], topic: str) -> floor.Step:
    async def step(connection: Any, records: Sequence[Any]) -> list[tuple[str, bytes, bytes]]:
        await connection.execute(query, [int(record.key) for record in records], [value(one) for one in records], topic)
        database.committed.set()
        return []

    return step


@asynccontextmanager
async def _publishing(url: str) -> AsyncIterator[Database]:
    """A database whose outbox is published meanwhile."""
    database = Database(url)
    await database.open()
    topics = [Topic(name=name, key="", producer="bench", consumers=()) for name in TOPICS]
    source = OutboxSource(topics, database.committed)
    relay = Relay(source=source, database=database, broker=Broker(BROKER), service="floor")
    task = asyncio.create_task(run_loops([relay]))
    try:
        yield database
    finally:
        task.cancel()
        await asyncio.wait([task])
        await relay.close()
        await database.close()


def main(role: str, port: str = "0") -> None:
    """Run a role until it is ended."""
    if role == "intake":
        floor.serve(floor.webhook(intake), int(port))
        return
    roles: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {"leads": leads, "assignment": assignment}
    uvloop.run(roles[role]())


if __name__ == "__main__":
    main(*sys.argv[1:])
