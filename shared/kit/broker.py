"""Kafka: topics made from their declaration, and questions about offsets. Consuming is in `consumer`."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from time import monotonic

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError, TopicAlreadyExistsError, for_code
from faststream.kafka import KafkaBroker

from shared.contracts.topics import Topic
from shared.kit.logging import get_logger

log = get_logger()


def group_id(service: str, topic: Topic) -> str:
    """The consumer group that reads a topic for a service.

    One group per topic: members of a group with different subscriptions would rebalance each other for nothing.
    """
    return f"{service}.{topic.name}"


def build_broker(bootstrap_servers: str, service: str) -> KafkaBroker:
    """FastStream's broker for a service's subscribers; bodies stay bytes, since decoding is the consumer's."""
    return KafkaBroker(
        bootstrap_servers.split(","),
        client_id=f"leadline-{service}",
        apply_types=False,
        allow_auto_create_topics=False,
        # How long a stop waits for the batch in hand, before it is cancelled and its transaction rolled back.
        graceful_timeout=2.0,
        # A consumer that rejoins before the topics of a wiped broker exist again gets no partitions, and asks
        # for them only when it sees them: at its next look at the metadata, which would be after five minutes.
        metadata_max_age_ms=3000,
        logger=None,
    )


def build_producer(bootstrap_servers: str, service: str) -> AIOKafkaProducer:
    """A producer that keeps the order of each partition and never writes a record twice on its own retries."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers,
        client_id=f"leadline-{service}",
        acks="all",
        enable_idempotence=True,
        max_batch_size=262_144,
        compression_type="lz4",
        request_timeout_ms=15_000,
    )


class Broker:
    """Questions to a Kafka cluster, each on a connection of its own; raises `KafkaError` when it is away.

    `replication` is how many copies the topics have that are created here; with fewer brokers up than that, creating
    waits, since a topic keeps the number that it was born with. `answered_at` is the monotonic time of the last answer.
    """

    def __init__(self, bootstrap_servers: str, replication: int = 1) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.answered_at = 0.0
        self._replication = replication

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap_servers, request_timeout_ms=10_000)
        await admin.start()
        self.answered_at = monotonic()
        try:
            yield admin
        finally:
            await admin.close()

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap_servers, enable_auto_commit=False)
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()

    async def ping(self) -> None:
        """Raise within 3 s when no broker answers."""
        async with asyncio.timeout(3), self._admin():
            return

    async def cluster_id(self) -> str:
        """The id that a cluster got when its storage was formatted; another id means that its log is another."""
        async with self._admin() as admin:
            return str((await admin.describe_cluster())["cluster_id"])

    async def ensure_topics(self, topics: Iterable[Topic]) -> list[str]:
        """Create those topics that do not exist, and return their names."""
        wanted = {topic.name: topic for topic in topics}
        async with self._admin() as admin:
            missing = sorted(set(wanted) - set(await admin.list_topics()))
            if not missing:
                return []
            answer = await admin.create_topics([_new_topic(wanted[name], self._replication) for name in missing])
        for name, code, *_ in answer.topic_errors:
            error = for_code(code)
            # Two services may find the same topic missing at the same moment.
            if code and error is not TopicAlreadyExistsError:
                raise error(f"topic {name} could not be created with {self._replication} replicas")
        return missing

    async def end_offsets(self, *topics: str) -> dict[str, dict[int, int]]:
        """For each topic and partition the offset that the next record will get; none for a topic that is not there."""
        ends: dict[str, dict[int, int]] = {topic: {} for topic in topics}
        async with self._admin() as admin:
            present = sorted(set(topics) & set(await admin.list_topics()))
            described = await admin.describe_topics(present) if present else []
        places = [
            TopicPartition(one["topic"], partition["partition"]) for one in described for partition in one["partitions"]
        ]
        if not places:
            return ends
        async with self._consumer() as consumer:
            for at, end in (await consumer.end_offsets(places)).items():
                ends[at.topic][at.partition] = end
        return ends

    async def committed(self, group: str) -> dict[str, dict[int, int]]:
        """For each topic and partition the offset that a group reads next; those never committed are left out."""
        async with self._admin() as admin:
            return await _committed(admin, group)

    async def lags(self, groups: Mapping[str, str]) -> dict[str, int]:
        """How many records each group has not committed yet of its topic."""
        async with self._admin() as admin:
            committed = {group: await _committed(admin, group) for group in groups}
        ends = await self.end_offsets(*set(groups.values()))
        return {
            group: sum(max(0, end - committed[group].get(topic, {}).get(at, 0)) for at, end in ends[topic].items())
            for group, topic in groups.items()
        }


async def _committed(admin: AIOKafkaAdminClient, group: str) -> dict[str, dict[int, int]]:
    try:
        offsets = await admin.list_consumer_group_offsets(group)
    except GroupCoordinatorNotAvailableError:
        # A cluster on which no group ever committed has no topic for offsets yet.
        return {}
    found: dict[str, dict[int, int]] = {}
    for at, meta in offsets.items():
        if meta.offset >= 0:
            found.setdefault(at.topic, {})[at.partition] = meta.offset
    return found


class TopicKeeper:
    """A loop that creates the topics that a service reads when a broker lost them, so that it can go on."""

    name = "topic keeper"

    def __init__(self, broker: Broker, topics: Sequence[Topic]) -> None:
        self._broker = broker
        self._topics = topics

    async def tick(self) -> timedelta:
        """Look, and create what is missing."""
        if created := await self._broker.ensure_topics(self._topics):
            log.warning("topics were gone and are created", topics=created)
        return timedelta(seconds=10)


def _new_topic(topic: Topic, replication: int) -> NewTopic:
    retention = -1 if topic.retention is None else int(topic.retention.total_seconds() * 1000)
    return NewTopic(
        name=topic.name,
        num_partitions=topic.partitions,
        replication_factor=replication,
        topic_configs={
            "cleanup.policy": "compact" if topic.is_compacted else "delete",
            "retention.ms": str(retention),
            "min.insync.replicas": str(max(1, replication - 1)),
        },
    )


def is_broker_error(error: BaseException) -> bool:
    """Whether Kafka is away or busy, so that waiting is the answer."""
    return isinstance(error, (KafkaError, ConnectionError, TimeoutError))
