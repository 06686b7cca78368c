"""`intake.inquiries.v1` and `leads.settlements.v1`: what arrived, and what became of it."""

from collections.abc import Callable
from datetime import date
from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.contracts.events import Event, decoder
from shared.contracts.words import Channel, Evidence, IdentityKind, LeadStep, SettlementOutcome

Day = date


class Identity(BaseModel):
    """One address of a person.

    `value` is as it came; `match_key` is what is compared (phones: E.164 digits with the national rules of
    `shared.kit.phones`; mail: lower case). `scope` is the account that a platform's id belongs to, else empty.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: IdentityKind
    value: str
    match_key: str
    scope: str = ""
    evidence: Evidence


class Sender(BaseModel):
    """The person who wrote, as the channel tells it. Everything is optional: people come as sets of identities.

    `profile_name` is what the platform calls them; first and last name are what they stated themselves.
    `phone` and `email` are as they came and may be invalid: they are kept, never compared.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    identities: tuple[Identity, ...] = ()
    first_name: str | None = None
    last_name: str | None = None
    profile_name: str | None = None
    phone: str | None = None
    email: str | None = None
    language: str | None = None


class IntakeEvent(Event):
    """The base of everything on `intake.inquiries.v1`: one receipt that concerns one person. Has personal data.

    `dedupe_key` and `thread` are keyed hashes. leads claims each `dedupe_key` once and answers each claim with
    `InquirySettled`. `sent_at` is the sender's time and may be in any order, `business_date` the local date of
    receipt, stamped once. `sender` is the customer whom it is about, also where it was us who wrote.
    """

    receipt_id: UUID
    dedupe_key: str
    thread: str
    channel: Channel
    account: str
    business_date: date
    received_at: AwareDatetime
    sent_at: AwareDatetime
    sender: Sender


class Experience(BaseModel):
    """Something that a visitor of a booking form wants: all of it is what they typed.

    `passengers` are people as the form asks about them; `passenger_count` may be all that is known of them.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str | None = None
    date: Day | None = None
    passengers: tuple[dict[str, Any], ...] = ()
    passenger_count: int | None = None
    details: dict[str, Any] = Field(default_factory=dict)


class FormProgress(BaseModel):
    """What one request supplied about a form that is being filled in, and nothing else of it.

    Of several requests the one with the higher `sequence`, then the later receipt, counts for each field; an empty text
    empties one. `experience` are parts of the one experience that single fields tell, by the names of `Experience`;
    `experiences`, where they are told, are all of them.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    sequence: int
    fields: dict[str, Any] = Field(default_factory=dict)
    experience: dict[str, Any] = Field(default_factory=dict)
    experiences: tuple[Experience, ...] | None = None
    step: LeadStep | None = None
    is_submitted: bool = False


class InquiryReceived(IntakeEvent):
    """Somebody sent us something that asks for an answer.

    `lead_uuid` is set where the edge already promised one (forms). `kind` is the channel's own word for the message
    type (`text`, `image`, `form`, …); `content` keeps what has no field of its own. `stands_for` is set on a message
    whose content the platform did not pass on yet: the dedupe key under which the content comes, if it ever does.
    `takes_back_opt_out`: its whole text is START or its like, which is an inquiry only of somebody not opted out.
    `progress` is there for a form that is captured while it is filled in, and may not be finished.
    """

    type: Literal["inquiry.received.v1"] = "inquiry.received.v1"
    kind: str
    text: str | None = None
    content: dict[str, Any] = Field(default_factory=dict)
    attribution: dict[str, Any] = Field(default_factory=dict)
    lead_uuid: UUID | None = None
    stands_for: str | None = None
    takes_back_opt_out: bool = False
    progress: FormProgress | None = None


class InquiryEdited(IntakeEvent):
    """The sender changed an earlier inquiry, or took it back; `target_key` is that inquiry's dedupe key.

    It may come before its target, which is then changed when it comes. Of several edits the one sent last counts;
    what is revoked stays empty. `content` None means that only the text changed; with no text either, nothing did.
    """

    type: Literal["inquiry.edited.v1"] = "inquiry.edited.v1"
    target_key: str
    is_revoked: bool = False
    text: str | None = None
    content: dict[str, Any] | None = None


class IdentityChanged(IntakeEvent):
    """A platform tells that a person is reached in another way from `sent_at` on.

    `previous` are the identities that ended then, `sender` has those that took their place. No inquiry: it opens no
    lead. Both sides are verified evidence; if they are known as two people already, these are flagged, not merged.
    """

    type: Literal["identity.changed.v1"] = "identity.changed.v1"
    previous: tuple[Identity, ...] = ()


class ResponseSent(IntakeEvent):
    """We wrote to `sender` from a phone or an inbox that is not Leadline: a response to their open lead."""

    type: Literal["response.sent.v1"] = "response.sent.v1"


class OptOutChanged(IntakeEvent):
    """From `sent_at` on the person wants, or wants no longer, to be left alone on this channel.

    `origin` is `message` (they wrote STOP or its like) or `preference` (they said so in the platform's settings).
    """

    type: Literal["opt_out.changed.v1"] = "opt_out.changed.v1"
    is_opted_out: bool
    origin: str


class FormProgressed(IntakeEvent):
    """A visitor went on with a form that an `InquiryReceived` with this `lead_uuid` began, or sent it.

    It may come before that one. `sender` has what this request said, and the identities in it.
    """

    type: Literal["form.progressed.v1"] = "form.progressed.v1"
    lead_uuid: UUID
    progress: FormProgress
    content: dict[str, Any] = Field(default_factory=dict)
    attribution: dict[str, Any] = Field(default_factory=dict)


class InquirySettled(Event):
    """leads' answer to each claim, repeated ones included.

    `lead_*` is None when it was rejected, or is an update that concerns no lead.
    """

    type: Literal["inquiry.settled.v1"] = "inquiry.settled.v1"
    receipt_id: UUID
    outcome: SettlementOutcome
    reason: str | None = None
    lead_id: int | None = None
    lead_uuid: UUID | None = None
    lead_number: str | None = None


AnyIntakeEvent = InquiryReceived | InquiryEdited | IdentityChanged | ResponseSent | OptOutChanged | FormProgressed

decode_inquiry: Callable[[str, bytes], AnyIntakeEvent | None] = decoder(AnyIntakeEvent)
decode_settlement: Callable[[str, bytes], InquirySettled | None] = decoder(InquirySettled)
