"""Publishing: rows that wait in the database reach Kafka in order, also after a broker that lost its log.

One relay per service is active, by an advisory lock on a connection of its own; the same connection marks what
was published, so a relay that lost its lock cannot mark. Rows are chosen by being unsent, never by an id above
the last one: a transaction that commits late would be skipped.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, Self

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata

from shared.contracts.events import EVENT_TYPE_HEADER, PARTITION_KEY_HEADER
from shared.contracts.topics import Topic
from shared.kit import metrics
from shared.kit.broker import Broker, build_producer
from shared.kit.database import SLICE, Connection, Database, affected
from shared.kit.logging import get_logger
from shared.kit.signals import Signal

log = get_logger()

BATCH = 1000
_POLL = timedelta(milliseconds=50)
_STANDBY = timedelta(seconds=1)
_CHECK_LOG_SECONDS = 30.0
_GAUGES_SECONDS = 5.0
_PARTITIONER = DefaultPartitioner()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A row that waits to be published; `id` is the source's own."""

    id: int
    topic: str
    key: str
    type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Published:
    """Where the broker put a row."""

    id: int
    topic: str
    partition: int
    offset: int


class Positions(NamedTuple):
    """The highest acknowledged offsets, as columns: the first four parameters of a statement with `SAVE_POSITIONS`."""

    topics: list[str]
    partitions: list[int]
    offsets: list[int]
    cluster_id: str

    @classmethod
    def of(cls, published: Sequence[Published], cluster_id: str) -> Self:
        """The highest offset of each partition that some rows went to."""
        highest: dict[tuple[str, int], int] = {}
        for row in published:
            at = (row.topic, row.partition)
            highest[at] = max(row.offset, highest.get(at, -1))
        topics, partitions = [topic for topic, _ in highest], [partition for _, partition in highest]
        return cls(topics, partitions, list(highest.values()), cluster_id)


SAVE_POSITIONS = """
    positions AS (
        INSERT INTO relay_positions (topic, partition, last_offset, cluster_id)
        SELECT topic, partition, last_offset, $4
        FROM unnest($1::text[], $2::int[], $3::bigint[]) AS row (topic, partition, last_offset)
        ON CONFLICT (topic, partition) DO UPDATE
        SET cluster_id = excluded.cluster_id, last_offset = excluded.last_offset
    )
"""
"""A CTE for the statement that marks rows: both are written or neither is, on one way to the server and back."""


class RelaySource(Protocol):
    """Where rows wait. All calls come on the relay's own connection, whose last commits a crashed server may forget:
    what is written here must be such that it is only done again then."""

    name: str
    topics: Sequence[Topic]
    written: Signal

    async def fetch(self, connection: Connection, limit: int) -> Sequence[Outgoing]:
        """The oldest rows that are not published, in order; may settle those that need no publishing by itself."""
        ...

    async def mark(self, connection: Connection, published: Sequence[Published], positions: "Positions") -> None:
        """Note that these rows are published, and how far the broker is, in one statement (`SAVE_POSITIONS`)."""
        ...

    async def unsend(self, connection: Connection, topic: Topic) -> int:
        """Make a slice of a topic's lost rows wait again; returns how many, 0 when there are no more."""
        ...

    async def backlog(self, connection: Connection) -> tuple[int, datetime | None]:
        """How many rows wait, and since when the oldest one does."""
        ...


class Relay:
    """A loop that publishes what waits in a source."""

    def __init__(self, *, source: RelaySource, database: Database, broker: Broker, service: str) -> None:
        self.name = f"relay {source.name}"
        self._source = source
        self._database = database
        self._written = source.written.waiter()
        self._broker = broker
        self._service = service
        self._topics = {topic.name: topic for topic in source.topics}
        self._connection: Connection | None = None
        self._producer: AIOKafkaProducer | None = None
        self._positions: dict[tuple[str, int], int] = {}
        self._cluster_id = ""
        self._check_at = 0.0
        self._gauges_at = 0.0

    async def tick(self) -> timedelta:
        """Publish the next rows, or wait for some; raises when a server is away, and then starts afresh."""
        try:
            if self._connection is None and not await self._lead():
                return _STANDBY
            return await self._publish_next()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Give up the lock and the producer; what was not acknowledged stays unsent."""
        connection, self._connection = self._connection, None
        producer, self._producer = self._producer, None
        if connection is not None:
            connection.terminate()
        if producer is not None:
            # stop() waits for the broker to take what is in flight, which a dead broker never does.
            try:
                async with asyncio.timeout(2):
                    await producer.stop()
            except TimeoutError:
                log.info("producer abandoned", relay=self.name)

    async def _lead(self) -> bool:
        connection = await self._database.dedicated()
        if not await connection.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", self.name):
            await connection.close()
            return False
        # A mark that is lost with the server costs a record that is published twice, which everybody stands.
        await connection.execute("SET synchronous_commit = off")
        self._connection = connection
        self._check_at = 0.0
        return True

    async def _publish_next(self) -> timedelta:
        connection = self._connection
        assert connection is not None
        if time.monotonic() >= self._check_at:
            await self._check_log(connection)
        await self._update_gauges(connection)
        rows = await self._source.fetch(connection, BATCH)
        if not rows:
            await self._written.wait(_POLL)
            return timedelta(0)
        await self._mark(connection, *await self._send(rows))
        return timedelta(0)

    async def _send(self, rows: Sequence[Outgoing]) -> tuple[list[Published], BaseException | None]:
        """Publish rows in order; what the broker acknowledged, and the first failure."""
        if self._producer is None:
            self._producer = build_producer(self._broker.bootstrap_servers, self._service)
            await self._producer.start()
        futures: list[asyncio.Future[RecordMetadata]] = []
        latest: dict[tuple[str, int], asyncio.Future[RecordMetadata]] = {}
        failure: BaseException | None = None
        bundles = await _bundle(self._producer, rows)
        try:
            for bundle in bundles:
                if earlier := latest.get((bundle.topic, bundle.partition)):
                    # The producer would send the next bundle also after one that the broker has refused.
                    await earlier
                future = await self._producer.send_batch(bundle.builder, bundle.topic, partition=bundle.partition)
                latest[bundle.topic, bundle.partition] = future
                futures.append(future)
        except Exception as error:
            failure = error
        answers = await asyncio.gather(*futures, return_exceptions=True)
        published = []
        for bundle, answer in zip(bundles, answers, strict=False):
            if isinstance(answer, BaseException):
                failure = failure or answer
            else:
                places = enumerate(bundle.ids, answer.offset)
                published += [Published(id_, bundle.topic, bundle.partition, offset) for offset, id_ in places]
        return published, failure

    async def _mark(
        self, connection: Connection, published: Sequence[Published], failure: BaseException | None
    ) -> None:
        lost = {row.topic for row in published if row.offset <= self._positions.get((row.topic, row.partition), -1)}
        if lost:
            await self._publish_again(connection, lost, "an acknowledgement below an earlier one")
            # Learn which cluster this is, and create what else it lacks, before anything is published again.
            self._check_at = 0.0
            return
        positions = Positions.of(published, self._cluster_id)
        await self._source.mark(connection, published, positions)
        places = zip(positions.topics, positions.partitions, strict=True)
        self._positions.update(zip(places, positions.offsets, strict=True))
        for topic, count in Counter(row.topic for row in published).items():
            metrics.relay_published.labels(topic).inc(count)
        if failure is not None:
            raise failure

    async def _check_log(self, connection: Connection) -> None:
        """Create missing topics, and compare the broker's log with what it acknowledged before."""
        created = await self._broker.ensure_topics(self._topics.values())
        if created:
            log.info("topics created", topics=created)
        self._cluster_id = await self._broker.cluster_id()
        rows = await connection.fetch(
            "SELECT topic, partition, cluster_id, last_offset FROM relay_positions WHERE topic = ANY($1)",
            list(self._topics),
        )
        self._positions = {(row["topic"], row["partition"]): row["last_offset"] for row in rows}
        lost = {row["topic"] for row in rows if row["cluster_id"] != self._cluster_id}
        ends = await self._broker.end_offsets(*{row["topic"] for row in rows})
        lost |= {topic for (topic, at), last in self._positions.items() if ends[topic].get(at, 0) <= last}
        if lost:
            await self._publish_again(connection, lost, "its log ends below what it acknowledged")
        self._check_at = time.monotonic() + _CHECK_LOG_SECONDS

    async def _publish_again(self, connection: Connection, lost: set[str], why: str) -> None:
        for name in sorted(lost):
            rows = 0
            while slice_of_rows := await self._source.unsend(connection, self._topics[name]):
                rows += slice_of_rows
            # Forgotten last: whoever takes over in between finds the same loss and goes on with it.
            await connection.execute("DELETE FROM relay_positions WHERE topic = $1", name)
            metrics.relay_republished.labels(name).inc(rows)
            log.error("the broker lost its log: publishing again", topic=name, rows=rows, why=why)
        self._positions = {at: last for at, last in self._positions.items() if at[0] not in lost}

    async def _update_gauges(self, connection: Connection) -> None:
        if time.monotonic() < self._gauges_at:
            return
        unsent, oldest = await self._source.backlog(connection)
        age = (datetime.now(oldest.tzinfo) - oldest).total_seconds() if oldest else 0.0
        metrics.relay_unsent.labels(self._source.name).set(unsent)
        metrics.relay_oldest.labels(self._source.name).set(age)
        self._gauges_at = time.monotonic() + _GAUGES_SECONDS


@dataclass(frozen=True, slots=True)
class _Bundle:
    """Records for one partition, in order, and the rows that they came from."""

    topic: str
    partition: int
    builder: BatchBuilder
    ids: list[int]


async def _bundle(producer: AIOKafkaProducer, rows: Sequence[Outgoing]) -> list[_Bundle]:
    """Pack rows into batches ourselves, in order for each partition: a future for each record would cost more than
    all the rest of publishing it."""
    partitions = {topic: sorted(await producer.partitions_for(topic)) for topic in {row.topic for row in rows}}
    bundles: list[_Bundle] = []
    latest: dict[tuple[str, int], _Bundle] = {}
    for row in rows:
        key = row.key.encode()
        partition = _PARTITIONER(key, partitions[row.topic], partitions[row.topic])
        headers = [(EVENT_TYPE_HEADER, row.type.encode()), (PARTITION_KEY_HEADER, key)]
        at = (row.topic, partition)
        bundle = latest.get(at)
        # A builder answers None when it is full; the first record of one always fits.
        if bundle is None or not bundle.builder.append(timestamp=None, key=key, value=row.body, headers=headers):
            bundle = latest[at] = _Bundle(row.topic, partition, producer.create_batch(), [])
            bundles.append(bundle)
            bundle.builder.append(timestamp=None, key=key, value=row.body, headers=headers)
        bundle.ids.append(row.id)
    return bundles


class OutboxSource:
    """The outbox table as a relay's source."""

    name = "outbox"

    def __init__(self, topics: Sequence[Topic], written: Signal) -> None:
        self.topics = topics
        self.written = written

    async def fetch(self, connection: Connection, limit: int) -> Sequence[Outgoing]:
        """The unsent rows with the lowest ids."""
        rows = await connection.fetch(
            "SELECT id, topic, key, type, body FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT $1",
            limit,
        )
        return [Outgoing(row["id"], row["topic"], row["key"], row["type"], row["body"]) for row in rows]

    async def mark(self, connection: Connection, published: Sequence[Published], positions: Positions) -> None:
        """Stamp rows as published."""
        await connection.execute(
            f"WITH {SAVE_POSITIONS} UPDATE outbox SET published_at = now() WHERE id = ANY($5::bigint[])",  # noqa: S608  # nosec B608
            *positions,
            [row.id for row in published],
        )

    async def unsend(self, connection: Connection, topic: Topic) -> int:
        """Make the kept rows of the topic wait again, a slice at a time."""
        return affected(
            await connection.execute(
                """
                UPDATE outbox SET published_at = NULL WHERE id = ANY (ARRAY(
                    SELECT id FROM outbox WHERE topic = $1 AND published_at IS NOT NULL LIMIT $2
                ))
                """,
                topic.name,
                SLICE,
            )
        )

    async def backlog(self, connection: Connection) -> tuple[int, datetime | None]:
        """The number of unsent rows and the time of the first."""
        row = await connection.fetchrow("SELECT count(*), min(created_at) FROM outbox WHERE published_at IS NULL")
        assert row is not None
        return row[0], row[1]

    async def prune(self, connection: Connection) -> int:
        """Delete a slice of the published rows that their topic has dropped too, and return how many.

        Of a compacted topic all but the last row of each key go.
        """
        dropped = {topic.name: topic.retention for topic in self.topics if topic.retention is not None}
        return affected(
            await connection.execute(
                """
                DELETE FROM outbox WHERE id = ANY (ARRAY(
                    SELECT id FROM outbox
                    JOIN unnest($1::text[], $2::interval[]) AS kept (topic, retention) USING (topic)
                    WHERE published_at < now() - retention LIMIT $4
                ) || ARRAY(
                    SELECT id FROM (
                        SELECT id, published_at, max(id) OVER (PARTITION BY topic, key) AS last
                        FROM outbox WHERE topic = ANY ($3::text[])
                    ) AS compacted WHERE id < last AND published_at IS NOT NULL LIMIT $4
                ))
                """,
                list(dropped),
                list(dropped.values()),
                [topic.name for topic in self.topics if topic.retention is None],
                SLICE,
            )
        )
