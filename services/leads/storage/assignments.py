"""Decisions of assignment: the leads that they are about, locked, and the answers given so far."""

from collections.abc import Collection, Sequence
from datetime import datetime

from services.leads.domain.assignments import Answer, Refusal, Standing
from shared.contracts.words import LeadStatus
from shared.kit.database import Connection
from shared.kit.writes import Writes


async def lock_standings(connection: Connection, lead_ids: Collection[int]) -> dict[int, Standing]:
    """Lock leads in the order of their ids. Their people are not locked: an owner opens and closes nothing."""
    rows = await connection.fetch(
        """
        SELECT id, version, assigned_id, decision_number, status, deleted_at
        FROM leads WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE
        """,
        list(lead_ids),
    )
    return {
        row["id"]: Standing(
            lead_id=row["id"],
            version=row["version"],
            assigned_id=row["assigned_id"],
            decision_number=row["decision_number"],
            refusal=_refusal(row["status"], row["deleted_at"]),
        )
        for row in rows
    }


def _refusal(status: int, deleted_at: datetime | None) -> Refusal | None:
    if deleted_at is not None:
        return Refusal.DELETED
    return Refusal.CLOSED if status == LeadStatus.CLOSED else None


async def list_answers(connection: Connection, lead_ids: Collection[int]) -> dict[tuple[int, int], Answer]:
    """Everything that was answered about these leads, by lead id and decision number."""
    rows = await connection.fetch(
        """
        SELECT lead_id, decision_number, decision_id, member_id, previous_member_id, lead_version, reason
        FROM assignment_answers WHERE lead_id = ANY($1::bigint[])
        """,
        list(lead_ids),
    )
    answers = [Answer(*row) for row in rows]
    return {(answer.lead_id, answer.decision_number): answer for answer in answers}


def add_answers(writes: Writes, answers: Sequence[Answer], now: datetime, *, tell_at: datetime) -> None:
    """Keep answers, so that the same decisions have no second effect; applied ones are told again from `tell_at` on."""
    writes.add(
        """
        INSERT INTO assignment_answers (
            lead_id, decision_number, decision_id, member_id, previous_member_id, is_applied, reason, lead_version,
            answered_at, tell_at
        )
        SELECT
            lead_id, decision_number, decision_id, member_id, previous_member_id, reason IS NULL, reason,
            lead_version, $8, CASE WHEN reason IS NULL THEN $9::timestamptz END
        FROM unnest($1::bigint[], $2::int[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::int[])
            AS row (lead_id, decision_number, decision_id, member_id, previous_member_id, reason, lead_version)
        """,
        [answer.lead_id for answer in answers],
        [answer.decision_number for answer in answers],
        [answer.decision_id for answer in answers],
        [answer.member_id for answer in answers],
        [answer.previous_member_id for answer in answers],
        [answer.reason for answer in answers],
        [answer.lead_version for answer in answers],
        now,
        tell_at,
    )


def save_owners(writes: Writes, standings: Sequence[Standing], now: datetime) -> None:
    """Give locked leads their owners; nobody needs to be reminded of them any more."""
    writes.add(
        """
        UPDATE leads SET
            assigned_id = row.assigned_id, decision_number = row.decision_number, version = row.version,
            updated_at = $5, hand_over_at = NULL
        FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::int[])
            AS row (id, assigned_id, decision_number, version)
        WHERE leads.id = row.id
        """,
        [standing.lead_id for standing in standings],
        [standing.assigned_id for standing in standings],
        [standing.decision_number for standing in standings],
        [standing.version for standing in standings],
        now,
    )
