"""The batch consumer on the real broker and a real database."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import attrgetter
from types import SimpleNamespace

import pytest
from aiokafka import AIOKafkaProducer
from prometheus_client import REGISTRY

from deploy.local.servers import Servers
from shared.contracts.events import EVENT_TYPE_HEADER
from shared.contracts.topics import Topic
from shared.kit import inbox, reader
from shared.kit.broker import Broker
from shared.kit.consumer import Consumer
from shared.kit.database import Connection, Database
from shared.kit.health import lags_of
from shared.kit.reader import GroupSettings
from shared.kit.records import Received, Record, from_kafka
from tests.kit.conftest import FAST_GROUP, SERVICE, Noted, decode_noted, effects, migrate_kit, noted, record_effects
from tests.kit.running import consuming_worker, running
from tests.support.waiting import eventually


async def publish(bootstrap_servers: str, topic: Topic, bodies: Sequence[bytes], kind: bytes = b"noted.v1") -> None:
    """Write bodies into a topic, created when missing, spread over its partitions."""
    await Broker(bootstrap_servers).ensure_topics([topic])
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers)
    await producer.start()
    for position, body in enumerate(bodies):
        headers = [(EVENT_TYPE_HEADER, kind), ("odd", b"\xff\xfe")]
        await producer.send(topic.name, body, partition=position % topic.partitions, headers=headers)
    await producer.stop()


def bodies(*numbers: int) -> list[bytes]:
    """The encoded events with these numbers."""
    return [noted(number).model_dump_json().encode() for number in numbers]


def consumer_of(
    topic: Topic, database: Database, handle: object = record_effects, group: GroupSettings = FAST_GROUP
) -> Consumer[Noted]:
    """A consumer of the test's topic."""
    return Consumer(
        service=SERVICE,
        topic=topic,
        decode=decode_noted,
        handle=handle,  # type: ignore[arg-type]
        database=database,
        group=group,
    )


async def caught_up(bootstrap_servers: str, consumer: Consumer[Noted]) -> bool:
    """Whether the group has committed everything."""
    return (await lags_of(Broker(bootstrap_servers), [consumer]))[consumer.name] == 0


async def has_effects(database: Database, amount: int) -> bool:
    """Whether so many records had an effect."""
    return len(await effects(database)) == amount


async def test_every_record_has_one_effect(database: Database, topic: Topic, bootstrap_servers: str) -> None:
    """All records of all partitions take effect once, and the group's offsets say so."""
    await publish(bootstrap_servers, topic, bodies(*range(200)))
    consumer = consumer_of(topic, database)
    async with running(consuming_worker(consumer, bootstrap_servers)):
        await eventually(lambda: caught_up(bootstrap_servers, consumer), within=20)
    assert list(range(200)) == sorted(await effects(database))


async def test_lanes_work_at_the_same_time(database: Database, topic: Topic, bootstrap_servers: str) -> None:
    """In a backlog a batch is handled while another one's transaction is open; none is lost, and each partition keeps
    its order."""
    total, at_once, most = 3_000, 0, 0

    async def handle(connection: Connection, batch: Sequence[Received[Noted]]) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await record_effects(connection, batch)
        at_once -= 1

    # More batches than a lane takes in a row.
    group = replace(FAST_GROUP, lanes=2, max_records=20)
    consumer = consumer_of(topic, database, handle, group)
    await publish(bootstrap_servers, topic, bodies(*range(total)))
    async with running(consuming_worker(consumer, bootstrap_servers)):
        await eventually(lambda: caught_up(bootstrap_servers, consumer), within=60)
    assert 2 == most
    numbers = await effects(database)
    assert list(range(total)) == sorted(numbers)
    for partition in range(topic.partitions):
        mine = [number for number in numbers if number % topic.partitions == partition]
        assert list(range(partition, total, topic.partitions)) == mine


async def test_what_does_not_fill_a_batch_is_worked_on_alone(
    database: Database, topic: Topic, bootstrap_servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few records of all partitions are one batch, however many lanes there might be."""
    # Another lane would still wait for them when they come.
    monkeypatch.setattr("shared.kit.reader._LULL", timedelta(seconds=5))
    sizes: list[int] = []
    others = asyncio.Event()

    async def handle(connection: Connection, batch: Sequence[Received[Noted]]) -> None:
        sizes.append(len(batch))
        await record_effects(connection, batch)
        await others.wait()

    consumer = consumer_of(topic, database, handle, replace(FAST_GROUP, lanes=3))
    async with running(consuming_worker(consumer, bootstrap_servers)) as worker:
        await eventually(lambda: worker.is_running, within=20)
        await publish(bootstrap_servers, topic, bodies(0))
        await eventually(lambda: bool(sizes), within=20)
        await publish(bootstrap_servers, topic, bodies(*range(1, 31)))
        # Time for all of them to be fetched.
        await asyncio.sleep(1)
        others.set()
        await eventually(lambda: caught_up(bootstrap_servers, consumer), within=30)
    assert [1, 30] == sizes


async def test_a_lane_ends_with_a_batch_that_is_not_full(
    database: Database, topic: Topic, bootstrap_servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a full batch another lane works on what there is, once; what comes after that is left for all lanes."""
    monkeypatch.setattr("shared.kit.reader._LULL", timedelta(seconds=5))
    sizes: list[int] = []
    whole = asyncio.Event()

    async def handle(connection: Connection, batch: Sequence[Received[Noted]]) -> None:
        sizes.append(len(batch))
        await record_effects(connection, batch)
        if len(batch) == 10:
            await whole.wait()

    consumer = consumer_of(topic, database, handle, replace(FAST_GROUP, lanes=2, max_records=10))
    await Broker(bootstrap_servers).ensure_topics([topic])
    # A batch of the first partition alone, so that the others are free.
    await publish(bootstrap_servers, topic.model_copy(update={"partitions": 1}), bodies(*range(10)))
    async with running(consuming_worker(consumer, bootstrap_servers)):
        await eventually(lambda: bool(sizes), within=20)
        await publish(bootstrap_servers, topic, bodies(10, 11))
        await eventually(lambda: len(sizes) == 2, within=20)
        await publish(bootstrap_servers, topic, bodies(12, 13, 14))
        # Time for them to be fetched.
        await asyncio.sleep(1)
        beside_the_first = list(sizes)
        whole.set()
        await eventually(lambda: caught_up(bootstrap_servers, consumer), within=30)
    assert [10, 1] == beside_the_first
    assert list(range(15)) == sorted(await effects(database))


async def test_offsets_are_committed_after_the_database(
    database: Database, topic: Topic, bootstrap_servers: str
) -> None:
    """While a handler's transaction is open, the group has not committed the records in it."""
    await publish(bootstrap_servers, topic, bodies(1))
    committed_while_open: list[dict[str, dict[int, int]]] = []

    async def handle(connection: Connection, batch: Sequence[Received[Noted]]) -> None:
        await record_effects(connection, batch)
        # Long enough for a commit that was sent before the handler to be seen.
        await asyncio.sleep(0.3)
        committed_while_open.append(await Broker(bootstrap_servers).committed(consumer.name))

    consumer = consumer_of(topic, database, handle)
    async with running(consuming_worker(consumer, bootstrap_servers)):
        await eventually(lambda: caught_up(bootstrap_servers, consumer), within=20)
    assert [{}] == committed_while_open


async def test_a_stop_leaves_nothing_to_be_read_again(
    database: Database, topic: Topic, bootstrap_servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is done when a worker is told to stop is committed before it leaves its group."""
    monkeypatch.setattr("shared.kit.reader._COMMIT_SECONDS", 60.0)
    consumer = consumer_of(topic, database)
    async with running(consuming_worker(consumer, bootstrap_servers)) as worker:
        await eventually(lambda: worker.is_running, within=20)
        for number in range(4):
            await publish(bootstrap_servers, topic, bodies(number))
            await eventually(partial(has_effects, database, number + 1), within=20)
    assert await caught_up(bootstrap_servers, consumer)


async def test_a_crash_before_the_commit_repeats_the_batch(
    database: Database, topic: Topic, bootstrap_servers: str
) -> None:
    """A consumer that dies within its transaction leaves no effect, and the next one does the work."""
    await publish(bootstrap_servers, topic, bodies(1, 2, 3))
    reached = asyncio.Event()

    async def hang(connection: Connection, batch: Sequence[Received[Noted]]) -> None:
        await record_effects(connection, batch)
        reached.set()
        await asyncio.Event().wait()

    async with running(consuming_worker(consumer_of(topic, database, hang), bootstrap_servers)):
        await asyncio.wait_for(reached.wait(), 20)
    assert [] == await effects(database)
    second = consumer_of(topic, database)
    async with running(consuming_worker(second, bootstrap_servers)):
        await eventually(lambda: caught_up(bootstrap_servers, second), within=20)
    assert [1, 2, 3] == sorted(await effects(database))


async def test_a_poison_record_is_put_aside_alone(database: Database, topic: Topic, bootstrap_servers: str) -> None:
    """One record that the handler fails on and one that does not decode become dead letters; the rest flow."""

    async def handle(connection: Connection, batch: Sequence[Received[Noted]]) -> None:
        await record_effects(connection, batch)
        if any(received.event.number == 13 for received in batch):
            raise ValueError("thirteen")

    sent = bodies(*range(40))
    await publish(bootstrap_servers, topic, [*sent, b"not json"])
    consumer = consumer_of(topic, database, handle)
    async with running(consuming_worker(consumer, bootstrap_servers)):
        await eventually(lambda: caught_up(bootstrap_servers, consumer), within=20)
    assert sorted(set(range(40)) - {13}) == sorted(await effects(database))
    async with database.connection() as connection:
        letters = await connection.fetch("SELECT body, attempts, error FROM dead_letters ORDER BY attempts")
        copies = await connection.fetchval("SELECT count(*) FROM outbox WHERE topic = $1", topic.dead_letters(SERVICE))
    assert [(b"not json", 1), (sent[13], 3)] == [(row["body"], row["attempts"]) for row in letters]
    assert 2 == copies
    assert "thirteen" not in letters[1]["error"], "an error's text may quote a record"


async def test_an_unknown_type_is_skipped(database: Database, topic: Topic, bootstrap_servers: str) -> None:
    """An event of a newer producer neither stops the consumer nor becomes a dead letter."""
    await publish(bootstrap_servers, topic, bodies(1), kind=b"invented.v9")
    consumer = consumer_of(topic, database)
    async with running(consuming_worker(consumer, bootstrap_servers)):
        await eventually(lambda: caught_up(bootstrap_servers, consumer), within=20)
    async with database.connection() as connection:
        assert 0 == await connection.fetchval("SELECT count(*) FROM dead_letters")
    assert [] == await effects(database)


async def test_too_many_dead_letters_stop_the_consumer(
    database: Database, topic: Topic, bootstrap_servers: str
) -> None:
    """Past the limit the consumer stands still until an operator resumes it, and then goes on."""
    await publish(bootstrap_servers, topic, [b"bad"] * 101)
    consumer = consumer_of(topic, database)

    async def stopped() -> bool:
        async with database.connection() as connection:
            return bool(await connection.fetchval("SELECT count(*) FROM consumer_stops"))

    async with running(consuming_worker(consumer, bootstrap_servers)):
        await eventually(stopped, within=20)
        await publish(bootstrap_servers, topic, bodies(7))
        assert not await caught_up(bootstrap_servers, consumer)
        async with database.connection() as connection:
            await connection.execute("DELETE FROM consumer_stops")
        await eventually(lambda: caught_up(bootstrap_servers, consumer), within=20)
    assert [7] == await effects(database)


async def test_a_consumer_waits_for_its_database(topic: Topic, kit_url: str, private_servers: Servers) -> None:
    """While the database is away nothing is dead-lettered; when it is back everything takes effect."""
    servers = private_servers
    url = f"{servers.postgres.url}/postgres"
    await migrate_kit(url)
    database = Database(url)
    await database.open()
    consumer = consumer_of(topic, database)
    async with running(consuming_worker(consumer, servers.kafka.bootstrap_servers)) as worker:
        await eventually(lambda: worker.is_running, within=20)
        await servers.postgres.kill()
        await publish(servers.kafka.bootstrap_servers, topic, bodies(*range(30)))
        await asyncio.sleep(1)
        assert REGISTRY.get_sample_value("leadline_consumer_stopped", {"consumer": consumer.name}) != 1, "waits only"
        await servers.postgres.start()
        await eventually(lambda: caught_up(servers.kafka.bootstrap_servers, consumer), within=30)
    assert list(range(30)) == sorted(await effects(database))
    async with database.connection() as connection:
        assert 0 == await connection.fetchval("SELECT count(*) FROM dead_letters")
    await database.close()


async def claim_and_record(connection: Connection, batch: Sequence[Received[Noted]]) -> None:
    """The handler that real consumers resemble: claim, then work."""
    new = await inbox.claim(connection, SERVICE, [received.event.event_id for received in batch])
    await record_effects(connection, [received for received in batch if received.event.event_id in new])
    await asyncio.sleep(0.01)


async def test_joining_and_killed_workers_lose_and_double_nothing(
    database: Database, topic: Topic, bootstrap_servers: str, kit_url: str
) -> None:
    """Worker processes that join, and are killed with SIGKILL, leave exactly one effect per record."""
    numbers = list(range(3000))
    await Broker(bootstrap_servers).ensure_topics([topic])
    group = GroupSettings(session_timeout=timedelta(seconds=6), max_records=20)
    consumer = consumer_of(topic, database, claim_and_record, group)
    command = [sys.executable, "-m", "tests.kit.lone_worker", kit_url, bootstrap_servers, topic.model_dump_json()]
    workers = [await asyncio.create_subprocess_exec(*command)]
    try:
        for start in range(0, 3000, 600):
            await publish(bootstrap_servers, topic, bodies(*numbers[start : start + 600]))
            workers.append(await asyncio.create_subprocess_exec(*command))
            await eventually(partial(_progress, database, start), within=40)
            victim = workers.pop(0)
            os.kill(victim.pid, signal.SIGKILL)
            await victim.wait()
        await eventually(lambda: caught_up(bootstrap_servers, consumer), within=60)
    finally:
        for worker in workers:
            worker.kill()
            await worker.wait()
    assert numbers == sorted(await effects(database))


async def _progress(database: Database, count: int) -> bool:
    return len(await effects(database)) > count


async def test_what_cannot_be_stored_of_a_bad_record_does_not_take_its_neighbours_along(
    database: Database, topic: Topic
) -> None:
    """A dead letter with NUL in its key and headers, of the year 58693, is kept, and so are the effects beside it."""
    consumer = consumer_of(topic, database)
    raw = SimpleNamespace(
        topic=topic.name,
        partition=0,
        offset=1,
        timestamp=1_790_000_000_000_000,
        key=b"\x00key",
        value=b"\x00 no json",
        headers=[("event-type", b"noted.v1"), ("odd\x00", b"\x00\xff")],
    )
    await consumer.process([from_kafka(raw), as_record(topic, noted(1), 2)])
    assert [1] == await effects(database)
    async with database.connection() as connection:
        assert 1 == await connection.fetchval("SELECT count(*) FROM dead_letters")


def as_record(topic: Topic, event: Noted, offset: int) -> Record:
    """An event as it would be read."""
    body = event.model_dump_json().encode()
    return Record(topic.name, 0, offset, b"key", "noted.v1", {}, body, datetime.now(UTC))


async def test_a_record_is_put_aside_once_and_whoever_waits_is_told(database: Database, topic: Topic) -> None:
    """A bad record that is read again is neither kept nor announced a second time."""
    told: list[tuple[int, str]] = []

    async def fail(_: Connection, batch: Sequence[Received[Noted]]) -> None:
        raise KeyError("never")

    async def tell(_: Connection, received: Received[Noted], error: str) -> None:
        told.append((received.event.number, error))

    consumer = Consumer(
        service=SERVICE, topic=topic, decode=decode_noted, handle=fail, database=database, on_put_aside=tell
    )
    record = as_record(topic, noted(7), 1)
    for _ in range(2):
        await consumer.process([record])
    assert [(7, "KeyError")] == told
    async with database.connection() as connection:
        assert 1 == await connection.fetchval("SELECT count(*) FROM dead_letters")
        assert 1 == await connection.fetchval("SELECT count(*) FROM outbox")


async def test_an_unexpected_failure_repeats_the_batch(
    database: Database, topic: Topic, bootstrap_servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails in the machinery itself, the batch is processed again and its offsets wait for it."""
    await publish(bootstrap_servers, topic, bodies(*range(10)))
    consumer = consumer_of(topic, database)
    whole, failures = consumer.process, [RuntimeError("a bug"), RuntimeError("still there")]

    async def process(records: Sequence[Record]) -> None:
        if failures:
            raise failures.pop()
        await whole(records)

    monkeypatch.setattr(consumer, "process", process)
    async with running(consuming_worker(consumer, bootstrap_servers)):
        await eventually(lambda: caught_up(bootstrap_servers, consumer), within=20)
    assert list(range(10)) == sorted(await effects(database))


@pytest.mark.parametrize("part", ["from_kafka", "_Offsets.note"])
async def test_what_the_reader_itself_fails_on_is_read_again(
    part: str, database: Database, topic: Topic, bootstrap_servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When reading raises outside of the handler, what all lanes had in hand is worked on all the same, in order."""
    total, calls, whole = 300, 0, attrgetter(part)(reader)

    def fail_once(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise RuntimeError("a bug")
        return whole(*arguments)

    monkeypatch.setattr(f"shared.kit.reader.{part}", fail_once)
    await publish(bootstrap_servers, topic, bodies(*range(total)))
    group = replace(FAST_GROUP, lanes=2, max_records=20)
    consumer = consumer_of(topic, database, claim_and_record, group)
    async with running(consuming_worker(consumer, bootstrap_servers)):
        await eventually(lambda: caught_up(bootstrap_servers, consumer), within=30)
    numbers = await effects(database)
    assert list(range(total)) == sorted(numbers)
    for partition in range(topic.partitions):
        mine = [number for number in numbers if number % topic.partitions == partition]
        assert list(range(partition, total, topic.partitions)) == mine
