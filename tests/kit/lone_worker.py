"""A worker process for tests that kill it: `python -m tests.kit.lone_worker DATABASE_URL BOOTSTRAP TOPIC_JSON`."""

import asyncio
import sys
from datetime import timedelta

from shared.contracts.topics import Topic
from shared.kit.consumer import Consumer
from shared.kit.database import Database
from shared.kit.reader import GroupSettings
from tests.kit.conftest import SERVICE, decode_noted
from tests.kit.running import consuming_worker
from tests.kit.test_consumer import claim_and_record


async def main(database_url: str, bootstrap_servers: str, topic: str) -> None:
    """Consume until killed."""
    database = Database(database_url)
    await database.open()
    consumer = Consumer(
        service=SERVICE,
        topic=Topic.model_validate_json(topic),
        decode=decode_noted,
        handle=claim_and_record,
        database=database,
        group=GroupSettings(session_timeout=timedelta(seconds=6), max_records=20, lanes=3),
    )
    await consuming_worker(consumer, bootstrap_servers).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
