"""Leads, queue and team of one transaction: events go in one after another, decisions come out in order."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from heapq import heappop, heappush

from services.assignment.domain.errors import (
    CapacityFull,
    LeadNotOpen,
    LeadUnknown,
    MemberInactive,
    MemberUnknown,
)
from services.assignment.domain.leads import ByHand, Choice, Lead, Outcome, Release, Stage, Wait
from services.assignment.domain.roster import Roster
from services.assignment.domain.scoring import Candidate
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

_LONGEST_BACKOFF = timedelta(minutes=10)
FIRST_HANDOVER = timedelta(seconds=30)


def backoff(first: timedelta, times: int) -> timedelta:
    """The wait after the `times`-th silence: `first`, then doubled each time, ten minutes at most."""
    return min(first * (1 << min(times, 16)), _LONGEST_BACKOFF)


class Ledger:
    """What one transaction knows and changes.

    Events are applied one after another and the queue is served after each, so that it makes no difference
    how events are cut into batches. Repeated events, and older ones than are known, change nothing. Give it
    all leads that the events name and the first of the queue, as many as could become free.
    """

    def __init__(self, leads: Iterable[Lead], roster: Roster, at: datetime) -> None:
        self.roster = roster
        self.outcomes: list[Outcome] = []
        self._at = at
        self._leads = {lead.lead_id: lead for lead in leads}
        self._changed: set[int] = set()
        self._queue: list[tuple[datetime, int]] = []
        for lead in self._leads.values():
            self._line_up(lead)

    def changed(self) -> list[Lead]:
        """The leads that are no longer as they were given, by id."""
        return [self._leads[lead_id] for lead_id in sorted(self._changed)]

    def apply(self, event: AnyLeadEvent) -> None:
        """Take in one event of a lead, and give out what became possible by it."""
        match event:
            case LeadReady():
                self._on_ready(event)
            case LeadAssigned():
                self._on_assigned(event)
            case LeadAssignmentRefused():
                self._on_refused(event)
            case LeadStatusChanged():
                self._on_status_changed(event)
            case LeadDeleted() | LeadMerged():
                self._close(self._lead(event.lead_id), event, "deleted" if isinstance(event, LeadDeleted) else "merged")
            case _:
                return
        self.serve_queue()

    def serve_queue(self) -> None:
        """Give queued leads to whoever may take them, those that waited longest first."""
        while self._queue:
            lead = self._leads[self._queue[0][1]]
            if lead.stage is not Stage.QUEUED:
                heappop(self._queue)
                continue
            candidates = self.roster.candidates(lead.preferred_owner_id)
            if (best := self.roster.best(candidates)) is None:
                return
            heappop(self._queue)
            self._decide(lead, best.member_id, candidates)

    def assign_by_hand(self, lead_id: int, member_id: int, decided_by: int | None, reason: str | None) -> ByHand:
        """Decide for a member, unless they were chosen for the lead already or own it by a decision of ours.

        Off shift is no obstacle for a person's decision; capacity is.

        Raises:
            LeadUnknown, LeadNotOpen, MemberUnknown, MemberInactive, CapacityFull
        """
        lead = self._leads.get(lead_id)
        if lead is None or lead.stage is Stage.UNREADY:
            raise LeadUnknown(lead_id)
        if lead.stage is Stage.CLOSED:
            raise LeadNotOpen(lead_id)
        if (member := self.roster.find_member(member_id)) is None:
            raise MemberUnknown(member_id)
        if lead.stage is Stage.DECIDED and lead.chosen_id == member_id:
            return ByHand(lead.decision_number, is_new=False)
        # A decision after the owner's may have been refused; and one that was adopted is not known here.
        if lead.stage is Stage.ASSIGNED and lead.owner_id == member_id and not lead.is_adopted:
            return ByHand(lead.owner_number, is_new=False)
        if not member.is_active:
            raise MemberInactive(member)
        open_leads = self.roster.workload(member_id).open_leads
        if member_id not in lead.held_by and open_leads >= member.capacity:
            raise CapacityFull(member, open_leads)
        candidates = self.roster.candidates(lead.preferred_owner_id)
        self._decide(lead, member_id, candidates, is_manual=True, decided_by=decided_by, reason=reason)
        return ByHand(lead.decision_number, is_new=True)

    def _on_ready(self, event: LeadReady) -> None:
        lead = self._lead(event.lead_id)
        if lead.ready_at is not None:
            if lead.settled_at is not None and event.occurred_at > lead.settled_at:
                self._on_ready_again(lead, event)
            return
        self._changed.add(lead.lead_id)
        lead.ready_at = event.occurred_at
        lead.source, lead.language = event.source, event.language
        lead.preferred_owner_id = event.preferred_owner_id
        lead.correlation_id = event.correlation_id
        if lead.stage is Stage.UNREADY:
            self._enqueue(lead)

    def _on_ready_again(self, lead: Lead, event: LeadReady) -> None:
        """leads has no owner for an open lead that had one: its database was restored, or a decision is on its way.

        The owner stays who it was. The decision that leads has lost is handed over again; one that is not known
        here is made anew for the same member.
        """
        if lead.stage is Stage.CLOSED:
            self._reopen(lead, event)
        if lead.stage not in (Stage.DECIDED, Stage.ASSIGNED):
            return
        self._changed.add(lead.lead_id)
        lead.settled_at = event.occurred_at
        if lead.stage is Stage.DECIDED:
            lead.next_handover_at = self._at
        elif lead.owner_id is None or self.roster.find_member(lead.owner_id) is None:
            self._enqueue(lead)
        elif lead.is_adopted or lead.owner_number != lead.decision_number:
            self._decide(lead, lead.owner_id, self.roster.candidates(lead.preferred_owner_id))
        else:
            lead.stage, lead.handovers, lead.next_handover_at = Stage.DECIDED, 0, self._at

    def _on_assigned(self, event: LeadAssigned) -> None:
        self._learn_owner(self._lead(event.lead_id), event.decision_number, event.member_id, event)

    def _learn_owner(
        self, lead: Lead, number: int, member_id: int, event: LeadAssigned | LeadAssignmentRefused
    ) -> None:
        """Take over who owns a lead by which decision; what is known already, or older than that, changes nothing."""
        if number <= lead.owner_number and not self._is_answer_again(lead, number, event):
            return
        self._changed.add(lead.lead_id)
        lead.settled_at = max(lead.settled_at or event.occurred_at, event.occurred_at)
        # A higher number than any of ours, or somebody else under it: our database was restored, and what leads
        # says is the truth.
        is_other = number == lead.decision_number and member_id != lead.chosen_id
        lead.is_adopted = number > lead.decision_number or is_other
        lead.owner_number, lead.owner_id = number, member_id
        if number >= lead.decision_number:
            lead.decision_number, lead.chosen_id = number, member_id
            if lead.stage is not Stage.CLOSED:
                self._settle(lead, Stage.ASSIGNED, "reassigned", event)

    def _is_answer_again(self, lead: Lead, number: int, event: LeadAssigned | LeadAssignmentRefused) -> bool:
        """Whether leads applied once more, after it had lost it, the decision by which the owner has the lead."""
        is_awaited = lead.stage is Stage.DECIDED and number == lead.decision_number
        return is_awaited and (lead.settled_at is None or event.occurred_at >= lead.settled_at)

    def _on_refused(self, event: LeadAssignmentRefused) -> None:
        lead = self._lead(event.lead_id)
        if event.assigned_id is not None and event.applied_number is not None:
            self._learn_owner(lead, event.applied_number, event.assigned_id, event)
        if lead.stage is not Stage.DECIDED or event.decision_number != lead.decision_number:
            return
        self._changed.add(lead.lead_id)
        lead.refusals += 1
        lead.chosen_id = lead.owner_id
        if lead.owner_id is not None:
            self._settle(lead, Stage.ASSIGNED, "refused", event)
            return
        self._settle(lead, Stage.QUEUED, "refused", event)
        wait = backoff(timedelta(seconds=1), lead.refusals) if lead.refusals > 1 else timedelta(0)
        self._enqueue(lead, after=wait, reason=f"leads refused decision {event.decision_number}: {event.reason}")

    def _on_status_changed(self, event: LeadStatusChanged) -> None:
        lead = self._lead(event.lead_id)
        if event.to_status is LeadStatus.CLOSED:
            if self._close(lead, event, "closed") and event.outcome is not None and lead.owner_id is not None:
                lead.outcome, lead.credited_id = event.outcome, lead.owner_id
                self.roster.count_outcome(lead.credited_id, lead.outcome)
        elif lead.stage is Stage.CLOSED and event.version > lead.status_version:
            self._reopen(lead, event)

    def _close(self, lead: Lead, event: LeadStatusChanged | LeadDeleted | LeadMerged, reason: str) -> bool:
        """Free all places; False when the lead is closed, or was reopened after this event."""
        if lead.stage is Stage.CLOSED or event.version < lead.status_version:
            return False
        lead.status_version = event.version
        lead.settled_at = max(lead.settled_at or event.occurred_at, event.occurred_at)
        lead.owner_id = event.assigned_id if event.assigned_id is not None else lead.owner_id
        self._settle(lead, Stage.CLOSED, reason, event)
        return True

    def _reopen(self, lead: Lead, event: LeadStatusChanged | LeadReady) -> None:
        """Undo a slip, or a close that leads has lost.

        The owner holds the lead again, even past capacity, and the result does not count.
        """
        if lead.outcome is not None and lead.credited_id is not None:
            self.roster.count_outcome(lead.credited_id, lead.outcome, times=-1)
        self._changed.add(lead.lead_id)
        lead.outcome = lead.credited_id = None
        lead.status_version = event.version
        if isinstance(event, LeadStatusChanged) and event.assigned_id is not None:
            lead.owner_id = event.assigned_id
        lead.chosen_id = lead.owner_id
        if lead.owner_id is not None:
            self._settle(lead, Stage.ASSIGNED, "reassigned", event)
        elif lead.ready_at is not None:
            self._enqueue(lead)
        else:
            lead.stage = Stage.UNREADY

    def _decide(
        self,
        lead: Lead,
        member_id: int,
        candidates: tuple[Candidate, ...],
        *,
        is_manual: bool = False,
        decided_by: int | None = None,
        reason: str | None = None,
    ) -> None:
        self._changed.add(lead.lead_id)
        lead.stage, lead.chosen_id = Stage.DECIDED, member_id
        lead.decision_number += 1
        lead.settled_at = self._at
        lead.queued_at = lead.reason = lead.next_attempt_at = None
        lead.handovers, lead.next_handover_at = 0, self._at + FIRST_HANDOVER
        if member_id not in lead.held_by:
            lead.held_by.append(member_id)
            self.roster.take_place(member_id)
        self.roster.take_turn(member_id)
        self.outcomes.append(
            Choice(
                lead_id=lead.lead_id,
                number=lead.decision_number,
                member_id=member_id,
                previous_member_id=lead.owner_id,
                candidates=candidates,
                policy_version=self.roster.policy.version,
                correlation_id=lead.correlation_id,
                is_manual=is_manual,
                decided_by=decided_by,
                reason=reason,
            )
        )

    def _settle(self, lead: Lead, stage: Stage, reason: str, event: AnyLeadEvent) -> None:
        """Enter a stage in which leads owes no answer: only the owner of an open lead still holds it."""
        self._changed.add(lead.lead_id)
        lead.stage, lead.handovers, lead.next_handover_at = stage, 0, None
        lead.queued_at = lead.reason = lead.next_attempt_at = None
        if stage is Stage.ASSIGNED:
            lead.refusals = 0
        holders = []
        # Somebody who is not in the team, which was restored from a backup then, has no capacity to count in.
        if stage is Stage.ASSIGNED and lead.owner_id is not None and self.roster.find_member(lead.owner_id):
            holders.append(lead.owner_id)
        for member_id in lead.held_by:
            if member_id not in holders:
                self.roster.give_place_back(member_id)
                self.outcomes.append(Release(lead.lead_id, member_id, reason, event.correlation_id))
        for member_id in holders:
            if member_id not in lead.held_by:
                self.roster.take_place(member_id)
        lead.held_by = holders

    def _enqueue(self, lead: Lead, *, after: timedelta = timedelta(0), reason: str | None = None) -> None:
        lead.stage, lead.queued_at = Stage.QUEUED, self._at
        lead.next_attempt_at = self._at + after
        lead.reason = reason
        self._line_up(lead)
        self.serve_queue()
        if lead.stage is Stage.QUEUED:
            lead.reason = reason or self.roster.why_nobody()
            self.outcomes.append(Wait(lead.lead_id, lead.reason, lead.correlation_id))

    def _line_up(self, lead: Lead) -> None:
        is_due = lead.next_attempt_at is not None and lead.next_attempt_at <= self._at
        if lead.stage is Stage.QUEUED and lead.ready_at is not None and is_due:
            heappush(self._queue, (lead.ready_at, lead.lead_id))

    def _lead(self, lead_id: int) -> Lead:
        return self._leads.setdefault(lead_id, Lead(lead_id))
