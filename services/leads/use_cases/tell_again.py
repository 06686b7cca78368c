"""The slow sweep of notifications: an owner whom notifier has told nothing yet is announced to it once more."""

from datetime import datetime

from services.leads.domain.assignments import answer_event
from services.leads.domain.hand_over import HandOverPolicy
from services.leads.storage import tellings
from shared.contracts.topics import LEAD_EVENTS
from shared.kit import outbox
from shared.kit.database import Connection
from shared.kit.metrics import handed_over_again


async def tell_again(connection: Connection, now: datetime, policy: HandOverPolicy, limit: int = 500) -> int:
    """Repeat `lead.assigned` for the last decisions of open leads that stay untold; how many were looked at.

    It is the event of then, with its id and time, so that notifier tells it once and lets old news be. Only the
    correlation is forgotten: the lead stands for it.
    """
    due = await tellings.lock_due(connection, now, limit)
    if not due:
        return 0
    await tellings.postpone(
        connection,
        [(one.answer, now + policy.wait_after(one.tellings + 1) if one.is_current else None) for one in due],
    )
    current = [one for one in due if one.is_current]
    await outbox.append(
        connection,
        LEAD_EVENTS,
        [
            (one.answer.lead_id, answer_event(one.answer, None, correlation_id=one.lead_uuid, at=one.answered_at))
            for one in current
        ],
    )
    handed_over_again.labels("assignments").inc(len(current))
    return len(due)
