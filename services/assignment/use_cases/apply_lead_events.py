"""Take in what happened to leads, and decide."""

from collections.abc import Iterable
from datetime import datetime

from services.assignment.storage.ledgers import open_ledger
from services.assignment.use_cases.record_outcomes import record_outcomes
from shared.contracts.leads import (
    AnyLeadEvent,
    LeadAssigned,
    LeadAssignmentRefused,
    LeadDeleted,
    LeadMerged,
    LeadReady,
    LeadStatusChanged,
)
from shared.contracts.words import LeadStatus
from shared.kit.database import Connection

RELEVANT = LeadReady | LeadAssigned | LeadAssignmentRefused | LeadStatusChanged | LeadDeleted | LeadMerged
"""The events that may matter to an assignment; the others need not be read at all."""


async def apply_lead_events(connection: Connection, events: Iterable[AnyLeadEvent], now: datetime) -> None:
    """Apply a batch of events in the caller's transaction, in the order given, as if one by one."""
    relevant = [event for event in events if _is_relevant(event)]
    if not relevant:
        return
    ledger = await open_ledger(connection, now, {event.lead_id for event in relevant}, events=len(relevant))
    for event in relevant:
        ledger.apply(event)
    await record_outcomes(connection, ledger, now)


def _is_relevant(event: AnyLeadEvent) -> bool:
    if isinstance(event, LeadStatusChanged):
        return LeadStatus.CLOSED in (event.from_status, event.to_status)
    return isinstance(event, RELEVANT)
