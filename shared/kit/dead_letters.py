"""Records that fail alone: kept whole, listed, replayed through their consumer, and limited in number."""

import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from shared.kit import outbox
from shared.kit.database import Connection
from shared.kit.records import Record

PER_MINUTE = 100
PER_RECORDS = 10_000


async def put(connection: Connection, consumer: str, topic: str, record: Record, error: str, attempts: int) -> None:
    """Keep a record as a row with everything that came, and put a copy into the group's dead-letter topic."""
    await connection.execute(
        """
        INSERT INTO dead_letters
            (consumer, topic, partition, "offset", key, type, headers, body, produced_at, error, attempts)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        """,
        consumer,
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.type,
        record.headers,
        record.body,
        record.produced_at,
        error,
        attempts,
    )
    key = (record.key or b"").decode("utf-8", "replace")
    await outbox.append_raw(connection, topic, [(key, record.type, record.body)])


async def find_waiting(connection: Connection, consumer: str | None, limit: int) -> Sequence[dict[str, Any]]:
    """The oldest dead letters that were not replayed yet, without their bodies."""
    rows = await connection.fetch(
        """
        SELECT id, consumer, topic, partition, "offset", type, error, attempts, octet_length(body) AS bytes, created_at
        FROM dead_letters
        WHERE replayed_at IS NULL AND ($1::text IS NULL OR consumer = $1)
        ORDER BY id LIMIT $2
        """,
        consumer,
        limit,
    )
    return [dict(row) for row in rows]


async def take(connection: Connection, letter_id: int) -> tuple[str, Record] | None:
    """Mark a dead letter that waits as replayed, in the caller's transaction; its consumer and record."""
    row = await connection.fetchrow(
        "UPDATE dead_letters SET replayed_at = now() WHERE id = $1 AND replayed_at IS NULL RETURNING *",
        letter_id,
    )
    if row is None:
        return None
    return row["consumer"], Record(
        topic=row["topic"],
        partition=row["partition"],
        offset=row["offset"],
        key=row["key"],
        type=row["type"],
        headers=row["headers"],
        body=row["body"],
        produced_at=row["produced_at"],
    )


class Limit:
    """Notices when dead letters are no longer exceptions: over 100 within a minute or 10,000 records."""

    def __init__(self) -> None:
        self._seen = 0
        self._recent: deque[tuple[float, int]] = deque(maxlen=PER_MINUTE + 1)

    def count_records(self, records: int) -> None:
        """Note that this many records went through."""
        self._seen += records

    def count_dead_letter(self) -> bool:
        """Note a dead letter; True when the limit is passed."""
        self._recent.append((time.monotonic(), self._seen))
        if len(self._recent) <= PER_MINUTE:
            return False
        at, seen = self._recent[0]
        return time.monotonic() - at <= 60 or self._seen - seen <= PER_RECORDS

    def reset(self) -> None:
        """Begin anew, after an operator resumed the consumer."""
        self._recent.clear()
