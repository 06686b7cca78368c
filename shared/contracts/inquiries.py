"""`intake.inquiries.v1` and `leads.settlements.v1`: what arrived, and what became of it."""

from collections.abc import Callable
from datetime import date
from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.contracts.events import Event, decoder
from shared.contracts.words import Channel, Evidence, IdentityKind, SettlementOutcome


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


class InquiryReceived(Event):
    """Somebody sent us something that asks for an answer. The only event with personal data.

    `dedupe_key` and `thread` are keyed hashes. `sent_at` is the sender's time, `business_date` the local date of
    receipt, stamped once. `lead_uuid` is set where the edge already promised one (forms). `kind` is the channel's
    own word for the message type (`text`, `image`, `form`, …); `content` keeps what has no field of its own.
    """

    type: Literal["inquiry.received.v1"] = "inquiry.received.v1"
    receipt_id: UUID
    dedupe_key: str
    thread: str
    channel: Channel
    account: str
    kind: str
    business_date: date
    received_at: AwareDatetime
    sent_at: AwareDatetime
    sender: Sender
    text: str | None = None
    content: dict[str, Any] = Field(default_factory=dict)
    attribution: dict[str, Any] = Field(default_factory=dict)
    lead_uuid: UUID | None = None


class InquirySettled(Event):
    """leads' answer to each claim of an inquiry, repeated ones included; `lead_*` is None when rejected."""

    type: Literal["inquiry.settled.v1"] = "inquiry.settled.v1"
    receipt_id: UUID
    outcome: SettlementOutcome
    reason: str | None = None
    lead_id: int | None = None
    lead_uuid: UUID | None = None
    lead_number: str | None = None


decode_inquiry: Callable[[str, bytes], InquiryReceived | None] = decoder(InquiryReceived)
decode_settlement: Callable[[str, bytes], InquirySettled | None] = decoder(InquirySettled)
