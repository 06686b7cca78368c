"""The worker's parts as they are wired: records in, time in."""

from collections.abc import Sequence
from datetime import UTC, timedelta

from services.assignment.schedules import HandoverSweep, QueueSweep
from services.assignment.wiring import build_consumer
from shared.contracts.events import Event, event_type
from shared.contracts.topics import LEAD_EVENTS, published_by
from shared.kit.assembly import Assembly, housekeeping
from shared.kit.database import Database
from shared.kit.records import Record
from shared.kit.relay import OutboxSource
from shared.kit.settings import CommonSettings
from tests.assignment.books import add, apply, check_books, published, snapshot
from tests.assignment.makers import NOON, assigned, closed, deleted, ready, refused, shift
from tests.support.clock import MovingClock


def records(events: Sequence[Event]) -> list[Record]:
    """Events as they come from Kafka."""
    return [record(event_type(event), event.model_dump_json().encode(), at) for at, event in enumerate(events)]


def record(kind: str, body: bytes, offset: int) -> Record:
    """One record of `leads.events.v1`."""
    return Record(LEAD_EVENTS.name, 0, offset, b"1", kind, {}, body, NOON)


async def test_one_bad_record_does_not_hold_up_the_others(
    database: Database, clock: MovingClock, common: CommonSettings
) -> None:
    """Bytes that are no event, and an event that the tables refuse, become dead letters; the rest has its effect."""
    ana = await add(database, "Ana")
    consumer = build_consumer(Assembly("assignment", common, database, clock))
    batch = records([ready(1), ready(2**63), assigned(1, 1, ana), ready(2)])
    batch.insert(1, record("lead.ready.v1", b"\xff{", 10))
    batch.insert(2, record("lead.painted.v9", b"{}", 11))
    await consumer.process(batch)
    assert {1: "assigned", 2: "decided"} == {
        row["lead_id"]: row["stage"] for row in (await snapshot(database))["leads"]
    }
    async with database.connection() as connection:
        letters = await connection.fetch('SELECT "offset" FROM dead_letters ORDER BY 1')
    assert [1, 10] == [letter["offset"] for letter in letters]
    await check_books(database)


async def test_the_topic_may_be_read_again_from_the_start(
    database: Database, clock: MovingClock, common: CommonSettings
) -> None:
    """Records delivered again, through the consumer, leave every table as it was."""
    ana = await add(database, "Ana", capacity=2)
    consumer = build_consumer(Assembly("assignment", common, database, clock))
    history = records(
        [ready(1), ready(2), ready(3), assigned(1, 1, ana), refused(2, 1, ana), closed(1, by=ana), deleted(3)]
    )
    await consumer.process(history)
    before = await snapshot(database)
    clock.advance(timedelta(days=365))
    await consumer.process(history)
    assert before == await snapshot(database)


async def test_the_queue_sweep_rests_when_nothing_can_be_given_out(database: Database, clock: MovingClock) -> None:
    """A tick gives out what waits and is called again at once; with nothing to give it sleeps."""
    hours = [shift(0, "13:00", "17:00").model_dump(mode="json")]
    await add(database, "Ana", working_hours=hours, capacity=1)
    await apply(database, ready(1), ready(2))
    sweep = QueueSweep(database, clock, timedelta(seconds=2))
    assert timedelta(seconds=2) == await sweep.tick()
    clock.advance(timedelta(hours=1))
    assert timedelta(0) == await sweep.tick()
    assert timedelta(seconds=2) == await sweep.tick()
    assert ["decided", "queued"] == [row["stage"] for row in (await snapshot(database))["leads"]]


async def test_the_hand_over_sweep_repeats_what_has_no_answer(database: Database, clock: MovingClock) -> None:
    """A tick publishes silent decisions again, each only when its time has come."""
    await add(database, "Ana")
    await apply(database, ready(1))
    sweep = HandoverSweep(database, clock, timedelta(seconds=5))
    assert timedelta(seconds=5) == await sweep.tick()
    assert 1 == len(await published(database))
    clock.advance(timedelta(minutes=1))
    await sweep.tick()
    await sweep.tick()
    assert 2 == len(await published(database))


async def test_housekeeping_keeps_what_may_be_needed(database: Database) -> None:
    """The nightly job deletes what its topic has dropped, and never the latest state of a member."""
    await add(database, "Ana")
    await apply(database, ready(1))
    async with database.connection() as connection:
        await connection.execute("UPDATE outbox SET published_at = now() - interval '90 days'")
    source = OutboxSource(published_by("assignment"), database.committed)
    await housekeeping(database, source, UTC).run(NOON)
    assert ["member.changed.v1"] == [row["type"] for row in (await snapshot(database))["outbox"]]
