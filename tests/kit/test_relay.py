"""The outbox relay on the real broker."""

import os

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import MessageSizeTooLargeError

from deploy.local.servers import Servers
from shared.contracts.topics import Topic
from shared.kit import outbox
from shared.kit.broker import Broker
from shared.kit.database import Database
from shared.kit.relay import OutboxSource, Relay
from tests.kit.conftest import Noted, decode_noted, noted
from tests.kit.running import relay_worker, running
from tests.support.waiting import eventually


async def read_all(bootstrap_servers: str, topic: Topic) -> list[int]:
    """The numbers in a topic, in the order of each partition."""
    ends = (await Broker(bootstrap_servers).end_offsets(topic.name))[topic.name]
    wanted = sum(ends.values())
    numbers: list[int] = []
    consumer = AIOKafkaConsumer(topic.name, bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        while len(numbers) < wanted:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                for record in records:
                    event = decode_noted("noted.v1", record.value)
                    assert isinstance(event, Noted)
                    numbers.append(event.number)
    finally:
        await consumer.stop()
    return numbers


async def unsent(database: Database) -> int:
    """How many outbox rows wait."""
    async with database.connection() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL"))


async def all_sent(database: Database) -> bool:
    """Whether no outbox row waits."""
    return await unsent(database) == 0


async def test_rows_of_one_key_are_published_in_order(database: Database, topic: Topic, bootstrap_servers: str) -> None:
    """What was written under one key arrives in the order of writing."""
    async with database.transaction() as connection:
        await outbox.append(connection, topic, [("one key", noted(number)) for number in range(2500)])
    async with running(relay_worker(database, [topic], bootstrap_servers)):
        await eventually(lambda: all_sent(database), within=20)
    assert list(range(2500)) == await read_all(bootstrap_servers, topic)


async def test_a_row_that_commits_late_is_published(database: Database, topic: Topic, bootstrap_servers: str) -> None:
    """A transaction that took its ids first and commits last is not skipped."""
    async with running(relay_worker(database, [topic], bootstrap_servers)):
        async with database.transaction() as slow:
            await outbox.append(slow, topic, [("slow", noted(1))])
            async with database.transaction() as quick:
                await outbox.append(quick, topic, [("quick", noted(2))])
            # Two ids are taken; the later one is published while the earlier one is not committed.
            await eventually(lambda: all_sent(database))
        await eventually(lambda: all_sent(database))
    assert [1, 2] == sorted(await read_all(bootstrap_servers, topic))


async def test_one_of_two_relays_publishes(database: Database, topic: Topic, bootstrap_servers: str) -> None:
    """With two relays on one outbox every row is published once."""
    first, second = (relay_worker(database, [topic], bootstrap_servers) for _ in range(2))
    async with running(first), running(second):
        for number in range(20):
            async with database.transaction() as connection:
                await outbox.append(connection, topic, [("key", noted(number))])
        await eventually(lambda: all_sent(database))
    assert list(range(20)) == await read_all(bootstrap_servers, topic)


async def test_rows_wait_while_the_broker_is_down(
    kit_url: str, database: Database, topic: Topic, private_servers: Servers
) -> None:
    """A broker that dies and comes back gets everything that was written meanwhile, in order."""
    servers = private_servers
    async with running(relay_worker(database, [topic], servers.kafka.bootstrap_servers)):
        async with database.transaction() as connection:
            await outbox.append(connection, topic, [("key", noted(1))])
        await eventually(lambda: all_sent(database))
        await servers.kafka.kill()
        for number in (2, 3):
            async with database.transaction() as connection:
                await outbox.append(connection, topic, [("key", noted(number))])
        assert 2 == await unsent(database)
        await servers.kafka.start()
        await eventually(lambda: all_sent(database), within=40)
    assert [1, 2, 3] == sorted(set(await read_all(servers.kafka.bootstrap_servers, topic)))


async def test_a_log_that_was_wiped_is_published_again(
    database: Database, topic: Topic, private_servers: Servers
) -> None:
    """When the broker comes back with an empty log, everything within the retention is published again."""
    servers = private_servers
    async with running(relay_worker(database, [topic], servers.kafka.bootstrap_servers)):
        async with database.transaction() as connection:
            await outbox.append(connection, topic, [("key", noted(number)) for number in range(100)])
        await eventually(lambda: all_sent(database))
        await servers.kafka.kill()
        await servers.kafka.wipe()
        await servers.kafka.start()
        async with database.transaction() as connection:
            await outbox.append(connection, topic, [("key", noted(100))])

        async def complete() -> bool:
            ends = (await Broker(servers.kafka.bootstrap_servers).end_offsets(topic.name))[topic.name]
            return sum(ends.values()) >= 101 and await all_sent(database)

        await eventually(complete, within=60)
    numbers = await read_all(servers.kafka.bootstrap_servers, topic)
    assert set(range(101)) == set(numbers)


async def test_nothing_overtakes_what_the_broker_refuses(
    database: Database, topic: Topic, bootstrap_servers: str
) -> None:
    """When the broker refuses some rows of a partition, what was written after them waits behind them."""
    broker = Broker(bootstrap_servers)
    await broker.ensure_topics([topic])
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    resource = ConfigResource(ConfigResourceType.TOPIC, topic.name, {"max.message.bytes": "100000"})
    await admin.alter_configs([resource])
    await admin.close()
    # Random bytes, which do not get smaller: the first bundle is too large for the topic, the second one is not.
    large = [("one key", "noted.v1", os.urandom(10_000)) for _ in range(26)]
    small = [("one key", "noted.v1", noted(number).model_dump_json().encode()) for number in range(3)]
    async with database.transaction() as connection:
        await outbox.append_raw(connection, topic.name, large + small)
    source = OutboxSource([topic], database.committed)
    relay = Relay(source=source, database=database, broker=broker, service="tested")

    with pytest.raises(MessageSizeTooLargeError):
        await relay.tick()

    assert {0} == set((await broker.end_offsets(topic.name))[topic.name].values())
    assert len(large + small) == await unsent(database)
