"""`assignment.events.v1` and `team.members.v1`: who gets a lead, and who there is."""

from collections.abc import Callable
from datetime import time
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.events import Event, decoder
from shared.contracts.words import Role


class AssignmentDecided(Event):
    """Assignment chose an owner. Decisions of a lead are numbered from 1; leads applies only a higher number."""

    type: Literal["assignment.decided.v1"] = "assignment.decided.v1"
    decision_id: int
    decision_number: int
    lead_id: int
    member_id: int
    previous_member_id: int | None = None
    is_manual: bool = False


class AssignmentQueued(Event):
    """Nobody may take the lead now; it is decided again when somebody becomes free."""

    type: Literal["assignment.queued.v1"] = "assignment.queued.v1"
    lead_id: int
    reason: str


class AssignmentReleased(Event):
    """A lead no longer holds a place in its owner's capacity (closed, deleted, refused)."""

    type: Literal["assignment.released.v1"] = "assignment.released.v1"
    lead_id: int
    member_id: int
    reason: str


class Shift(BaseModel):
    """One stretch of working time in the member's own time zone; `weekday` 0 is Monday.

    `ends_at` of 00:00 means midnight at the end of that day.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    weekday: int = Field(ge=0, le=6)
    starts_at: time
    ends_at: time


class MemberChanged(Event):
    """The latest state of a member; consumers apply only a higher version. No shifts mean always on shift.

    Someone erased is a last state without personal data, never a tombstone: `name` and `email` are None.
    """

    type: Literal["member.changed.v1"] = "member.changed.v1"
    member_id: int
    version: int
    name: str | None
    email: str | None
    role: Role
    capacity: int
    time_zone: str
    working_hours: tuple[Shift, ...] = ()
    is_active: bool


AnyAssignmentEvent = AssignmentDecided | AssignmentQueued | AssignmentReleased

decode_assignment_event: Callable[[str, bytes], AnyAssignmentEvent | None] = decoder(AnyAssignmentEvent)
decode_member: Callable[[str, bytes], MemberChanged | None] = decoder(MemberChanged)
