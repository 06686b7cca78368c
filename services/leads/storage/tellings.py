"""Applied decisions whose owner has not been told yet, as far as leads knows."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.leads.domain.assignments import Answer
from services.leads.storage.tables import IS_OPEN
from shared.kit.database import Connection


class Telling(NamedTuple):
    """What became of telling a member about a decision: sent, failed, ambiguous or withdrawn."""

    lead_id: int
    decision_number: int
    member_id: int
    told_at: datetime
    outcome: str


class Untold(NamedTuple):
    """An applied answer whose telling is overdue; not current when a later decision or a close made it idle."""

    answer: Answer
    answered_at: datetime
    lead_uuid: UUID
    tellings: int
    is_current: bool


async def record(connection: Connection, tellings: Sequence[Telling]) -> None:
    """Keep what became of each, one per decision; what is known to be later stays."""
    ordered = sorted(tellings)
    await connection.execute(
        """
        UPDATE assignment_answers AS known SET told_at = row.told_at, telling = row.outcome, tell_at = NULL
        FROM unnest($1::bigint[], $2::int[], $3::bigint[], $4::timestamptz[], $5::text[])
            AS row (lead_id, decision_number, member_id, told_at, outcome)
        WHERE known.lead_id = row.lead_id AND known.decision_number = row.decision_number
            AND known.member_id = row.member_id AND known.is_applied
            AND (known.told_at IS NULL OR known.told_at < row.told_at)
        """,
        [one.lead_id for one in ordered],
        [one.decision_number for one in ordered],
        [one.member_id for one in ordered],
        [one.told_at for one in ordered],
        [one.outcome for one in ordered],
    )


async def lock_due(connection: Connection, now: datetime, limit: int) -> list[Untold]:
    """Lock the leads of answers that are due, the longest overdue first; leads in other hands are skipped."""
    rows = await connection.fetch(
        f"""
        SELECT answer.lead_id, answer.decision_number, decision_id, member_id, previous_member_id, lead_version,
            answered_at, lead_uuid, tellings,
            answer.decision_number = leads.decision_number AND {IS_OPEN} AS is_current
        FROM assignment_answers AS answer JOIN leads ON leads.id = answer.lead_id
        WHERE tell_at <= $1 ORDER BY tell_at LIMIT $2
        FOR NO KEY UPDATE OF leads SKIP LOCKED
        """,  # noqa: S608 (a constant of ours)  # nosec B608
        now,
        limit,
    )
    return [Untold(Answer(*row[:6]), *row[6:]) for row in map(tuple, rows)]


async def postpone(connection: Connection, answers: Sequence[tuple[Answer, datetime | None]]) -> None:
    """Say when answers of locked leads are due again, None for never; those told meanwhile stay told."""
    await connection.execute(
        """
        UPDATE assignment_answers AS known SET tell_at = row.tell_at, tellings = least(tellings + 1, 32000)
        FROM unnest($1::bigint[], $2::int[], $3::timestamptz[]) AS row (lead_id, decision_number, tell_at)
        WHERE known.lead_id = row.lead_id AND known.decision_number = row.decision_number AND told_at IS NULL
        """,
        [answer.lead_id for answer, _ in answers],
        [answer.decision_number for answer, _ in answers],
        [tell_at for _, tell_at in answers],
    )
