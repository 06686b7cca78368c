"""Reading a topic: batches of records, partitions that come and go, and offsets that follow what is done.

Built on FastStream's batch subscriber, of which only fetching and rebalancing are used: decoding, retrying and
committing are ours, because a record that FastStream's own machinery fails on would be skipped.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from time import monotonic
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage

from shared.contracts.topics import Topic
from shared.kit import metrics
from shared.kit.logging import describe, get_logger
from shared.kit.records import Record, from_kafka

log = get_logger()

_DRAIN = timedelta(seconds=5)
_POLL = timedelta(milliseconds=500)
# How long a lane waits in a backlog for records of other partitions, before it leaves the rest to the others.
_LULL = timedelta(milliseconds=20)
# After so many batches the lanes begin anew together, also those which had found nothing left.
_IN_A_ROW = 20
# A commit of offsets costs everybody about as much as a small batch, and what it saves is reading again after a crash.
_COMMIT_SECONDS = 0.2
# Before a batch is read again that the reader itself failed on.
_PAUSE = timedelta(seconds=1)


@dataclass(frozen=True)
class GroupSettings:
    """How a consumer group behaves.

    `instance` names this process for static membership: after a restart it takes its partitions back at once.
    `session_timeout` decides how long a killed process keeps them. `max_records` bounds a batch, and with it how
    long a transaction may hold its locks. `lanes` is how many batches are worked on at a time in a backlog, of
    different partitions: one is computed while the database works on another. A first batch that is not full is
    worked on alone, since two halves would cost twice as much and be done later. A further lane takes what there is,
    and ends with a batch that is not full.
    """

    instance: str | None = None
    session_timeout: timedelta = timedelta(seconds=10)
    max_records: int = 300
    lanes: int = 1


class Reader:
    """A member of a group, which gives one batch after another to `process`; in a backlog several at a time.

    `process` returns when every record has had its effect, and is given those of a partition in their order.
    """

    def __init__(self, name: str, group: GroupSettings, process: Callable[[Sequence[Record]], Awaitable[None]]) -> None:
        self._name = name
        self._group = group
        self._process = process
        self._drain = _Drain(_Offsets(self._commit), self._is_member)
        self._taking = asyncio.Lock()
        self._subscriber: Any = None
        self._leave: Callable[[], Awaitable[None]]

    def subscribe(self, broker: KafkaBroker, topic: Topic) -> None:
        """Register with a broker that has not been started yet."""
        session = int(self._group.session_timeout.total_seconds() * 1000)
        self._subscriber = broker.subscriber(
            topic.name,
            batch=True,
            group_id=self._name,
            group_instance_id=self._group.instance and f"{self._name}.{self._group.instance}",
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            max_records=self._group.max_records,
            batch_timeout_ms=_milliseconds(_POLL),
            session_timeout_ms=session,
            heartbeat_interval_ms=session // 5,
            listener=self._drain,
            parser=self._parse,
            decoder=_undecoded,
            no_reply=True,
        )
        self._subscriber(self._on_batch)
        # FastStream's own sleeps for as long as it has waited in vain, and what comes meanwhile lies.
        self._subscriber.get_msg = self._next
        self._leave = self._subscriber.stop
        self._subscriber.stop = self._stop

    async def _next(self, consumer: AIOKafkaConsumer) -> tuple[Any, ...]:
        """The next records, as soon as there are some; none when time is up, so that a stop is noticed."""
        fetched = await consumer.getmany(timeout_ms=_milliseconds(_POLL), max_records=self._group.max_records)
        return tuple(chain.from_iterable(fetched.values()))

    async def _parse(self, raw: Any) -> KafkaAckableMessage:
        # FastStream's own parser decodes headers and would skip a record whose headers are not UTF-8.
        return KafkaAckableMessage(body=b"", raw_message=raw, consumer=self._subscriber.consumer)

    async def _on_batch(self, raw: Sequence[Any]) -> None:
        # Before the lock: where a rebalance holds it, these records were fetched before that.
        generation = self._drain.generation
        async with self._drain.busy:
            if generation != self._drain.generation:
                # Could not be noted: whoever has the partitions now reads on from what the group has committed.
                return
            taken = _first_offsets(raw)
            try:
                async with asyncio.TaskGroup() as lanes:
                    lanes.create_task(self._run_lane(raw, taken, generation))
                    if self._is_full(raw):
                        for _ in range(1, self._group.lanes):
                            lanes.create_task(self._run_lane(await self._take(taken), taken, generation))
            except ExceptionGroup as failed:
                # FastStream would swallow it, and go on behind what the lanes had in hand.
                error = failed.exceptions[0]
                log.critical("reader fails and reads again", consumer=self._name, error=describe(error), exc_info=error)
                metrics.batch_retries.labels(self._name, "unexpected").inc()
                if generation == self._drain.generation:
                    for place, offset in taken.items():
                        self._subscriber.consumer.seek(place, offset)
                await asyncio.sleep(_PAUSE.total_seconds())
            if not self._subscriber.running:
                await self._drain.offsets.settle()

    async def _run_lane(self, raw: Sequence[Any], taken: dict[TopicPartition, int], generation: int) -> None:
        """Work on a batch, and in a backlog on further ones, without waiting for the other lanes.

        `taken` are the partitions whose records a lane has in hand, with the offset of the first.
        """
        worked = 0
        while raw:
            await self._process([from_kafka(record) for record in raw])
            if generation == self._drain.generation:
                self._drain.offsets.note(raw)
            for place in _first_offsets(raw):
                del taken[place]
            worked += 1
            goes_on = (
                self._group.lanes > 1
                and self._is_full(raw)
                and worked < _IN_A_ROW
                and generation == self._drain.generation
                and self._subscriber.running
            )
            # Whatever is taken must be worked on: for the consumer it is read.
            raw = await self._take(taken) if goes_on else ()

    def _is_full(self, raw: Sequence[Any]) -> bool:
        return len(raw) >= self._group.max_records

    async def _take(self, taken: dict[TopicPartition, int]) -> tuple[Any, ...]:
        """The next records of partitions that no lane has in hand; they are taken, then."""
        consumer = self._subscriber.consumer
        limit = self._group.max_records
        try:
            # Cut where a rebalance begins just now, which waits for the lanes; no records are lost by it.
            async with asyncio.timeout(5 * _LULL.total_seconds()), self._taking:
                free = consumer.assignment() - taken.keys()
                if not free or self._drain.is_revoking:
                    return ()
                fetched = await consumer.getmany(*free, timeout_ms=_milliseconds(_LULL), max_records=limit)
        except TimeoutError:
            return ()
        except Exception as error:
            # If it lasts, the reader itself meets it when the lanes have ended, and waits.
            log.warning("a lane ends", consumer=self._name, error=describe(error))
            return ()
        raw = tuple(chain.from_iterable(fetched.values()))
        taken.update(_first_offsets(raw))
        return raw

    def _is_member(self) -> bool:
        return bool(self._subscriber.consumer._coordinator.generation >= 0)

    async def _commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        consumer = self._subscriber.consumer
        if consumer is None:
            # Stopped.
            return
        if not self._is_member():
            # A group that is empty, or that a wiped broker has forgotten, takes offsets from anybody.
            log.info("offsets dropped: no member of the group", consumer=self._name)
            return
        try:
            await consumer.commit(offsets)
        except KafkaError as error:
            # The partitions moved on, or the broker is away: whoever reads the records again finds them claimed.
            log.info("offsets not committed", consumer=self._name, error=type(error).__name__)

    async def _stop(self) -> None:
        """Commit what is done, and leave the group; nothing begins any more."""
        self._subscriber.running = False
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._drain.offsets.settle()
            await self._leave()
        finally:
            self._drain.offsets.forget()


class _Offsets:
    """Tells the broker what is done, now and then: never before it is, and soon after."""

    def __init__(self, commit: Callable[[Mapping[TopicPartition, int]], Awaitable[None]]) -> None:
        self._commit = commit
        self._done: dict[TopicPartition, int] = {}
        self._hurry = asyncio.Event()
        self._told_at = 0.0
        self._telling: asyncio.Task[None] | None = None

    def note(self, raw: Sequence[Any]) -> None:
        """These records are done. The next ones of their partitions are noted later."""
        self._done |= {TopicPartition(record.topic, record.partition): record.offset + 1 for record in raw}
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell(), name="offsets")

    async def settle(self) -> None:
        """Return when the broker has been told everything, or has refused it."""
        if self._telling is not None and not self._telling.done():
            self._hurry.set()
            # Who waits may be cut, and who tells may be; neither ends the other.
            await asyncio.wait([self._telling])

    def forget(self) -> None:
        """Give up what the broker was not told yet."""
        self._done.clear()
        self._hurry.clear()
        telling, self._telling = self._telling, None
        if telling is not None:
            telling.cancel()

    async def _tell(self) -> None:
        while self._done:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._told_at + _COMMIT_SECONDS - monotonic()):
                    await self._hurry.wait()
            done, self._done = self._done, {}
            try:
                await self._commit(done)
            except Exception as error:
                # What is done next of these partitions is told all the same, and covers it.
                topics = sorted({place.topic for place in done})
                log.error("offsets not committed", topics=topics, error=describe(error), exc_info=error)
            self._told_at = monotonic()
        self._hurry.clear()


class _Drain(ConsumerRebalanceListener):  # type: ignore[misc]
    """Lets what is in hand commit before its partitions go to somebody else, for a bounded time.

    `generation` grows with each rebalance: a batch that outlived one must not commit offsets in the next, where the
    same partition may have another reader, or even another log. `is_revoking` until partitions are assigned again.
    """

    def __init__(self, offsets: _Offsets, is_member: Callable[[], bool]) -> None:
        self.offsets = offsets
        self.busy = asyncio.Lock()
        self.generation = 0
        self.is_revoking = False
        self._is_member = is_member

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Wait for what is in hand."""
        self.is_revoking = True
        try:
            if not self._is_member():
                # Whatever the group would be told now is told in nobody's name.
                self.offsets.forget()
            async with asyncio.timeout(_DRAIN.total_seconds()), self.busy:
                await self.offsets.settle()
        except TimeoutError:
            log.warning("partitions revoked while records are in hand; they will be read again")
        finally:
            self.generation += 1
            # What is left would be told after the rebalance, by a member that may not own its partitions any more.
            self.offsets.forget()

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Positions come from the group's commits."""
        self.is_revoking = False


def _first_offsets(raw: Sequence[Any]) -> dict[TopicPartition, int]:
    return {TopicPartition(record.topic, record.partition): record.offset for record in reversed(raw)}


def _milliseconds(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)


async def _undecoded(message: KafkaAckableMessage) -> Any:
    return message.raw_message
