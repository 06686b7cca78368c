"""What the requests of forms in progress do to leads: complete them, make them ready, or lead to somebody known."""

from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from services.leads.domain.form_drafts import FormDraft
from services.leads.domain.openings import (
    Changes,
    Contact,
    LeadBook,
    OpenLead,
    contact_of_sender,
    fill,
    set_ready,
    set_repeat,
    set_step,
    touch_of,
)
from services.leads.domain.people import Meeting, StatedName
from shared.contracts.inquiries import AnyIntakeEvent, FormProgressed, InquiryReceived, Sender

FORM = "form"
"""What events of leads call what a form says beside the lead's fields."""
_HIDDEN = ("phone_key", "email_key")


class Visitor(NamedTuple):
    """Who fills in a form, and what they called themselves in it before this batch."""

    person_id: int
    name: StatedName


class Merger(NamedTuple):
    """A form's own lead, and the one that its visitor had already."""

    lead: OpenLead
    target: OpenLead


@dataclass(slots=True)
class FormBook:
    """The drafts of a batch's forms; `before` is what they said of their visitors when it began.

    `events` are those of the batch that do something. Requests that are only `remembered` are those whose form has not
    begun yet, those that say nothing new, and all but the last of each form; a form's beginning has everything that is
    known. `again` are inquiries that a form became when the lead that it began was closed. `changed` are the forms that
    say something new, `mergers` the leads that turned out to be somebody's other one.
    """

    drafts: dict[UUID, FormDraft] = field(default_factory=dict)
    before: dict[UUID, Sender] = field(default_factory=dict)
    events: list[AnyIntakeEvent] = field(default_factory=list)
    remembered: list[FormProgressed] = field(default_factory=list)
    again: dict[str, UUID] = field(default_factory=dict)
    changed: set[UUID] = field(default_factory=set)
    mergers: list[Merger] = field(default_factory=list)

    def fold(self, events: list[AnyIntakeEvent], closed: set[int]) -> None:
        """Fold a batch's requests into their drafts; `closed` are the leads that nothing is added to any more."""
        last: dict[UUID, FormProgressed] = {}
        begun: dict[UUID, InquiryReceived] = {}
        for event in events:
            if isinstance(event, FormProgressed):
                if self._take(event.lead_uuid, event):
                    last[event.lead_uuid] = event
            elif isinstance(event, InquiryReceived) and event.progress and event.lead_uuid:
                self._take(event.lead_uuid, event)
                begun[event.lead_uuid] = event
        for event in events:
            if isinstance(event, FormProgressed):
                self._sort(event, last.get(event.lead_uuid), closed)
            elif isinstance(event, InquiryReceived) and event.lead_uuid in begun:
                self.events.append(self.drafts[event.lead_uuid].as_inquiry(event))
            else:
                self.events.append(event)

    def _take(self, lead_uuid: UUID, event: FormProgressed | InquiryReceived) -> bool:
        is_news = self.drafts[lead_uuid].take(event)
        if is_news:
            self.changed.add(lead_uuid)
        return is_news

    def _sort(self, event: FormProgressed, last: FormProgressed | None, closed: set[int]) -> None:
        draft = self.drafts[event.lead_uuid]
        if event is not last or draft.lead_id is None:
            self.remembered.append(event)
        elif draft.lead_id in closed and event.progress.is_submitted:
            self.again[event.dedupe_key] = draft.lead_uuid
            self.events.append(draft.as_new_inquiry(event))
        else:
            self.events.append(event.model_copy(update={"sender": draft.sender}))

    def visitors(self) -> dict[str, Visitor]:
        """Who sent the requests among the events, by their dedupe keys."""
        found = {}
        for event in self.events:
            if isinstance(event, FormProgressed):
                before, person_id = self.before[event.lead_uuid], self.drafts[event.lead_uuid].person_id
                assert person_id is not None
                found[event.dedupe_key] = Visitor(person_id, StatedName(before.first_name, before.last_name))
        return found

    def apply(self, event: FormProgressed, meeting: Meeting, leads: LeadBook) -> OpenLead:
        """Let a form's lead say what the form says now; returns the lead that it belongs to from now on."""
        draft = self.drafts[event.lead_uuid]
        lead = self.lead_of(draft, leads)
        assert lead is not None
        if leads.open.get(lead.person_id) is not lead:
            leads.change(lead, event, "Its form was filled in further, after it was closed", {}, FORM)
            return lead
        changes: Changes = {}
        if meeting.person_id != lead.person_id:
            if (target := leads.open.get(meeting.person_id)) is not None:
                return self._merge(draft, event, Merger(lead, target), leads)
            changes |= _hand_to(lead, meeting, leads)
        elif meeting.known_as:
            changes |= _repeat_rival(lead, meeting, leads)
            leads.mark_rivals(lead, event, meeting)
        changes |= self._write(draft, lead)
        done = "sent" if draft.submitted else "filled in further"
        leads.change(lead, event, f"Its form was {done}", changes, FORM)
        return lead

    def settle(self, leads: LeadBook) -> None:
        """Note which leads the forms of this batch's inquiries belong to, once these are placed."""
        for lead, inquiry in leads.placed:
            lead_uuid = self.again.get(inquiry.dedupe_key) or inquiry.lead_uuid
            if inquiry.progress is not None and lead_uuid in self.drafts:
                draft = self.drafts[lead_uuid]
                draft.lead_id, draft.receipt_id = lead.id, inquiry.receipt_id
                self.changed.add(lead_uuid)

    def lead_of(self, draft: FormDraft, leads: LeadBook) -> OpenLead | None:
        """The lead that a form belongs to; None while its beginning has not come."""
        if draft.lead_id is None:
            return None
        return next((lead for lead in leads.open.values() if lead.id == draft.lead_id), None) or leads.others.get(
            draft.lead_id
        )

    def _merge(self, draft: FormDraft, event: FormProgressed, merger: Merger, leads: LeadBook) -> OpenLead:
        """The visitor turns out to have an open lead: the form's own leads on to that one, and keeps its number."""
        lead, target = merger
        self.mergers.append(merger)
        draft.lead_id = target.id
        del leads.open[lead.person_id]
        leads.others[lead.id] = lead
        lead.merged_into_id = target.id
        merged = {"merged_into_id": {"from": None, "to": target.id}}
        leads.change(lead, event, f"Merged into {_name(target)}, an open lead of the same person", merged)
        changes = self._write(draft, target)
        if target.take(touch_of(draft.as_new_inquiry(event))):
            changes |= set_repeat(target)
        leads.change(target, event, f"The form of {_name(lead)} is of the same person", changes, FORM)
        return target

    def _write(self, draft: FormDraft, lead: OpenLead) -> Changes:
        """Write what a form says to a lead: its own takes every change, a person's other one what it lacks."""
        news = contact_of_sender(draft.sender)
        if lead.lead_uuid == draft.lead_uuid:
            changes = _follow(lead.contact, contact_of_sender(self.before[draft.lead_uuid]), news)
        else:
            changes = fill(lead.contact, news)
        if draft.step is not None:
            changes |= set_step(lead, draft.step)
        if draft.submitted is not None or lead.contact.is_reachable:
            changes |= set_ready(lead)
        return changes


def _hand_to(lead: OpenLead, meeting: Meeting, leads: LeadBook) -> Changes:
    """Make a form's lead that of somebody who turned out to be its visitor, and has no open one."""
    del leads.open[lead.person_id]
    lead.person_id = meeting.person_id
    leads.open[meeting.person_id] = lead
    return _repeat_rival(lead, meeting, leads)


def _repeat_rival(lead: OpenLead, meeting: Meeting, leads: LeadBook) -> Changes:
    """Note the earlier lead of the visitor, or of who is known by the same address."""
    earlier = leads.earlier_of(meeting)
    if earlier is None or lead.repeat_of_id is not None or earlier.id == lead.id:
        return {}
    lead.repeat_of_id, lead.preferred_owner_id = earlier.id, earlier.assigned_id
    return set_repeat(lead) | {"repeat_of_id": {"from": None, "to": earlier.id}}


def _name(lead: OpenLead) -> str:
    return lead.number or f"lead {lead.id}"


def _follow(contact: Contact, before: Contact, news: Contact) -> Changes:
    """Take a form's changes, where nobody else has written something in the meantime."""
    changes: Changes = {}
    for name in ("first_name", "last_name", "phone", "email", "language"):
        old, new = getattr(contact, name), getattr(news, name)
        if old != new and old in (None, "", getattr(before, name)):
            setattr(contact, name, new)
            changes[name] = {"from": old, "to": new}
        if f"{name}_key" in _HIDDEN and getattr(contact, name) == new:
            setattr(contact, f"{name}_key", getattr(news, f"{name}_key"))
    return changes
