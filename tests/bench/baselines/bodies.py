"""The events that the per-lead ways write to the outbox: the same as ours, as a dictionary and one `json` call each."""

from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import uuid4

import orjson

from shared.contracts.inquiries import InquiryReceived


class LeadState(NamedTuple):
    """What events tell about a lead after a message."""

    id: int
    lead_uuid: object
    number: str
    version: int


class OutboxLine(NamedTuple):
    """A row of the outbox, with its `id` once it is stored."""

    topic: str
    key: str
    type: str
    body: bytes
    id: int | None = None


def opened(lead: LeadState, inquiry: InquiryReceived) -> list[OutboxLine]:
    """The events of a message that opened a lead."""
    facts = _facts(inquiry, lead_id=lead.id, version=lead.version)
    seen: dict[str, object] = {
        "source": inquiry.channel,
        "channel": inquiry.channel,
        "language": inquiry.sender.language,
    }
    seen |= {"is_repeat": False}
    created = {"lead_uuid": lead.lead_uuid, "number": lead.number, "is_ready": True, "repeat_of_id": None}
    ready = {"preferred_owner_id": None, "created_at": inquiry.received_at}
    return [
        _line("leads.events.v1", lead.id, "lead.created.v1", facts | seen | created),
        _line("leads.events.v1", lead.id, "lead.ready.v1", facts | seen | ready),
        settled(lead, inquiry, "new"),
    ]


def attached(lead: LeadState, inquiry: InquiryReceived, changed: list[str]) -> list[OutboxLine]:
    """The events of a further message of an open lead."""
    facts = _facts(inquiry, lead_id=lead.id, version=lead.version)
    added = {"receipt_id": inquiry.receipt_id, "channel": inquiry.channel, "sent_at": inquiry.sent_at}
    lines = [_line("leads.events.v1", lead.id, "lead.inquiry_added.v1", facts | added)]
    if changed:
        lines.append(_line("leads.events.v1", lead.id, "lead.changed.v1", facts | {"fields": changed}))
    return [*lines, settled(lead, inquiry, "repeat")]


def settled(lead: LeadState, inquiry: InquiryReceived, outcome: str) -> OutboxLine:
    """The answer to intake."""
    answer = {
        "receipt_id": inquiry.receipt_id,
        "outcome": outcome,
        "reason": None,
        "lead_id": lead.id,
        "lead_uuid": lead.lead_uuid,
        "lead_number": lead.number,
    }
    return _line("leads.settlements.v1", inquiry.receipt_id, "inquiry.settled.v1", _facts(inquiry) | answer)


def opening_changes(inquiry: InquiryReceived, contact: dict[str, Any]) -> dict[str, Any]:
    """What the first line of a lead's history says that it was born with."""
    fields: dict[str, Any] = {name: contact[name] for name in ("first_name", "last_name", "phone", "email")}
    fields |= {
        "language": inquiry.sender.language,
        "status": 1,
        "source": inquiry.channel,
        "is_ready": True,
        "is_repeat": False,
    }
    return {name: {"from": None, "to": value} for name, value in fields.items() if value is not None}


def contact_fields(inquiry: InquiryReceived) -> dict[str, Any]:
    """How a new lead's person is called and reached."""
    sender = inquiry.sender
    first, _, last = (sender.profile_name or "").partition(" ")
    keys = {identity.kind: identity.match_key for identity in sender.identities}
    return {
        "first_name": sender.first_name or first or None,
        "last_name": sender.last_name or last or None,
        "phone": sender.phone,
        "phone_key": keys.get("phone"),  # type: ignore[call-overload]
        "email": sender.email,
        "email_key": keys.get("email"),  # type: ignore[call-overload]
    }


def _facts(inquiry: InquiryReceived, **more: object) -> dict[str, Any]:
    return {
        "event_id": uuid4(),
        "occurred_at": datetime.now(UTC),
        "correlation_id": inquiry.correlation_id,
        **more,
    }


def _line(topic: str, key: object, kind: str, body: dict[str, Any]) -> OutboxLine:
    return OutboxLine(topic, str(key), kind, orjson.dumps(body | {"type": kind}, default=str))
