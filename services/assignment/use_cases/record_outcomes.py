"""Write down what came out of a ledger, and tell the others."""

from datetime import datetime

from services.assignment.domain.leads import Choice, Outcome, Wait
from services.assignment.storage.ledgers import OpenLedger, save_ledger
from shared.contracts.assignment import AnyAssignmentEvent, AssignmentDecided, AssignmentQueued, AssignmentReleased
from shared.contracts.topics import ASSIGNMENT_EVENTS
from shared.kit import metrics, outbox
from shared.kit.database import Connection
from shared.kit.identifiers import new_id
from shared.kit.writes import Writes


async def record_outcomes(connection: Connection, ledger: OpenLedger, now: datetime) -> None:
    """Save a ledger and publish its outcomes in order.

    Runs under the ledger's lock, which also gives a lead's events their order in the outbox.
    """
    writes = Writes(connection)
    decision_ids = await save_ledger(writes, ledger, now)
    events = [(outcome.lead_id, _event(outcome, now, decision_ids)) for outcome in ledger.outcomes]
    outbox.gather(writes, ASSIGNMENT_EVENTS, events)
    await writes.send()
    for outcome in ledger.outcomes:
        metrics.decisions.labels(_result(outcome)).inc()


def _event(outcome: Outcome, now: datetime, decision_ids: dict[tuple[int, int], int]) -> AnyAssignmentEvent:
    event_id = new_id()
    # What nobody remembers the beginning of begins here.
    correlation_id = outcome.correlation_id or event_id
    if isinstance(outcome, Choice):
        return AssignmentDecided(
            event_id=event_id,
            occurred_at=now,
            correlation_id=correlation_id,
            decision_id=decision_ids[outcome.lead_id, outcome.number],
            decision_number=outcome.number,
            lead_id=outcome.lead_id,
            member_id=outcome.member_id,
            previous_member_id=outcome.previous_member_id,
            is_manual=outcome.is_manual,
        )
    if isinstance(outcome, Wait):
        return AssignmentQueued(
            event_id=event_id,
            occurred_at=now,
            correlation_id=correlation_id,
            lead_id=outcome.lead_id,
            reason=outcome.reason,
        )
    return AssignmentReleased(
        event_id=event_id,
        occurred_at=now,
        correlation_id=correlation_id,
        lead_id=outcome.lead_id,
        member_id=outcome.member_id,
        reason=outcome.reason,
    )


def _result(outcome: Outcome) -> str:
    if isinstance(outcome, Choice):
        return "manual" if outcome.is_manual else "decided"
    return "queued" if isinstance(outcome, Wait) else "released"
