"""Consuming: a batch is one transaction, its offsets are committed after it, a bad record is put aside alone."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from time import monotonic, perf_counter
from typing import Generic, TypeVar

import asyncpg
from faststream.kafka import KafkaBroker
from pydantic import ValidationError

from shared.contracts.events import Event
from shared.contracts.topics import Topic
from shared.kit import dead_letters, metrics
from shared.kit.broker import group_id
from shared.kit.database import Connection, Database, is_conflict, is_transient
from shared.kit.logging import describe, get_logger
from shared.kit.loops import Backoff
from shared.kit.reader import GroupSettings, Reader
from shared.kit.records import Received, Record

log = get_logger()

E = TypeVar("E", bound=Event)
T = TypeVar("T")
Decode = Callable[[str, bytes], E | None]
Handle = Callable[[Connection, Sequence[Received[E]]], Awaitable[None]]
OnPutAside = Callable[[Connection, Received[E], str], Awaitable[None]]
"""Called in the transaction that puts a record aside, with the name of the error."""

ATTEMPTS = 3
# How late a process may notice that another one of its group has stopped the group.
_LOOK_SECONDS = 1.0


class Consumer(Generic[E]):
    """Reads one topic for one service.

    `handle` gets a transaction and the decoded records of one fetch, in the order of each partition, and must be
    idempotent: after a crash, a rebalance or a commit whose answer was lost it gets the same records again. While
    a server is away it is called again and again, and nothing overtakes. When it raises anything else the batch
    is halved until the record at fault stands alone, which becomes a dead letter after `ATTEMPTS` tries;
    `on_put_aside` may then tell whoever waits for an answer. Too many dead letters stop the consumer, if `is_limited`.
    """

    def __init__(
        self,
        *,
        service: str,
        topic: Topic,
        decode: Decode[E],
        handle: Handle[E],
        database: Database,
        group: GroupSettings = GroupSettings(),
        on_put_aside: OnPutAside[E] | None = None,
        is_limited: bool = True,
    ) -> None:
        self.name = group_id(service, topic)
        self.topic = topic
        self._service = service
        self._decode = decode
        self._handle = handle
        self._database = database
        self._group = group
        self._on_put_aside = on_put_aside
        self._is_limited = is_limited
        self._limit = dead_letters.Limit()
        self._look_at = 0.0

    def subscribe(self, broker: KafkaBroker) -> None:
        """Register with a broker that has not been started yet."""
        Reader(self.name, self._group, self._insist).subscribe(broker, self.topic)

    async def _insist(self, records: Sequence[Record]) -> None:
        """Process until it succeeds: an exception that reaches FastStream would skip the batch."""
        backoff = Backoff()
        while True:
            try:
                return await self.process(records)
            except Exception as error:
                log.critical(
                    "batch fails and is tried again", consumer=self.name, error=describe(error), exc_info=error
                )
                metrics.batch_retries.labels(self.name, "unexpected").inc()
            await backoff.wait()

    async def process(self, records: Sequence[Record]) -> None:
        """Give every record its effect, or put it aside; returns only when each has one of both durably.

        May be repeated with the same records: effects and dead letters are idempotent.
        """
        if monotonic() >= self._look_at:
            await self._wait_while_stopped()
        started = perf_counter()
        good: list[Received[E]] = []
        bad: list[tuple[Record, Exception]] = []
        for record in records:
            try:
                event = self._decode(record.type, record.body)
            except (ValidationError, ValueError, RecursionError) as error:
                bad.append((record, error))
                continue
            if event is None:
                metrics.records_skipped.labels(self.name).inc()
            else:
                good.append(Received(record, event))
        await self._apply(good)
        for record, unreadable in bad:
            await self._put_aside(record, None, unreadable, attempts=1)
        self._limit.count_records(len(records))
        metrics.records_consumed.labels(self.name).inc(len(records))
        metrics.batch_seconds.labels(self.name).observe(perf_counter() - started)

    async def _apply(self, batch: Sequence[Received[E]]) -> None:
        if not batch:
            return
        error = await self._attempt(batch)
        if error is None:
            return
        if len(batch) > 1:
            metrics.batch_retries.labels(self.name, "halved").inc()
            middle = len(batch) // 2
            await self._apply(batch[:middle])
            await self._apply(batch[middle:])
            return
        pause = Backoff()
        for _ in range(ATTEMPTS - 1):
            await pause.wait()
            if (error := await self._attempt(batch)) is None:
                return
        await self._put_aside(batch[0].record, batch[0], error, attempts=ATTEMPTS)

    async def _attempt(self, batch: Sequence[Received[E]]) -> Exception | None:
        """Run the handler in a transaction until it commits; return the error when it is the records' own."""
        backoff, wait = Backoff(shortest=timedelta(milliseconds=20)), _Wait(self.name)
        while True:
            try:
                async with self._database.transaction() as connection:
                    await self._handle(connection, batch)
            except Exception as error:
                if not (is_transient(error) or is_conflict(error)):
                    return error
                if isinstance(error, asyncpg.QueryCanceledError) and len(batch) > 1:
                    # Too much for one statement, not a server that is away: less of it may do.
                    return error
                cause = "conflict" if is_conflict(error) else "transient"
                metrics.batch_retries.labels(self.name, cause).inc()
                wait.tell(error)
                await backoff.wait()
            else:
                wait.end()
                return None

    async def _put_aside(self, record: Record, received: Received[E] | None, error: Exception, attempts: int) -> None:
        log.error(
            "record put aside",
            consumer=self.name,
            partition=record.partition,
            offset=record.offset,
            type=record.type,
            error=describe(error),
        )
        letter = dead_letters.Letter(self.name, record, describe(error), attempts)

        async def keep() -> bool:
            async with self._database.transaction() as connection:
                if not await dead_letters.put(connection, letter, self.topic.dead_letters(self._service)):
                    return False
                if received is not None and self._on_put_aside is not None:
                    await self._on_put_aside(connection, received, type(error).__name__)
                return True

        # What was put aside before, and is read again, does not count again.
        if await self._until_answered(keep):
            metrics.dead_letters.labels(self.name).inc()
            if self._is_limited and self._limit.count_dead_letter():
                await self._stop()

    async def _until_answered(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask the database until it answers; raises what waiting cannot mend."""
        backoff, wait = Backoff(), _Wait(self.name)
        while True:
            try:
                answer = await ask()
            except Exception as error:
                if not (is_transient(error) or is_conflict(error)):
                    raise
                wait.tell(error)
                await backoff.wait()
            else:
                wait.end()
                return answer

    async def _stop(self) -> None:
        reason = f"over {dead_letters.PER_MINUTE} dead letters within a minute or {dead_letters.PER_RECORDS} records"

        async def note() -> None:
            async with self._database.transaction() as connection:
                query = "INSERT INTO consumer_stops (consumer, reason) VALUES ($1, $2) ON CONFLICT DO NOTHING"
                await connection.execute(query, self.name, reason)

        await self._until_answered(note)
        log.critical("consumer stopped: resume it with `leadline ops resume`", consumer=self.name, reason=reason)
        self._limit.reset()
        # The other lanes look at once, too.
        self._look_at = 0.0
        await self._wait_while_stopped()

    async def _wait_while_stopped(self) -> None:
        backoff = Backoff()
        while await self._until_answered(self._is_stopped):
            metrics.consumer_stopped.labels(self.name).set(1)
            await backoff.wait()
        metrics.consumer_stopped.labels(self.name).set(0)
        self._look_at = monotonic() + _LOOK_SECONDS

    async def _is_stopped(self) -> bool:
        async with self._database.connection() as connection:
            query = "SELECT EXISTS (SELECT 1 FROM consumer_stops WHERE consumer = $1)"
            return bool(await connection.fetchval(query, self.name))

    async def replay(self, connection: Connection, record: Record) -> None:
        """Run the handler on a dead letter in the caller's transaction; raises what the handler raises."""
        event = self._decode(record.type, record.body)
        if event is not None:
            await self._handle(connection, [Received(record, event)])


class _Wait:
    """Says once that a consumer waits for its database, and that it goes on. A conflict is over too soon to tell of."""

    def __init__(self, consumer: str) -> None:
        self._consumer = consumer
        self._is_told = False

    def tell(self, error: Exception) -> None:
        """It waits, because of this error."""
        if not self._is_told and is_transient(error):
            self._is_told = True
            log.warning("consumer waits", consumer=self._consumer, error=describe(error))

    def end(self) -> None:
        """It has its answer."""
        if self._is_told:
            log.info("consumer goes on", consumer=self._consumer)
