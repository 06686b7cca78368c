"""Records that fail alone: kept whole, listed, replayed through their consumer, and limited in number."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.kit import outbox
from shared.kit.database import SLICE, Connection, affected
from shared.kit.records import Record
from shared.kit.text import clean_text

PER_MINUTE = 100
PER_RECORDS = 10_000


@dataclass(frozen=True, slots=True)
class Letter:
    """A record that is put aside, by which consumer, and why."""

    consumer: str
    record: Record
    error: str
    attempts: int


async def put(connection: Connection, letter: Letter, topic: str) -> bool:
    """Keep a record as a row with everything that came, and a copy for tools in the group's dead-letter topic.

    False when this very record was put aside before: it is read again after a crash or while its consumer stands.
    """
    record = letter.record
    kept = await connection.fetchval(
        """
        INSERT INTO dead_letters
            (consumer, topic, partition, "offset", key, type, headers, body, produced_at, error, attempts)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT DO NOTHING RETURNING id
        """,
        letter.consumer,
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.type,
        record.headers,
        record.body,
        record.produced_at,
        letter.error,
        letter.attempts,
    )
    if kept is None:
        return False
    key = clean_text((record.key or b"").decode("utf-8", "replace"))
    await outbox.append_raw(connection, topic, [(key, record.type, record.body)])
    return True


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


async def prune(connection: Connection, older_than: timedelta) -> int:
    """Forget a slice of those that were replayed long ago, and return how many."""
    return affected(
        await connection.execute(
            """
            DELETE FROM dead_letters WHERE id = ANY (ARRAY(
                SELECT id FROM dead_letters WHERE replayed_at < now() - $1::interval LIMIT $2
            ))
            """,
            older_than,
            SLICE,
        )
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
