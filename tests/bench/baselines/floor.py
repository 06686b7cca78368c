"""What the hardware allows: ours' hops with nothing in them.

Webhook → one insert → Kafka → one batched insert → Kafka → one batched insert → Kafka → one batched update. Raw
aiokafka and asyncpg, a bare ASGI callable, batches as ours are, offsets as seldom and after the commit. No rules, no
claims, no outbox, no signature, no JSON: of a request only the digits of its sender are taken. What a crash in
between would lose is lost. Each webhook is a commit and a record of its own, where ours share both when there are
many: at high rates that is what Kafka costs the floor more than us.

`python -m tests.bench.baselines.floor ROLE [PORT]`, where a role is a process: intake, leads, assignment.
"""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, NamedTuple

import asyncpg
import uvicorn
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.kit.broker import build_producer
from shared.kit.process import spare_the_collector
from tests.bench.baselines.hops import (
    ASSIGNMENT_DATABASE,
    BROKER,
    COMMIT_SECONDS,
    LEADS_DATABASE,
    MAX_RECORDS,
    POLL_MS,
    PREFIX,
    Topics,
)

TOPICS: Final = Topics.of(PREFIX)
_SENDER: Final = re.compile(rb'"from":"\d{5}(\d{8})"')
TEAM: Final = 20

TABLES: Final = {
    "leads": """
        CREATE TABLE floor_leads (
            id bigint PRIMARY KEY, body bytea NOT NULL, assigned_id bigint
        )
    """,
    "assignment": """
        CREATE TABLE floor_receipts (id bigint PRIMARY KEY, body bytea NOT NULL);
        CREATE TABLE floor_decisions (id bigint PRIMARY KEY, member_id bigint NOT NULL)
    """,
}
"""What the floor writes into, beside the tables of the databases that it is given."""

Step = Callable[[Any, Sequence[Any]], Awaitable[list[tuple[str, bytes, bytes]]]]
Take = Callable[[bytes, bytes], Awaitable[None]]


class Doing(NamedTuple):
    """What a webhook does with a sender's digits and a body, before its answer and after it."""

    keep: Take
    tell: Take


@asynccontextmanager
async def intake() -> AsyncIterator[Doing]:
    """Keep a row, and then tell the broker."""
    async with (
        asyncpg.create_pool(ASSIGNMENT_DATABASE, min_size=8) as pool,
        build_producer(BROKER, "floor") as producer,
    ):

        async def keep(key: bytes, body: bytes) -> None:
            await pool.execute("INSERT INTO floor_receipts (id, body) VALUES ($1, $2)", int(key), body)

        async def tell(key: bytes, body: bytes) -> None:
            await producer.send(TOPICS.inquiries, body, key=key)

        yield Doing(keep, tell)


def webhook(open_intake: Callable[[], AbstractAsyncContextManager[Doing]]) -> ASGIApp:
    """An app that keeps each body, answers, and then tells about it."""
    doing: Doing

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal doing
        if scope["type"] == "lifespan":
            await receive()
            async with open_intake() as doing:
                spare_the_collector()
                await send({"type": "lifespan.startup.complete"})
                await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        body = b""
        is_more = True
        while is_more:
            part = await receive()
            body += part.get("body", b"")
            is_more = part.get("more_body", False)
        found = _SENDER.search(body)
        assert found is not None
        await doing.keep(found[1], body)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
        await doing.tell(found[1], body)

    return app


async def leads() -> None:
    """The batched insert of leads, and the batched update of their owners."""

    async def insert(connection: Any, records: Sequence[Any]) -> list[tuple[str, bytes, bytes]]:
        ids = [int(record.key) for record in records]
        query = "INSERT INTO floor_leads (id, body) SELECT * FROM unnest($1::bigint[], $2::bytea[])"
        await connection.execute(query, ids, [record.value for record in records])
        return [(TOPICS.ready, record.key, record.key) for record in records]

    async with asyncpg.create_pool(LEADS_DATABASE, min_size=2, max_size=4) as pool:
        await asyncio.gather(consume(pool, TOPICS.inquiries, insert), consume(pool, TOPICS.decisions, update))


async def update(connection: Any, records: Sequence[Any]) -> list[tuple[str, bytes, bytes]]:
    """Give leads their owners."""
    query = """
        UPDATE floor_leads SET assigned_id = row.member_id FROM unnest($1::bigint[], $2::bigint[])
            AS row (id, member_id) WHERE floor_leads.id = row.id
    """
    await connection.execute(query, [int(record.key) for record in records], [int(one.value) for one in records])
    return []


async def assignment() -> None:
    """The batched insert of decisions, which go round the team."""

    async def decide(connection: Any, records: Sequence[Any]) -> list[tuple[str, bytes, bytes]]:
        ids = [int(record.key) for record in records]
        members = [one % TEAM for one in ids]
        query = "INSERT INTO floor_decisions (id, member_id) SELECT * FROM unnest($1::bigint[], $2::bigint[])"
        await connection.execute(query, ids, members)
        return [(TOPICS.decisions, record.key, b"%d" % member) for record, member in zip(records, members, strict=True)]

    async with asyncpg.create_pool(ASSIGNMENT_DATABASE, min_size=2, max_size=4) as pool:
        await consume(pool, TOPICS.ready, decide)


async def consume(pool: Any, topic: str, step: Step) -> None:
    """Read a topic, take a step for each batch, tell what it says, and commit the offsets beside that now and then."""
    producer = build_producer(BROKER, "floor")
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=BROKER,
        group_id=f"{PREFIX}.{topic}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_poll_records=MAX_RECORDS,
    )
    done: dict[TopicPartition, int] = {}

    async def commit() -> None:
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            if offsets := dict(done):
                done.clear()
                await consumer.commit(offsets)

    async with producer, consumer, asyncio.TaskGroup() as beside:
        beside.create_task(commit())
        spare_the_collector()
        while True:
            fetched = await consumer.getmany(timeout_ms=POLL_MS, max_records=MAX_RECORDS)
            records = [record for some in fetched.values() for record in some]
            if not records:
                continue
            async with pool.acquire() as connection:
                told = await step(connection, records)
            sent = [await producer.send(to, value, key=key) for to, key, value in told]
            await asyncio.gather(*sent)
            done.update({place: some[-1].offset + 1 for place, some in fetched.items() if some})


def serve(app: ASGIApp, port: int) -> None:
    """Serve the webhook until it is ended."""
    settings: dict[str, Any] = {"loop": "uvloop", "http": "httptools", "access_log": False, "log_level": "warning"}
    uvicorn.run(app, host="127.0.0.1", port=port, **settings)


def main(role: str, port: str = "0") -> None:
    """Run a role until it is ended."""
    if role == "intake":
        serve(webhook(intake), int(port))
        return
    uvloop.run({"leads": leads, "assignment": assignment}[role]())


if __name__ == "__main__":
    main(*sys.argv[1:])
