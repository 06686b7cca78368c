"""`leads.events.v1`: everything that happened to a lead, in order. Ids and facts, no personal data."""

from collections.abc import Callable
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime

from shared.contracts.events import Event, decoder
from shared.contracts.words import Channel, LeadOutcome, LeadStatus


class LeadEvent(Event):
    """The base of all; `version` is the lead's version after the change. Events of one transaction share it."""

    lead_id: int
    version: int


class LeadCreated(LeadEvent):
    """An inquiry opened a lead. `repeat_of_id` is the earlier lead of the same person, if there is one."""

    type: Literal["lead.created.v1"] = "lead.created.v1"
    lead_uuid: UUID
    number: str
    source: str
    channel: Channel
    language: str | None = None
    is_ready: bool
    is_repeat: bool = False
    repeat_of_id: int | None = None


class LeadReady(LeadEvent):
    """A lead may be assigned. `preferred_owner_id` owned the person's earlier lead.

    Emitted when a lead becomes ready, once in its life, and again when assignment stays silent: one effect per lead.
    """

    type: Literal["lead.ready.v1"] = "lead.ready.v1"
    source: str
    channel: Channel
    language: str | None = None
    is_repeat: bool = False
    preferred_owner_id: int | None = None
    created_at: AwareDatetime


class LeadInquiryAdded(LeadEvent):
    """A further inquiry of a lead that was open already."""

    type: Literal["lead.inquiry_added.v1"] = "lead.inquiry_added.v1"
    receipt_id: UUID
    channel: Channel
    sent_at: AwareDatetime


class LeadChanged(LeadEvent):
    """Fields of a lead were edited; which, not what is in them."""

    type: Literal["lead.changed.v1"] = "lead.changed.v1"
    fields: tuple[str, ...]


class LeadStatusChanged(LeadEvent):
    """A lead made a legal move; `outcome` is set when it closed."""

    type: Literal["lead.status_changed.v1"] = "lead.status_changed.v1"
    from_status: LeadStatus
    to_status: LeadStatus
    outcome: LeadOutcome | None = None
    assigned_id: int | None = None


class LeadAssigned(LeadEvent):
    """leads applied a decision: this member owns the lead now."""

    type: Literal["lead.assigned.v1"] = "lead.assigned.v1"
    decision_id: int
    decision_number: int
    member_id: int
    previous_member_id: int | None = None


class LeadAssignmentRefused(LeadEvent):
    """leads did not apply a decision; assignment gives the capacity back.

    `assigned_id` owns the lead, by decision `applied_number`, the last that was applied; both are None when none was.
    """

    type: Literal["lead.assignment_refused.v1"] = "lead.assignment_refused.v1"
    decision_id: int
    decision_number: int
    member_id: int
    reason: str
    assigned_id: int | None = None
    applied_number: int | None = None


class LeadDeleted(LeadEvent):
    """A lead was soft-deleted; its number stays taken, its owner's capacity is free."""

    type: Literal["lead.deleted.v1"] = "lead.deleted.v1"
    assigned_id: int | None = None


class LeadMerged(LeadEvent):
    """A lead turned out to be of a person with an open lead; it is closed to all work, and its number stays taken."""

    type: Literal["lead.merged.v1"] = "lead.merged.v1"
    merged_into_id: int
    assigned_id: int | None = None


AnyLeadEvent = (
    LeadCreated
    | LeadReady
    | LeadInquiryAdded
    | LeadChanged
    | LeadStatusChanged
    | LeadAssigned
    | LeadAssignmentRefused
    | LeadDeleted
    | LeadMerged
)

decode_lead_event: Callable[[str, bytes], AnyLeadEvent | None] = decoder(AnyLeadEvent)
