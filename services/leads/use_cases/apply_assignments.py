"""Applying decisions of assignment: it alone says who owns a lead, and leads says whether that came about."""

from collections.abc import Sequence
from datetime import datetime

from services.leads.domain.assignments import Answer, Desk, answer_event, changed
from services.leads.domain.hand_over import TELLING
from services.leads.storage import assignments, journal
from services.leads.storage.journal import HistoryLine
from shared.contracts.assignment import AssignmentDecided
from shared.contracts.events import Event
from shared.contracts.topics import LEAD_EVENTS
from shared.kit import outbox
from shared.kit.database import Connection
from shared.kit.writes import Writes


async def apply_assignments(connection: Connection, decisions: Sequence[AssignmentDecided], now: datetime) -> None:
    """Apply or refuse each decision, and say so; may be repeated with the same decisions at any time.

    An answer that is given again is the same event, with the same id. Until notifier has told the new owner of the
    last decision, `tell_again` repeats it.
    """
    if not decisions:
        return
    lead_ids = {decision.lead_id for decision in decisions}
    before = await assignments.lock_standings(connection, lead_ids)
    # By a statement of its own: that of the lock does not see what those have answered who were waited for.
    desk = Desk(standings=dict(before), answered=await assignments.list_answers(connection, lead_ids))
    events: list[tuple[int, Event]] = []
    lines: list[HistoryLine] = []
    for decision in decisions:
        known = len(desk.fresh)
        answer = desk.take_up(decision)
        standing = desk.standings.get(answer.lead_id)
        event = answer_event(answer, standing, correlation_id=decision.correlation_id, at=now)
        events.append((answer.lead_id, event))
        if len(desk.fresh) > known and answer.reason is None:
            lines.append(_history(decision, answer))
    writes = Writes(connection)
    if owned := changed(before, desk.standings):
        assignments.save_owners(writes, owned, now)
    if desk.fresh:
        assignments.add_answers(writes, desk.fresh, now, tell_at=now + TELLING.first)
    journal.add_history(writes, lines, now)
    outbox.gather(writes, LEAD_EVENTS, events)
    await writes.send()


def _history(decision: AssignmentDecided, answer: Answer) -> HistoryLine:
    how = "by hand" if decision.is_manual else "by the rules"
    return HistoryLine(
        answer.lead_id,
        f"Assigned to member {answer.member_id} {how}",
        {"assigned_id": {"from": answer.previous_member_id, "to": answer.member_id}},
    )
