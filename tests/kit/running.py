"""Running loops and consumers for the length of a `with` block."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from shared.contracts.topics import Topic
from shared.kit.broker import Broker
from shared.kit.consumer import Consumer
from shared.kit.database import Database
from shared.kit.process import Worker
from shared.kit.relay import OutboxSource, Relay


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[Worker]:
    """Run a worker in the background, and stop it as a signal would."""
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def relay_worker(database: Database, topics: Sequence[Topic], bootstrap_servers: str) -> Worker:
    """A worker with nothing but the relay of an outbox."""
    source = OutboxSource(topics, database.committed)
    broker = Broker(bootstrap_servers)
    relay = Relay(source=source, database=database, broker=broker, service="tested")
    return Worker("tested", broker, relays=[relay])


def consuming_worker(consumer: Consumer[Any], bootstrap_servers: str) -> Worker:
    """A worker with nothing but a consumer."""
    return Worker("tested", Broker(bootstrap_servers), consumers=[consumer])
