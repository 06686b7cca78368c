"""What assignment knows of a lead, and what leaves it when that changes."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.assignment.domain.scoring import Candidate
from shared.contracts.words import LeadOutcome


class Stage(StrEnum):
    """Where a lead stands in its assignment."""

    UNREADY = "unready"
    QUEUED = "queued"
    DECIDED = "decided"
    ASSIGNED = "assigned"
    CLOSED = "closed"


@dataclass(slots=True)
class Lead:
    """The state of one lead's assignment.

    `chosen_id` is the member of decision `decision_number`; `owner_id` is the member of decision
    `owner_number`, the last that leads applied; `is_adopted` when that one was not made by this database.
    `settled_at` is the latest instant of what is known: a ready event from before it comes from a replay, a later
    one means that leads has lost the owner. `held_by` are the members in whose capacity the lead counts:
    from a decision until leads answers it, those are the owner and everybody chosen since. `status_version`
    is the lead's version at its last move; older moves come from a replay. `credited_id` is who the outcome
    was counted for.
    """

    lead_id: int
    stage: Stage = Stage.UNREADY
    source: str | None = None
    language: str | None = None
    preferred_owner_id: int | None = None
    correlation_id: UUID | None = None
    ready_at: datetime | None = None
    decision_number: int = 0
    chosen_id: int | None = None
    owner_number: int = 0
    owner_id: int | None = None
    is_adopted: bool = False
    settled_at: datetime | None = None
    held_by: list[int] = field(default_factory=list)
    queued_at: datetime | None = None
    reason: str | None = None
    refusals: int = 0
    next_attempt_at: datetime | None = None
    handovers: int = 0
    next_handover_at: datetime | None = None
    status_version: int = 0
    outcome: LeadOutcome | None = None
    credited_id: int | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A decision was made; `decided_by` and `reason` are of one made by hand."""

    lead_id: int
    number: int
    member_id: int
    previous_member_id: int | None
    candidates: tuple[Candidate, ...]
    policy_version: int
    correlation_id: UUID | None
    is_manual: bool = False
    decided_by: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ByHand:
    """What became of a person's wish: the number of the decision that fulfils it, made now or before."""

    number: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """Nobody may take a lead now."""

    lead_id: int
    reason: str
    correlation_id: UUID | None


@dataclass(frozen=True, slots=True)
class Release:
    """A lead gave back its place in a member's capacity."""

    lead_id: int
    member_id: int
    reason: str
    correlation_id: UUID | None


Outcome = Choice | Wait | Release
