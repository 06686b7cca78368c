"""What changes an inquiry, a person or a lead that is there already, and waits while its target is not there yet.

An `UpdateBook` stands beside the `LeadBook` of a batch. Updates are applied one after the other, among the inquiries
and in the order of the batch; one without a target is parked under its target's name, and applied when an inquiry
with that name is placed, in this batch or in a later one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.leads.domain.openings import Changes, Contact, LeadBook, OpenLead, channel_label, contact_of, fill
from services.leads.domain.people import Address, Meeting, address_of, joining
from shared.contracts.inquiries import (
    AnyIntakeEvent,
    Identity,
    IdentityChanged,
    InquiryEdited,
    InquiryReceived,
    IntakeEvent,
    OptOutChanged,
    ResponseSent,
)
from shared.contracts.words import IdentityKind, SettlementOutcome

INQUIRIES, OPT_OUTS, IDENTITIES = "inquiries", "opted_out", "identities"
"""What events of leads call the parts of a lead that are no fields of it."""


@dataclass(slots=True)
class KnownInquiry:
    """An inquiry that was registered earlier, in this batch or before, as far as updates change it.

    `receipt_id` is as it is stored. `text` counts where it `has_text`; what else is None stays as it is stored.
    """

    receipt_id: UUID
    lead: OpenLead
    edited_at: datetime | None = None
    revoked_at: datetime | None = None
    is_attributed: bool = False
    has_text: bool = False
    text: str | None = None
    content: dict[str, Any] | None = None
    kind: str | None = None
    attribution: dict[str, Any] | None = None
    new_receipt_id: UUID | None = None
    is_changed: bool = False

    def edit(self, edit: InquiryEdited) -> bool:
        """Take an edit, and say whether it changed anything: the one sent last counts, and what is revoked stays so.

        One that tells neither a text nor other content takes nothing away.
        """
        if not edit.is_revoked and edit.text is None and edit.content is None:
            return False
        is_late = self.edited_at is not None and edit.sent_at < self.edited_at
        if self.revoked_at is not None or (is_late and not edit.is_revoked):
            return False
        if edit.is_revoked:
            self.revoked_at, self.text, self.content = edit.sent_at, None, {}
        else:
            self.edited_at, self.text = edit.sent_at, edit.text
            self.content = self.content if edit.content is None else edit.content
        self.has_text = self.is_changed = True
        return True

    def complete(self, content: InquiryReceived) -> None:
        """Become the message whose content was missing."""
        self.new_receipt_id, self.kind = content.receipt_id, content.kind
        self.has_text, self.text, self.content = True, content.text, content.content
        self.attribute(content.attribution)
        self.is_changed = True

    def attribute(self, attribution: dict[str, Any]) -> bool:
        """Take an attribution if there is none yet, and say whether this changed anything."""
        if self.is_attributed or not attribution:
            return False
        self.is_attributed = self.is_changed = True
        self.attribution = attribution
        return True


@dataclass(frozen=True, slots=True)
class OptOut:
    """Whether a person wants to be left alone on a channel, since when, and how they said so."""

    is_opted_out: bool
    changed_at: datetime
    origin: str


class Parked(NamedTuple):
    """An update that waits under the name of its target."""

    target: str
    event: IntakeEvent


class Answer(NamedTuple):
    """What became of an event of the batch; an update may concern no lead that is there."""

    outcome: SettlementOutcome
    lead: OpenLead | None


def inquiry_target(dedupe_key: str) -> str:
    """The name under which updates of an inquiry wait."""
    return f"inquiry:{dedupe_key}"


def person_target(person_id: int) -> str:
    """The name under which updates of a person's lead wait."""
    return f"person:{person_id}"


def address_target(address: Address) -> str:
    """The name under which updates wait for whoever shows an address."""
    return ":".join(("address", *address))


def targets_of(inquiry: InquiryReceived, person_id: int) -> list[str]:
    """The names under which updates may wait for an inquiry."""
    addresses = [address_target(address_of(one)) for one in joining(inquiry.sender.identities)]
    return [inquiry_target(inquiry.dedupe_key), person_target(person_id), *addresses]


@dataclass(slots=True)
class UpdateBook:
    """What the updates of a batch concern, and what waits; grows as they are applied.

    `known` are earlier inquiries by dedupe key, `opt_outs` by person and channel. `waiting` are parked updates by
    target; `stored` are the keys of those that an earlier transaction parked, `released` of those that wait no longer,
    `applied` of those that found their lead only now.
    """

    leads: LeadBook
    known: dict[str, KnownInquiry] = field(default_factory=dict)
    opt_outs: dict[tuple[int, str], OptOut] = field(default_factory=dict)
    waiting: dict[str, dict[str, IntakeEvent]] = field(default_factory=dict)
    stored: set[str] = field(default_factory=set)
    placed: dict[str, tuple[OpenLead, InquiryReceived]] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    changed_opt_outs: set[tuple[int, str]] = field(default_factory=set)
    released: set[str] = field(default_factory=set)
    applied: dict[str, OpenLead] = field(default_factory=dict)

    def take(self, event: AnyIntakeEvent, meeting: Meeting | None) -> None:
        """Place an inquiry, or apply or park an update; `meeting` is None where nobody is known who it concerns."""
        if isinstance(event, InquiryReceived):
            assert meeting is not None
            self._place(event, meeting)
            return
        self._answer(event, SettlementOutcome.UPDATE, self._apply(event, meeting.person_id if meeting else None))

    def parked(self) -> list[Parked]:
        """What is to be parked after this batch and was not before it."""
        return [
            Parked(target, event)
            for target, events in self.waiting.items()
            for key, event in events.items()
            if key not in self.stored
        ]

    def _place(self, inquiry: InquiryReceived, meeting: Meeting) -> None:
        if self._takes_back(inquiry, meeting.person_id):
            return
        if not (self._is_there(inquiry) or self._completes(inquiry, meeting.person_id)):
            entry = self.leads.place(inquiry, meeting)
            assert entry.outcome is not None
            self._answer(inquiry, entry.outcome, entry.lead)
            self.placed[inquiry.dedupe_key] = entry.lead, inquiry
            if inquiry.stands_for is not None:
                self._park(inquiry, [inquiry_target(inquiry.stands_for)])
        if not self.waiting:
            return
        for target in targets_of(inquiry, meeting.person_id):
            for event in [*self.waiting.get(target, {}).values()]:
                self._try_again(event, meeting.person_id)

    def _takes_back(self, inquiry: InquiryReceived, person_id: int) -> bool:
        """Whether an inquiry is no more than START or its like of somebody who had opted out."""
        if not inquiry.takes_back_opt_out:
            return False
        before = self.opt_outs.get((person_id, str(inquiry.channel)))
        if before is not None and inquiry.sent_at <= before.changed_at:
            return False
        lead = self.leads.open.get(person_id)
        self._wish(OptOut(False, inquiry.sent_at, "message"), inquiry, lead, person_id)
        if before is None or not before.is_opted_out:
            return False
        self._answer(inquiry, SettlementOutcome.UPDATE, lead)
        return True

    def _is_there(self, placeholder: InquiryReceived) -> bool:
        """Whether the content that a message stands for came before it; then it has nothing to tell but its ad."""
        content = self._find(placeholder.stands_for) if placeholder.stands_for else None
        if content is None:
            return False
        if content.attribute(placeholder.attribution):
            where = channel_label(placeholder.channel)
            self.leads.change(content.lead, placeholder, f"The ad of a message on {where} became known", {}, INQUIRIES)
        self._answer(placeholder, SettlementOutcome.UPDATE, content.lead)
        return True

    def _completes(self, inquiry: InquiryReceived, person_id: int) -> bool:
        """Whether an inquiry is the content of a message that came before it, of the same open lead."""
        for event in [*self.waiting.get(inquiry_target(inquiry.dedupe_key), {}).values()]:
            placeholder = self._find(event.dedupe_key) if isinstance(event, InquiryReceived) else None
            if placeholder is None or placeholder.lead is not self.leads.open.get(person_id):
                continue
            placeholder.complete(inquiry)
            self.known[inquiry.dedupe_key] = placeholder
            self._release(event.dedupe_key)
            lead = placeholder.lead
            where = channel_label(inquiry.channel)
            changes = fill(lead.contact, contact_of(inquiry))
            self.leads.change(lead, inquiry, f"The content of a message on {where} arrived", changes, INQUIRIES)
            self._answer(inquiry, SettlementOutcome.UPDATE, lead)
            return True
        return False

    def _try_again(self, event: IntakeEvent, person_id: int) -> None:
        if isinstance(event, InquiryReceived):
            return
        lead = self._apply(event, person_id, is_waiting=True)
        if lead is not None:
            self._release(event.dedupe_key)
            self.applied[event.dedupe_key] = lead
            if event.dedupe_key in self.answers:
                self._answer(event, SettlementOutcome.UPDATE, lead)

    def _answer(self, event: IntakeEvent, outcome: SettlementOutcome, lead: OpenLead | None) -> None:
        self.answers[event.dedupe_key] = Answer(outcome, lead)

    def _park(self, event: IntakeEvent, targets: Iterable[str]) -> None:
        for target in targets:
            self.waiting.setdefault(target, {})[event.dedupe_key] = event

    def _release(self, key: str) -> None:
        self.released.add(key)
        for events in self.waiting.values():
            events.pop(key, None)

    def _apply(self, event: IntakeEvent, person_id: int | None, *, is_waiting: bool = False) -> OpenLead | None:
        """The lead that an update was applied to; None when it has to wait, or has nothing to wait for."""
        lead = self.leads.open.get(person_id) if person_id is not None else None
        match event:
            case InquiryEdited():
                found, targets = self._edit(event), [inquiry_target(event.target_key)]
            case ResponseSent():
                found, targets = self._respond(event, lead), _of_whom(event.sender.identities, person_id)
            case IdentityChanged():
                found, targets = self._readdress(event, lead), _of_whom(event.previous, None)
            case OptOutChanged() if person_id is not None:
                self._wish(OptOut(event.is_opted_out, event.sent_at, event.origin), event, lead, person_id)
                return lead
            case _:
                raise ValueError(f"{type(event).__name__} is no update")
        if found is None and not is_waiting:
            self._park(event, targets)
        return found

    def _edit(self, edit: InquiryEdited) -> OpenLead | None:
        inquiry = self._find(edit.target_key)
        if inquiry is None:
            return None
        if inquiry.edit(edit):
            done = "taken back" if edit.is_revoked else "edited"
            self.leads.change(
                inquiry.lead, edit, f"A message on {channel_label(edit.channel)} was {done}", {}, INQUIRIES
            )
        return inquiry.lead

    def _find(self, dedupe_key: str) -> KnownInquiry | None:
        if dedupe_key not in self.known and dedupe_key in self.placed:
            lead, inquiry = self.placed[dedupe_key]
            self.known[dedupe_key] = KnownInquiry(inquiry.receipt_id, lead, is_attributed=bool(inquiry.attribution))
        return self.known.get(dedupe_key)

    def _respond(self, response: ResponseSent, lead: OpenLead | None) -> OpenLead | None:
        """Count a response to an open lead whose first inquiry was there before it; the earliest one counts."""
        if lead is None or lead.first_sent_at is None or response.sent_at < lead.first_sent_at:
            return None
        before = lead.first_response_at
        if before is None or response.sent_at < before:
            lead.first_response_at = response.sent_at
            changes = {"first_response_at": {"from": _iso(before), "to": _iso(response.sent_at)}}
            self.leads.change(lead, response, f"Answered on {channel_label(response.channel)}", changes)
        return lead

    def _readdress(self, change: IdentityChanged, lead: OpenLead | None) -> OpenLead | None:
        """Let a lead be reached under what took the place of its number; it keeps another one that it has."""
        if lead is None:
            return None
        contact = contact_of(change)
        changes = _move_phone(lead.contact, contact, change.previous) | fill(lead.contact, contact)
        self.leads.change(
            lead, change, f"Has a new number or id on {channel_label(change.channel)}", changes, IDENTITIES
        )
        return lead

    def _wish(self, wish: OptOut, cause: IntakeEvent, lead: OpenLead | None, person_id: int) -> None:
        """Keep the wish that was expressed last; of two at the same moment, the one to be left alone."""
        key = (person_id, str(cause.channel))
        before = self.opt_outs.get(key)
        if before and (wish.changed_at, wish.is_opted_out) <= (before.changed_at, before.is_opted_out):
            return
        self.opt_outs[key] = wish
        self.changed_opt_outs.add(key)
        if lead is not None and wish.is_opted_out != (before is not None and before.is_opted_out):
            where = channel_label(cause.channel)
            what = "Wants no messages any more on" if wish.is_opted_out else "Wants messages again on"
            self.leads.change(lead, cause, f"{what} {where}", {}, OPT_OUTS)


def _of_whom(identities: Iterable[Identity], person_id: int | None) -> list[str]:
    if person_id is not None:
        return [person_target(person_id)]
    return [address_target(address_of(one)) for one in identities]


def _move_phone(contact: Contact, news: Contact, previous: Sequence[Identity]) -> Changes:
    """Change a lead's number where it is the one that ended."""
    ended = {one.match_key for one in previous if one.kind is IdentityKind.PHONE}
    if news.phone_key is None or news.phone_key in ended or contact.phone_key not in ended:
        return {}
    before = contact.phone
    contact.phone, contact.phone_key = news.phone, news.phone_key
    return {"phone": {"from": before, "to": news.phone}}


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
