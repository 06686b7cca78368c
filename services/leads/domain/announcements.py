"""Which events tell what happened to a lead in a registration. Ids and facts, no personal data."""

from collections.abc import Iterator
from datetime import datetime

from services.leads.domain.openings import Entry, OpenLead, created_at_of
from shared.contracts.inquiries import InquirySettled, IntakeEvent
from shared.contracts.leads import LeadChanged, LeadCreated, LeadInquiryAdded, LeadMerged, LeadReady
from shared.contracts.words import SettlementOutcome
from shared.kit.identifiers import new_id_text
from shared.kit.lean_events import EncodedEvent, lean

NUMBER_PENDING = "LEAD-?"
"""Stands for the number of a lead in the events of the transaction that opens it; filled in when it is taken."""

inquiry_settled = lean(InquirySettled)
_lead_created = lean(LeadCreated)
_lead_ready = lean(LeadReady)
_lead_inquiry_added = lean(LeadInquiryAdded)
_lead_changed = lean(LeadChanged)
_lead_merged = lean(LeadMerged)


def announce(entry: Entry, now: datetime) -> Iterator[EncodedEvent]:
    """The events of one entry, in their order; all carry the lead's version after the entry."""
    if entry.outcome is SettlementOutcome.NEW:
        yield _created(entry, now)
        if entry.changes["is_ready"]["to"]:
            yield _ready(entry, now)
        return
    if entry.outcome is SettlementOutcome.REPEAT:
        yield _lead_inquiry_added(
            event_id=new_id_text(),
            occurred_at=now,
            correlation_id=entry.inquiry.correlation_id,
            lead_id=entry.lead.id,
            version=entry.version,
            receipt_id=entry.inquiry.receipt_id,
            channel=entry.inquiry.channel,
            sent_at=entry.inquiry.sent_at,
        )
    if fields := {*entry.changes, *entry.parts}:
        yield _lead_changed(
            event_id=new_id_text(),
            occurred_at=now,
            correlation_id=entry.inquiry.correlation_id,
            lead_id=entry.lead.id,
            version=entry.version,
            fields=tuple(sorted(fields)),
        )
    if "merged_into_id" in entry.changes:
        yield _lead_merged(
            event_id=new_id_text(),
            occurred_at=now,
            correlation_id=entry.inquiry.correlation_id,
            lead_id=entry.lead.id,
            version=entry.version,
            merged_into_id=entry.changes["merged_into_id"]["to"],
            assigned_id=entry.lead.assigned_id,
        )
    if "is_ready" in entry.changes:
        yield _ready(entry, now)


def settle(inquiry: IntakeEvent, outcome: SettlementOutcome, lead: OpenLead | None, now: datetime) -> EncodedEvent:
    """The answer to a claim whose inquiry was registered; an update may concern no lead."""
    return inquiry_settled(
        event_id=new_id_text(),
        occurred_at=now,
        correlation_id=inquiry.correlation_id,
        receipt_id=inquiry.receipt_id,
        outcome=outcome,
        lead_id=lead.id if lead else None,
        lead_uuid=lead.lead_uuid if lead else None,
        lead_number=(lead.number or NUMBER_PENDING) if lead else None,
    )


def _created(entry: Entry, now: datetime) -> EncodedEvent:
    lead, inquiry = entry.lead, entry.inquiry
    return _lead_created(
        event_id=new_id_text(),
        occurred_at=now,
        correlation_id=inquiry.correlation_id,
        lead_id=lead.id,
        version=entry.version,
        lead_uuid=lead.lead_uuid,
        number=lead.number or NUMBER_PENDING,
        source=lead.source,
        channel=inquiry.channel,
        language=inquiry.sender.language,
        is_ready=entry.changes["is_ready"]["to"],
        is_repeat=_repeat_of(entry) is not None,
        repeat_of_id=_repeat_of(entry),
    )


def _repeat_of(entry: Entry) -> int | None:
    """Which lead this one repeated when it was opened; it may have got another one later in the same batch."""
    change = entry.changes.get("repeat_of_id")
    return change["to"] if change else None


def _ready(entry: Entry, now: datetime) -> EncodedEvent:
    lead, inquiry = entry.lead, entry.inquiry
    return _lead_ready(
        event_id=new_id_text(),
        occurred_at=now,
        correlation_id=inquiry.correlation_id,
        lead_id=lead.id,
        version=entry.version,
        source=lead.source,
        channel=inquiry.channel,
        language=inquiry.sender.language,
        is_repeat=lead.repeat_of_id is not None if entry.outcome is None else _repeat_of(entry) is not None,
        preferred_owner_id=lead.preferred_owner_id,
        created_at=created_at_of(inquiry, now),
    )
