"""leads on the wire: what clients read."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, computed_field

from services.leads.storage.tables import Lead

Day = date


class LeadView(BaseModel):
    """A lead. `status` is 1 New, 2 In Progress, 3 Closed, 4 Payment; `step` 1 is the furthest that a visitor comes."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    lead_uuid: UUID
    number: str
    first_name: str | None
    last_name: str | None
    phone: str | None
    email: str | None
    status: int
    step: int | None
    assigned_id: int | None
    source: str
    abandon_reason: str | None
    note: str | None
    is_ready: bool
    tags: list[str]
    is_repeat: bool
    repeat_of_id: int | None
    merged_into_id: int | None
    outcome: str | None
    custom: dict[str, Any]
    version: int
    created_at: datetime
    updated_at: datetime
    first_response_at: datetime | None
    closed_at: datetime | None

    @computed_field(description="The older spelling of abandon_reason.")  # type: ignore[prop-decorator]
    @property
    def abadon_reason(self) -> str | None:
        """The older spelling."""
        return self.abandon_reason


class RegisteredLeadView(LeadView):
    """A lead that a person's data led to; `was_open`: they had it already, and it got a further inquiry."""

    was_open: bool


class ExperienceView(BaseModel):
    """Something that a lead wants; `actor` is `visitor` where a form told it. `passengers` are as they were told."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str | None
    date: Day | None
    passengers: list[dict[str, Any]]
    passenger_count: int | None
    details: dict[str, Any]
    actor: str
    created_at: datetime


class TouchView(BaseModel):
    """An inquiry that says what led to it: an ad, a link, a form's campaign."""

    model_config = ConfigDict(from_attributes=True)

    sent_at: datetime
    channel: str
    account: str
    attribution: dict[str, Any]


class IdentityView(BaseModel):
    """An address of a person; `ended_at` is since when it is no longer theirs."""

    model_config = ConfigDict(from_attributes=True)

    kind: str
    value: str
    evidence: str
    first_seen_at: datetime
    ended_at: datetime | None


class CandidateView(BaseModel):
    """Somebody who may be the same person, and why; `lead_id` is their latest lead."""

    person_id: int
    reason: str
    lead_id: int | None
    created_at: datetime


class LeadDetailView(LeadView):
    """A lead with what is known of its person.

    `opted_out` are the channels on which the person wants to be left alone: send nothing there. Touches are in the
    order of sending, whatever the order of arrival: the first one, and the latest ones up to a limit.
    """

    opted_out: list[str]
    first_touch: TouchView | None
    last_touch: TouchView | None
    touches: list[TouchView]
    identities: list[IdentityView]
    candidates: list[CandidateView]


class HistoryView(BaseModel):
    """A line of history: `type` 1 System or 2 Manager Comment; `changes` is `{field: {"from", "to"}}`."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    type: int
    text: str
    actor: str = Field(description="system, service or member:<id>")
    occurred_at: datetime
    changes: dict[str, Any]


class InquiryView(BaseModel):
    """What somebody sent."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    receipt_id: UUID
    channel: str
    account: str
    kind: str
    received_at: datetime
    sent_at: datetime
    sender: dict[str, Any]
    text: str | None
    content: dict[str, Any]
    attribution: dict[str, Any]
    edited_at: datetime | None = Field(description="when the text was written that is there now, if it was edited")
    revoked_at: datetime | None = Field(description="when the sender took it back; then it says nothing any more")


def lead_view(lead: Lead) -> LeadView:
    """A lead as clients read it."""
    return LeadView.model_validate(lead)
