"""Statements on files that people sent. Whoever deletes a receipt must delete its files first: rows go with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from services.intake.domain.media import Media
from shared.contracts.words import Channel
from shared.kit.database import Connection, affected
from shared.kit.identifiers import new_id

# Longer than one download may take.
LEASE = timedelta(minutes=5)
SHORTEST_WAIT = timedelta(seconds=10)
LONGEST_WAIT = timedelta(hours=1)
# Meta keeps a file for about a month; then nobody can have it any more.
KEPT_BY_PLATFORM = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class AttachmentFetch:
    """A file to fetch; `attempt` counts from 1, and `is_late` says that the platform has it no longer."""

    id: int
    channel: Channel
    account: str
    kind: str
    media_id: str | None
    url: str | None
    file_key: str
    attempt: int
    is_late: bool


async def expect_attachments(connection: Connection, media: Mapping[int, Sequence[Media]]) -> None:
    """Queue the files of receipts; those that are known already, by receipt and place, stay as they are.

    A file's key is random and made here, so that an attempt which is repeated writes to the same place.
    """
    rows = [(row, place, one) for row, files in media.items() for place, one in enumerate(files)]
    await connection.execute(
        """
        INSERT INTO attachments (attachment_id, receipt, place, kind, media_id, url, file_name, file_key)
        SELECT * FROM unnest(
            $1::uuid[], $2::bigint[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[]
        )
        ON CONFLICT (receipt, place) DO NOTHING
        """,
        [new_id() for _ in rows],
        [row for row, _, _ in rows],
        [place for _, place, _ in rows],
        [one.kind for _, _, one in rows],
        [one.media_id for _, _, one in rows],
        [one.url for _, _, one in rows],
        [one.file_name for _, _, one in rows],
        [uuid4().hex for _ in rows],
    )


async def take_due(connection: Connection, limit: int) -> list[AttachmentFetch]:
    """Lease the files that are due, the longest waiting first."""
    rows = await connection.fetch(
        """
        UPDATE attachments SET attempts = attachments.attempts + 1, retry_at = now() + $2::interval
        FROM receipts
        WHERE receipts.id = attachments.receipt AND attachments.id IN (
            SELECT id FROM attachments WHERE state = 'waiting' AND retry_at <= now()
            ORDER BY retry_at LIMIT $1 FOR UPDATE SKIP LOCKED
        )
        RETURNING attachments.id, channel, account, attachments.kind, media_id, url, file_key,
            attachments.attempts AS attempt, created_at < now() - $3::interval AS is_late
        """,
        limit,
        LEASE,
        KEPT_BY_PLATFORM,
    )
    return [AttachmentFetch(**{**row, "channel": Channel(row["channel"])}) for row in rows]


async def note_stored(connection: Connection, row: int, *, mime_type: str, ending: str, size: int, sha256: str) -> None:
    """Note that the file is kept."""
    await connection.execute(
        """
        UPDATE attachments SET state = 'stored', reason = NULL, mime_type = $2, ending = $3, size = $4, sha256 = $5,
            stored_at = now()
        WHERE id = $1 AND state = 'waiting'
        """,
        row,
        mime_type,
        ending,
        size,
        sha256,
    )


async def note_failed(connection: Connection, row: int, reason: str) -> None:
    """Give a file up, visibly; a person may have it tried again."""
    query = "UPDATE attachments SET state = 'failed', reason = $2 WHERE id = $1 AND state = 'waiting'"
    await connection.execute(query, row, reason[:200])


async def postpone(connection: Connection, fetch: AttachmentFetch, reason: str, pause: timedelta | None) -> None:
    """Try a file again later: after the pause, or after 10 s, doubling up to an hour."""
    await connection.execute(
        """
        UPDATE attachments SET reason = $2,
            retry_at = now() + coalesce($3::interval, least($4::interval * 2 ^ least($5::int - 1, 12), $6::interval))
        WHERE id = $1 AND state = 'waiting'
        """,
        fetch.id,
        reason[:200],
        pause,
        SHORTEST_WAIT,
        fetch.attempt,
        LONGEST_WAIT,
    )


async def retry(connection: Connection, *, attachment_id: UUID | None = None, reason: str | None = None) -> int:
    """Have failed files tried again, one or those of a reason; returns how many."""
    return affected(
        await connection.execute(
            """
            UPDATE attachments SET state = 'waiting', attempts = 0, retry_at = now()
            WHERE state = 'failed' AND ($1::uuid IS NULL OR attachment_id = $1) AND ($2::text IS NULL OR reason = $2)
            """,
            attachment_id,
            reason,
        )
    )


_VIEW = """
    SELECT attachment_id AS id, receipts.receipt_id, attachments.kind, attachments.state, attachments.reason,
        file_name, mime_type, ending, size, attachments.attempts, created_at, stored_at, file_key
    FROM attachments JOIN receipts ON receipts.id = attachments.receipt
"""


async def list_of_receipt(connection: Connection, receipt_id: UUID) -> list[dict[str, Any]] | None:
    """The files of a receipt, in their order; None when there is no such receipt."""
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM receipts WHERE receipt_id = $1)", receipt_id):
        return None
    rows = await connection.fetch(f"{_VIEW} WHERE receipts.receipt_id = $1 ORDER BY place", receipt_id)
    return [dict(row) for row in rows]


async def find_attachment(connection: Connection, attachment_id: UUID) -> dict[str, Any] | None:
    """One file."""
    row = await connection.fetchrow(f"{_VIEW} WHERE attachment_id = $1", attachment_id)
    return dict(row) if row else None


async def count_by_reason(connection: Connection) -> list[dict[str, Any]]:
    """How many files are in which state, and why those that failed or wait again do."""
    rows = await connection.fetch(
        "SELECT state, reason, count(*) FROM attachments GROUP BY state, reason ORDER BY state, count(*) DESC"
    )
    return [dict(row) for row in rows]
