"""A backlog in Kafka, and topics that nothing has been written to."""

from collections.abc import Iterable
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient

from shared.contracts.topics import ALL, INQUIRIES, Topic, dead_letter_topics
from shared.kit.broker import Broker, build_producer
from shared.kit.records import Record
from tests.support.waiting import eventually

TEAM: Final = 20
CAPACITY: Final = 1_000_000


async def publish(bootstrap_servers: str, topic: str, records: Iterable[Record]) -> None:
    """Write records into a topic of their own, as intake's relay does."""
    producer = build_producer(bootstrap_servers, "bench")
    await producer.start()
    try:
        sent = []
        for one in records:
            headers = [(name, value.encode()) for name, value in one.headers.items()]
            sent.append(await producer.send(topic, one.body, key=one.key, headers=headers))
        for future in sent:
            await future
    finally:
        await producer.stop()


async def fresh_topics(bootstrap_servers: str) -> None:
    """Make Leadline's topics anew; nothing may read them meanwhile."""
    broker = Broker(bootstrap_servers)
    topics = [*ALL, *dead_letter_topics()]
    await drop_topics(bootstrap_servers, [topic.name for topic in topics])
    await broker.ensure_topics(topics)


async def own_topics(bootstrap_servers: str, *names: str) -> None:
    """Make a baseline's topics, with as many partitions as ours have."""
    topics = [
        Topic(name=name, key="", producer="bench", consumers=(), partitions=INQUIRIES.partitions) for name in names
    ]
    await Broker(bootstrap_servers).ensure_topics(topics)


async def drop_topics(bootstrap_servers: str, names: Iterable[str]) -> None:
    """Delete topics, so that the next measurement has the disk to itself; those that are not there are left out."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        wanted = set(names)
        if present := sorted(wanted & set(await admin.list_topics())):
            await admin.delete_topics(present)

        async def gone() -> bool:
            return not wanted & set(await admin.list_topics())

        await eventually(gone)
    finally:
        await admin.close()
