"""What every service's composition root puts together in the same way: consumers, relays, operations, jobs."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import cached_property, partial
from typing import Any

from fastapi import APIRouter

from shared.contracts.topics import Topic, published_by
from shared.kit import dead_letters, inbox, schedule
from shared.kit.broker import Broker, TopicKeeper
from shared.kit.clock import Clock, SystemClock
from shared.kit.consumer import Consumer, Decode, Handle, OnPutAside
from shared.kit.database import Connection, Database
from shared.kit.health import Check, LagGauge, Status, health_router
from shared.kit.logging import configure_logging
from shared.kit.loops import Loop
from shared.kit.operations import Operation, Operations
from shared.kit.process import Worker
from shared.kit.reader import GroupSettings
from shared.kit.relay import OutboxSource, Relay, RelaySource
from shared.kit.schedule import Job, Scheduler
from shared.kit.security import Gate
from shared.kit.settings import CommonSettings, ServiceSettings
from shared.kit.signals import Signal

Prune = Callable[[Connection], Awaitable[int]]
"""Deletes a slice of what a service need not keep any longer; returns how many rows, 0 when there are no more."""

# Longer than any topic's retention: after that no broker can bring an event again.
_KEPT = timedelta(days=60)
# Replayed dead letters; those that wait, wait for an operator.
_LETTERS_KEPT = timedelta(days=7)


@dataclass
class Assembly:
    """The parts that a service is built from, and the building of what is alike in all services."""

    service: str
    common: CommonSettings
    database: Database
    clock: Clock

    @cached_property
    def broker(self) -> Broker:
        """Questions to Kafka; all parts ask through one, which remembers when it was answered last."""
        return Broker(self.common.kafka_bootstrap_servers, self.common.kafka_replication)

    def health(self, worker: Worker | None = None, status: Status | None = None) -> APIRouter:
        """The health pages. Ready means: an API has its database, a worker the broker too."""
        checks: dict[str, Check] = {"database": self.database.ping}
        if worker is not None:
            checks["consumers"] = worker.check
        return health_router(checks=checks, status=status)

    def gate(self) -> Gate:
        """The check of bearer tokens."""
        return Gate(
            service=self.service,
            service_token=self.common.service_token.get_secret_value(),
            public_key=self.common.person_token_public_key,
        )

    def consumer(
        self,
        topic: Topic,
        decode: Decode[Any],
        handle: Handle[Any],
        *,
        max_records: int = 300,
        lanes: int = 1,
        on_put_aside: OnPutAside[Any] | None = None,
    ) -> Consumer[Any]:
        """A consumer of one topic, in this service's group for it."""
        return Consumer(
            service=self.service,
            topic=topic,
            decode=decode,
            handle=handle,
            database=self.database,
            group=self._group(max_records, lanes),
            on_put_aside=on_put_aside,
        )

    def worker(
        self,
        consumers: Sequence[Consumer[Any]],
        *,
        loops: Sequence[Loop] = (),
        sources: Sequence[RelaySource] = (),
        operations: Mapping[str, Operation] | None = None,
        prunes: Sequence[Prune] = (),
    ) -> tuple[Worker, Status]:
        """A worker with these consumers and loops, operators' commands, a relay for the outbox and each further
        source, and nightly housekeeping; and the status that tells how far it is."""
        broker = self.broker
        reading = list(consumers)
        status = Status(service=self.service, database=self.database, broker=broker, consumers=reading)
        commands = Operations(
            service=self.service,
            database=self.database,
            clock=self.clock,
            key=self.common.operations_key.get_secret_value(),
            status=status,
            consumers=consumers,
            operations=operations or {},
        )
        # Each topic has one relay, which alone knows what of it the broker has lost.
        elsewhere = {topic for source in sources for topic in source.topics}
        topics = [topic for topic in published_by(self.service) if topic not in elsewhere]
        # A service with a source of its own hardly ever writes to its outbox: its commits wake the other relay, and
        # this one only looks from time to time.
        outbox = OutboxSource(topics, Signal() if sources else self.database.committed)
        reading.append(commands.consumer(self._group(max_records=100)))
        jobs = [housekeeping(self.database, outbox, self.common.time_zone, prunes)]
        worker = Worker(
            service=self.service,
            broker=broker,
            consumers=reading,
            relays=[self._relay(source) for source in (*sources, outbox)],
            loops=[
                *loops,
                Scheduler(jobs=jobs, database=self.database, clock=self.clock),
                LagGauge(broker, reading),
                TopicKeeper(broker, [consumer.topic for consumer in reading]),
            ],
        )
        return worker, status

    def _group(self, max_records: int, lanes: int = 1) -> GroupSettings:
        return GroupSettings(
            instance=self.common.instance,
            session_timeout=timedelta(seconds=self.common.group_session_timeout_seconds),
            max_records=max_records,
            lanes=lanes,
        )

    def _relay(self, source: RelaySource) -> Relay:
        return Relay(
            source=source,
            database=self.database,
            broker=self.broker,
            service=self.service,
        )


@asynccontextmanager
async def assembling(service: str, own: ServiceSettings) -> AsyncIterator[Assembly]:
    """Begin to build a service from the environment: logs, clock and an open database, closed in the end."""
    common = CommonSettings()
    configure_logging(service, log_format=common.log_format, level=common.log_level)
    database = Database(own.database(service), pool_size=own.database_pool_size)
    await database.open()
    try:
        yield Assembly(service, common, database, SystemClock())
    finally:
        await database.close()


def housekeeping(database: Database, outbox: OutboxSource, zone: tzinfo, prunes: Sequence[Prune] = ()) -> Job:
    """The nightly job that deletes what no broker can bring back, and what the service itself need not keep.

    Each step deletes at most a slice in a transaction of its own, and comes again while it finds something: nights
    in which much is deleted hold no lock for long.
    """
    steps: list[Prune] = [
        outbox.prune,
        partial(inbox.prune, older_than=_KEPT),
        partial(dead_letters.prune, older_than=_LETTERS_KEPT),
        partial(schedule.prune, older_than=_KEPT),
        *prunes,
    ]

    async def run(_: datetime) -> None:
        for step in steps:
            while True:
                async with database.transaction() as connection:
                    if not await step(connection):
                        break

    return Job(name="housekeeping", cron="20 3 * * *", run=run, zone=zone, lease=timedelta(hours=2))
