"""Leads that wait: for somebody to become free, or for leads' answer to a decision."""

from datetime import datetime
from typing import Any

from services.assignment.domain.ledger import FIRST_HANDOVER, backoff
from shared.kit.database import Connection


async def count_queued(connection: Connection) -> int:
    """How many leads wait for somebody."""
    count: int = await connection.fetchval("SELECT count(*) FROM leads WHERE stage = 'queued'")
    return count


async def is_anything_due(connection: Connection, at: datetime) -> bool:
    """Whether a queued lead may be tried now."""
    query = "SELECT EXISTS (SELECT 1 FROM leads WHERE stage = 'queued' AND next_attempt_at <= $1)"
    return bool(await connection.fetchval(query, at))


async def renew_reasons(connection: Connection, at: datetime, reason: str) -> None:
    """Give those that wait for somebody the present reason; needs the ledger's lock."""
    await connection.execute(
        """
        UPDATE leads SET reason = $2
        WHERE stage = 'queued' AND next_attempt_at <= $1 AND reason IS DISTINCT FROM $2
        """,
        at,
        reason,
    )


async def take_unanswered(connection: Connection, at: datetime, limit: int) -> list[dict[str, Any]]:
    """Decisions that leads has not answered in time, the longest silent first; each gets its next, later time.

    Needs the ledger's lock.
    """
    rows = await connection.fetch(
        """
        SELECT id, lead_id, decisions.decision_number, chosen_member_id, previous_member_id, is_manual,
            correlation_id, handovers
        FROM leads JOIN decisions USING (lead_id)
        WHERE stage = 'decided' AND next_handover_at <= $1 AND decisions.decision_number = leads.decision_number
        ORDER BY next_handover_at, lead_id LIMIT $2
        """,
        at,
        limit,
    )
    await connection.execute(
        """
        UPDATE leads SET handovers = handovers + 1, next_handover_at = row.next_handover_at
        FROM unnest($1::bigint[], $2::timestamptz[]) AS row (lead_id, next_handover_at)
        WHERE leads.lead_id = row.lead_id
        """,
        [row["lead_id"] for row in rows],
        [at + backoff(FIRST_HANDOVER, row["handovers"] + 1) for row in rows],
    )
    return [dict(row) for row in rows]
