"""leads' worker on a real broker: records in, records out."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer
from pydantic import SecretStr

from deploy.local.servers import Servers
from services.leads.settings import LeadsSettings
from services.leads.wiring import build_worker
from shared.contracts.events import EVENT_TYPE_HEADER, Event, event_type
from shared.contracts.topics import (
    ALL,
    ASSIGNMENT_EVENTS,
    INQUIRIES,
    LEAD_EVENTS,
    SETTLEMENTS,
    Topic,
    dead_letter_topics,
)
from shared.kit.assembly import Assembly
from shared.kit.broker import Broker, build_producer
from shared.kit.clock import SystemClock
from shared.kit.database import Database
from shared.kit.process import Worker
from shared.kit.records import Record
from shared.kit.settings import CommonSettings
from tests.leads.makers import assert_sound, decision, inquiry, phone, rows
from tests.support.waiting import eventually


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[None]:
    """Run a worker in the background, and stop it as a signal would."""
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def kafka(private_servers: Servers) -> str:
    """A broker of the test's own with all topics: leads reads topics whose names are fixed."""
    bootstrap_servers = private_servers.environment["LEADLINE_KAFKA_BOOTSTRAP_SERVERS"]
    await Broker(bootstrap_servers).ensure_topics((*ALL, *dead_letter_topics()))
    return bootstrap_servers


@pytest.fixture
async def worker(kafka: str, leads_url: str, database: Database) -> Worker:
    """leads' worker as a service would run it."""
    secret = SecretStr("development-secret")
    common = CommonSettings(
        database_url=leads_url,
        kafka_bootstrap_servers=kafka,
        development=True,
        service_token=secret,
        privacy_key=secret,
        operations_key=secret,
        group_session_timeout_seconds=6.0,
    )
    worker, _ = build_worker(Assembly("leads", common, database, SystemClock()), LeadsSettings())
    return worker


async def send(kafka: str, topic: Topic, records: Sequence[tuple[str, str, bytes]]) -> None:
    """Write (key, event type, body) records."""
    producer = build_producer(kafka, "tests")
    await producer.start()
    try:
        for key, kind, body in records:
            await producer.send(topic.name, body, key=key.encode(), headers=[(EVENT_TYPE_HEADER, kind.encode())])
    finally:
        await producer.stop()


def record(event: Event, key: object) -> tuple[str, str, bytes]:
    """An event as a record."""
    return str(key), event_type(event), event.model_dump_json().encode()


async def read(kafka: str, topic: Topic, count: int) -> list[dict[str, Any]]:
    """The first records of a topic, as soon as there are so many."""
    found: list[dict[str, Any]] = []
    consumer = AIOKafkaConsumer(topic.name, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(20):
            while len(found) < count:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [orjson.loads(one.value) for one in records]
    finally:
        await consumer.stop()
    return found


async def test_inquiries_become_leads_with_owners(kafka: str, worker: Worker, database: Database) -> None:
    """Inquiries come out as settlements and events of leads, bad records are put aside, decisions are applied."""
    sent = [inquiry(str(number), phone(str(number // 2))) for number in range(200)]
    records = [record(one, one.thread) for one in sent]
    poison = [("bad", "inquiry.received.v1", b"{"), ("bad", "inquiry.received.v1", b"\xff"), ("bad", "newer.v1", b"{}")]
    await send(kafka, INQUIRIES, [*records[:100], *poison, *records[100:], *records[:50]])
    async with running(worker):
        settled = await read(kafka, SETTLEMENTS, 250)
        leads = await rows(database, "SELECT id FROM leads")
        decisions = [decision(lead["id"], 1) for lead in leads]
        await send(kafka, ASSIGNMENT_EVENTS, [record(one, one.lead_id) for one in decisions])
        events = await read(kafka, LEAD_EVENTS, 500)
        await eventually(lambda: nothing_unsent(database))
    assert 100 == len(leads)
    assert {str(one.receipt_id) for one in sent} == {event["receipt_id"] for event in settled}
    kinds = [event["type"] for event in events]
    expected = ("lead.created.v1", "lead.ready.v1", "lead.inquiry_added.v1", "lead.changed.v1", "lead.assigned.v1")
    assert dict.fromkeys(expected, 100) == {kind: kinds.count(kind) for kind in kinds}
    assert 2 == len(await rows(database, "SELECT * FROM dead_letters"))
    await assert_sound(database, sent)


async def nothing_unsent(database: Database) -> bool:
    """Whether the relay has published everything."""
    (found,) = await rows(database, "SELECT count(*) FROM outbox WHERE published_at IS NULL")
    return bool(found["count"] == 0)


async def test_an_inquiry_that_cannot_be_registered_is_rejected(worker: Worker, database: Database) -> None:
    """Its record is put aside once and its receipt is told why; the inquiry beside it becomes a lead."""
    good = inquiry("good", phone("1"))
    bad = inquiry("bad", phone("2")).model_copy(update={"text": "what Postgres refuses: \x00"})
    (consumer,) = [one for one in worker.consumers if one.topic is INQUIRIES]
    batch = [
        Record(
            INQUIRIES.name, 0, offset, b"thread", event_type(one), {}, one.model_dump_json().encode(), one.received_at
        )
        for offset, one in enumerate((bad, good))
    ]
    for _ in range(2):
        await consumer.process(batch)
    assert 1 == len(await rows(database, "SELECT * FROM leads"))
    assert 1 == len(await rows(database, "SELECT * FROM dead_letters"))
    said = [
        orjson.loads(row["body"]) for row in await rows(database, "SELECT body FROM outbox WHERE topic LIKE '%settle%'")
    ]
    outcomes = [(one["receipt_id"], one["outcome"]) for one in said]
    assert 1 == outcomes.count((str(bad.receipt_id), "rejected"))
    assert (str(good.receipt_id), "new") in outcomes
