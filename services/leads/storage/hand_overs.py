"""Ready leads without an owner, and when each is handed to assignment again."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.leads.storage.tables import IS_OPEN
from shared.kit.database import Connection


class Waiting(NamedTuple):
    """A lead that waits for an owner, with what assignment is told about it."""

    lead_id: int
    lead_uuid: UUID
    version: int
    source: str
    channel: str
    language: str | None
    is_repeat: bool
    preferred_owner_id: int | None
    created_at: datetime
    hand_overs: int


async def lock_due(connection: Connection, now: datetime, limit: int) -> list[Waiting]:
    """Lock the leads that are due, the longest overdue first; those in other hands are skipped."""
    rows = await connection.fetch(
        f"""
        SELECT id, lead_uuid, version, source, channel, language, repeat_of_id IS NOT NULL, preferred_owner_id,
            created_at, hand_overs
        FROM leads
        WHERE assigned_id IS NULL AND is_ready AND {IS_OPEN} AND hand_over_at <= $1
        ORDER BY hand_over_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
        """,  # noqa: S608 (a constant of ours)  # nosec B608
        now,
        limit,
    )
    return [Waiting(*row) for row in rows]


async def postpone(connection: Connection, leads: Sequence[tuple[int, datetime]]) -> None:
    """Count a hand-over of locked leads, as (lead id, when it is due again)."""
    await connection.execute(
        """
        UPDATE leads SET hand_over_at = row.hand_over_at, hand_overs = least(hand_overs + 1, 32000)
        FROM unnest($1::bigint[], $2::timestamptz[]) AS row (id, hand_over_at) WHERE leads.id = row.id
        """,
        [lead_id for lead_id, _ in leads],
        [hand_over_at for _, hand_over_at in leads],
    )
