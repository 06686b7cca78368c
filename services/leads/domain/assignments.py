"""What leads answers to decisions of assignment: they are numbered for each lead, and only a newer one is applied."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid5

from shared.contracts.assignment import AssignmentDecided
from shared.contracts.leads import LeadAssigned, LeadAssignmentRefused

_ANSWERS = UUID("0f4b8a1e-58a6-4d0a-9d6b-9c2c9a1c7d11")


class Refusal(StrEnum):
    """Why a decision was not applied."""

    UNKNOWN = "unknown"
    CLOSED = "closed"
    DELETED = "deleted"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a decision is held against; `decision_number` is that of the last one applied."""

    lead_id: int
    version: int
    assigned_id: int | None
    decision_number: int
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a decision; applied when there is no reason against it."""

    lead_id: int
    decision_number: int
    decision_id: int
    member_id: int
    previous_member_id: int | None
    lead_version: int
    reason: Refusal | None = None


@dataclass(slots=True)
class Desk:
    """The leads of a batch of decisions, and what was answered before; grows as decisions are taken up.

    `answered` has every earlier answer about these leads. `fresh` are the answers that were given here.
    """

    standings: dict[int, Standing]
    answered: dict[tuple[int, int], Answer]
    fresh: list[Answer] = field(default_factory=list)
    _latest: dict[int, int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for lead_id, number in self.answered:
            self._latest[lead_id] = max(number, self._latest.get(lead_id, 0))

    def take_up(self, decision: AssignmentDecided) -> Answer:
        """Apply or refuse a decision.

        One that comes again has no second effect. If it is the lead's latest, its answer is returned once more,
        because assignment may have asked for want of it. To an older one that answer would mislead: it is superseded,
        which also tells an assignment that was restored from a backup who owns the lead.
        """
        key = (decision.lead_id, decision.decision_number)
        known = self.answered.get(key)
        if known is None:
            return self._decide(decision)
        is_latest = decision.decision_number == self._latest[decision.lead_id]
        if is_latest and known.decision_id == decision.decision_id:
            return known
        return self._answer(decision, Refusal.SUPERSEDED)

    def _decide(self, decision: AssignmentDecided) -> Answer:
        standing = self.standings.get(decision.lead_id)
        if standing is None:
            reason: Refusal | None = Refusal.UNKNOWN
        elif decision.decision_number <= standing.decision_number:
            reason = Refusal.SUPERSEDED
        else:
            reason = standing.refusal
        if reason is None and standing is not None:
            self.standings[decision.lead_id] = replace(
                standing,
                version=standing.version + 1,
                assigned_id=decision.member_id,
                decision_number=decision.decision_number,
            )
        previous = standing.assigned_id if standing else None
        answer = self._answer(decision, reason, previous)
        self.answered[answer.lead_id, answer.decision_number] = answer
        self._latest[answer.lead_id] = max(answer.decision_number, self._latest.get(answer.lead_id, 0))
        self.fresh.append(answer)
        return answer

    def _answer(self, decision: AssignmentDecided, reason: Refusal | None, previous: int | None = None) -> Answer:
        standing = self.standings.get(decision.lead_id)
        return Answer(
            lead_id=decision.lead_id,
            decision_number=decision.decision_number,
            decision_id=decision.decision_id,
            member_id=decision.member_id,
            previous_member_id=previous if reason is None else None,
            lead_version=standing.version if standing else 0,
            reason=reason,
        )


def changed(before: Mapping[int, Standing], after: Mapping[int, Standing]) -> list[Standing]:
    """The leads that a batch of decisions changed, as they are now."""
    return [standing for lead_id, standing in after.items() if standing != before[lead_id]]


def answer_event(
    answer: Answer, standing: Standing | None, *, correlation_id: UUID, at: datetime
) -> LeadAssigned | LeadAssignmentRefused:
    """What is told about an answer; the same one is always the same event. `standing` is that of its lead now."""
    name = f"{answer.lead_id}/{answer.decision_number}/{answer.decision_id}"
    if answer.reason is None:
        return LeadAssigned(
            event_id=uuid5(_ANSWERS, name),
            occurred_at=at,
            correlation_id=correlation_id,
            lead_id=answer.lead_id,
            version=answer.lead_version,
            decision_id=answer.decision_id,
            decision_number=answer.decision_number,
            member_id=answer.member_id,
            previous_member_id=answer.previous_member_id,
        )
    applied = standing if standing and standing.decision_number else None
    return LeadAssignmentRefused(
        event_id=uuid5(_ANSWERS, f"{name}/refused"),
        occurred_at=at,
        correlation_id=correlation_id,
        lead_id=answer.lead_id,
        version=answer.lead_version,
        decision_id=answer.decision_id,
        decision_number=answer.decision_number,
        member_id=answer.member_id,
        reason=answer.reason,
        assigned_id=applied.assigned_id if applied else None,
        applied_number=applied.decision_number if applied else None,
    )
