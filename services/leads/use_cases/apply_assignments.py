"""Applying decisions of assignment: it alone says who owns a lead, and leads says whether that came about."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid5

from services.leads.domain.assignments import Answer, Desk, changed
from services.leads.storage import assignments, journal
from services.leads.storage.journal import HistoryLine
from shared.contracts.assignment import AssignmentDecided
from shared.contracts.events import Event
from shared.contracts.leads import LeadAssigned, LeadAssignmentRefused
from shared.contracts.topics import LEAD_EVENTS
from shared.kit import outbox
from shared.kit.database import Connection

_ANSWERS = UUID("0f4b8a1e-58a6-4d0a-9d6b-9c2c9a1c7d11")


async def apply_assignments(connection: Connection, decisions: Sequence[AssignmentDecided], now: datetime) -> None:
    """Apply or refuse each decision, and say so; may be repeated with the same decisions at any time.

    An answer that is given again is the same event, with the same id.
    """
    if not decisions:
        return
    lead_ids = {decision.lead_id for decision in decisions}
    before = await assignments.lock_standings(connection, lead_ids)
    desk = Desk(standings=dict(before), answered=await assignments.list_answers(connection, lead_ids))
    events: list[tuple[int, Event]] = []
    lines: list[HistoryLine] = []
    for decision in decisions:
        known = len(desk.fresh)
        answer = desk.take_up(decision)
        if answer is None:
            continue
        events.append((answer.lead_id, _event(decision, answer, now)))
        if len(desk.fresh) > known and answer.reason is None:
            lines.append(_history(decision, answer))
    if owned := changed(before, desk.standings):
        await assignments.save_owners(connection, owned, now)
    if desk.fresh:
        await assignments.add_answers(connection, desk.fresh, now)
    if lines:
        await journal.add_history(connection, lines, now)
    await outbox.append(connection, LEAD_EVENTS, events)


def _history(decision: AssignmentDecided, answer: Answer) -> HistoryLine:
    how = "by hand" if decision.is_manual else "by the rules"
    return HistoryLine(
        answer.lead_id,
        f"Assigned to member {answer.member_id} {how}",
        {"assigned_id": {"from": answer.previous_member_id, "to": answer.member_id}},
    )


def _event(decision: AssignmentDecided, answer: Answer, now: datetime) -> LeadAssigned | LeadAssignmentRefused:
    name = f"{answer.lead_id}/{answer.decision_number}/{answer.decision_id}"
    if answer.reason is None:
        return LeadAssigned(
            event_id=uuid5(_ANSWERS, name),
            occurred_at=now,
            correlation_id=decision.correlation_id,
            lead_id=answer.lead_id,
            version=answer.lead_version,
            decision_id=answer.decision_id,
            decision_number=answer.decision_number,
            member_id=answer.member_id,
            previous_member_id=answer.previous_member_id,
        )
    return LeadAssignmentRefused(
        event_id=uuid5(_ANSWERS, name),
        occurred_at=now,
        correlation_id=decision.correlation_id,
        lead_id=answer.lead_id,
        version=answer.lead_version,
        decision_id=answer.decision_id,
        decision_number=answer.decision_number,
        member_id=answer.member_id,
        reason=answer.reason,
    )
