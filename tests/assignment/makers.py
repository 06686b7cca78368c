"""Members, workloads and events for tests, with everything that a test does not care about filled in."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID, uuid4

from services.assignment.domain.leads import Choice, Lead, Wait
from services.assignment.domain.ledger import Ledger
from services.assignment.domain.members import Member
from services.assignment.domain.policy import STANDARD
from services.assignment.domain.roster import Roster, Workload
from shared.contracts.assignment import Shift
from shared.contracts.leads import (
    AnyLeadEvent,
    LeadAssigned,
    LeadAssignmentRefused,
    LeadDeleted,
    LeadReady,
    LeadStatusChanged,
)
from shared.contracts.words import Channel, LeadOutcome, LeadStatus, Role

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def member(member_id: int = 1, **changes: Any) -> Member:
    """A salesperson in UTC who is always on shift and may hold ten leads."""
    ordinary = Member(
        id=member_id,
        name=f"Member {member_id}",
        role=Role.SALESPERSON,
        capacity=10,
        time_zone="UTC",
        working_hours=(),
        is_active=True,
    )
    return replace(ordinary, **changes)


def shift(weekday: int, starts_at: str, ends_at: str) -> Shift:
    """A shift, with times such as `09:00`."""
    return Shift(weekday=weekday, starts_at=time.fromisoformat(starts_at), ends_at=time.fromisoformat(ends_at))


def roster(*members: Member, workloads: Iterable[Workload] = (), at: datetime = NOON) -> Roster:
    """A team at noon; members without a workload have an empty one."""
    known = {workload.member_id: workload for workload in workloads}
    return Roster([(each, known.get(each.id, Workload(each.id))) for each in members], at=at, policy=STANDARD)


def ledger(*members: Member, leads: Sequence[Lead] = (), at: datetime = NOON) -> Ledger:
    """A ledger of a team without earlier workload."""
    return Ledger(leads, roster(*members, at=at), at)


def _about(lead_id: int, at: datetime = NOON) -> dict[str, Any]:
    return {
        "event_id": uuid4(),
        "occurred_at": at,
        "correlation_id": UUID(int=lead_id),
        "lead_id": lead_id,
    }


def ready(lead_id: int, *, preferred: int | None = None, at: datetime = NOON) -> LeadReady:
    """A lead may be assigned."""
    return LeadReady(
        **_about(lead_id, at),
        version=1,
        source="web",
        channel=Channel.FORM,
        preferred_owner_id=preferred,
        created_at=at,
    )


def assigned(lead_id: int, number: int, member_id: int, version: int = 2, *, at: datetime = NOON) -> LeadAssigned:
    """leads applied a decision."""
    return LeadAssigned(
        **_about(lead_id, at), version=version, decision_id=0, decision_number=number, member_id=member_id
    )


def refused(
    lead_id: int, number: int, member_id: int, *, owner: int | None = None, applied: int | None = None
) -> LeadAssignmentRefused:
    """leads did not apply a decision; `owner` has the lead by decision `applied`."""
    return LeadAssignmentRefused(
        **_about(lead_id),
        version=2,
        decision_id=0,
        decision_number=number,
        member_id=member_id,
        reason="not now",
        assigned_id=owner,
        applied_number=applied,
    )


def closed(
    lead_id: int, *, by: int | None = None, outcome: LeadOutcome = LeadOutcome.LOST, version: int = 3
) -> LeadStatusChanged:
    """A lead closed."""
    return LeadStatusChanged(
        **_about(lead_id),
        version=version,
        from_status=LeadStatus.IN_PROGRESS,
        to_status=LeadStatus.CLOSED,
        outcome=outcome,
        assigned_id=by,
    )


def moved(
    lead_id: int, start: LeadStatus, end: LeadStatus, *, by: int | None = None, version: int = 3
) -> LeadStatusChanged:
    """A lead made some other move."""
    return LeadStatusChanged(**_about(lead_id), version=version, from_status=start, to_status=end, assigned_id=by)


def deleted(lead_id: int, *, by: int | None = None, version: int = 4) -> LeadDeleted:
    """A lead was deleted."""
    return LeadDeleted(**_about(lead_id), version=version, assigned_id=by)


def places_held(leads: Iterable[Lead]) -> dict[int, int]:
    """How many leads count in each member's capacity, from the leads' own point of view."""
    held: dict[int, int] = {}
    for lead in leads:
        for member_id in lead.held_by:
            held[member_id] = held.get(member_id, 0) + 1
    return held


def apply_all(to: Ledger, events: Iterable[AnyLeadEvent]) -> None:
    """Apply events one after another."""
    for event in events:
        to.apply(event)


def said(book: Ledger) -> list[tuple[Any, ...]]:
    """The outcomes as short tuples."""
    return [
        ("choice", each.lead_id, each.number, each.member_id)
        if isinstance(each, Choice)
        else ("wait", each.lead_id)
        if isinstance(each, Wait)
        else ("release", each.lead_id, each.member_id, each.reason)
        for each in book.outcomes
    ]


def lead_of(book: Ledger, lead_id: int = 1) -> Lead:
    """A lead that changed."""
    return next(lead for lead in book.changed() if lead.lead_id == lead_id)
