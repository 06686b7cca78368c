"""Which lead an inquiry belongs to: the person's open one, which it completes, or a new one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from services.leads.domain.names import split_name
from services.leads.domain.people import Meeting, StatedName, best_of_kind
from shared.contracts.inquiries import InquiryReceived, IntakeEvent, Sender
from shared.contracts.words import Channel, IdentityKind, LeadStatus, SettlementOutcome
from shared.kit.identifiers import new_id

Changes = dict[str, dict[str, Any]]
_CONTACT = ("first_name", "last_name", "phone", "phone_key", "email", "email_key", "language")
_HIDDEN = ("phone_key", "email_key")
_CHATS = (Channel.WHATSAPP, Channel.MESSENGER, Channel.INSTAGRAM)


@dataclass(slots=True)
class Contact:
    """How a person is called and reached: the fields of a lead that inquiries fill.

    Phone and mail are as they came; their keys, which filters compare, are empty where they cannot be read.
    """

    first_name: str | None = None
    last_name: str | None = None
    phone: str | None = None
    phone_key: str | None = None
    email: str | None = None
    email_key: str | None = None
    language: str | None = None

    @property
    def is_reachable(self) -> bool:
        """Whether there is a phone or a mail address that can be read."""
        return bool(self.phone_key or self.email_key)


@dataclass(frozen=True, slots=True)
class Extras:
    """What a lead is born with that no inquiry tells, because a colleague or another system writes it down."""

    source: str | None = None
    note: str | None = None
    step: int | None = None
    abandon_reason: str | None = None
    tags: Sequence[str] = ()
    custom: Mapping[str, Any] = field(default_factory=dict)


NO_EXTRAS = Extras()


class Touch(NamedTuple):
    """Where an inquiry came from: a chat with one of our accounts, or a form of its own; and its ad, if it has one."""

    channel: str
    account: str
    thread: str
    ad: str | None = None

    @property
    def place(self) -> tuple[str, ...]:
        """What two inquiries from the same place have in common.

        For a chat the account, because its thread gets another key when the platform tells another id of a person.
        """
        return (self.channel, self.account) if self.channel in _CHATS else (self.thread,)


@dataclass(slots=True)
class OpenLead:
    """A lead as registration sees it, open unless an update concerns an earlier one; `number` is empty while it opens.

    `places` and `ads` are where its inquiries came from. `first_sent_at` is when the first of them was sent, and is
    known where a response asks for it. One that is not ready is of a form that is still being filled in.
    """

    id: int
    person_id: int
    lead_uuid: UUID
    number: str | None
    version: int
    channel: str
    account: str
    thread: str
    contact: Contact
    assigned_id: int | None = None
    is_repeat: bool = False
    repeat_of_id: int | None = None
    preferred_owner_id: int | None = None
    business_date: date | None = None
    first_response_at: datetime | None = None
    first_sent_at: datetime | None = None
    step: int | None = None
    is_ready: bool = True
    merged_into_id: int | None = None
    is_changed: bool = False
    extras: Extras = NO_EXTRAS
    places: set[tuple[str, ...]] = field(default_factory=set)
    ads: set[str] = field(default_factory=set)

    @property
    def source(self) -> str:
        """What a new lead is said to have come from: its channel, unless somebody wrote down what."""
        return self.extras.source or self.channel

    def take(self, touch: Touch) -> bool:
        """Note where an inquiry came from; whether that is another form, ad or channel than all before."""
        is_new = touch.place not in self.places or (touch.ad is not None and touch.ad not in self.ads)
        self.places.add(touch.place)
        if touch.ad is not None:
            self.ads.add(touch.ad)
        return is_new


@dataclass(frozen=True, slots=True)
class EarlierLead:
    """The latest lead that a person had; one that is deleted only where there is no other."""

    id: int
    assigned_id: int | None
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened to a lead in a batch, caused by `inquiry`; `outcome` is empty where it is another's.

    `is_repeat`: the inquiry is another form, ad or channel than those before. An update says in its own `sentence`
    what happened, and in `parts` what changed that is no field of the lead.
    """

    lead: OpenLead
    version: int
    changes: Changes
    inquiry: IntakeEvent
    outcome: SettlementOutcome | None
    is_repeat: bool = False
    sentence: str | None = None
    parts: tuple[str, ...] = ()


@dataclass(slots=True)
class LeadBook:
    """The open and the earlier leads of a batch's people; grows as inquiries are placed, in their order.

    `profiles` are the names of those whom only their channel profile names. `taken_uuids` are those that name a
    lead already. `new_ids` must have one for each person without an open lead. `extras` are by dedupe key. `others`
    are leads that are not open, by id, of which an inquiry is updated. `placed` are the inquiries that a lead got.
    """

    new_ids: Iterator[int]
    open: dict[int, OpenLead] = field(default_factory=dict)
    earlier: dict[int, EarlierLead] = field(default_factory=dict)
    profiles: dict[int, str] = field(default_factory=dict)
    taken_uuids: set[UUID] = field(default_factory=set)
    aliases: dict[UUID, OpenLead] = field(default_factory=dict)
    extras: Mapping[str, Extras] = field(default_factory=dict)
    others: dict[int, OpenLead] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    placed: list[tuple[OpenLead, InquiryReceived]] = field(default_factory=list)

    def place(self, inquiry: InquiryReceived, meeting: Meeting) -> Entry:
        """Attach an inquiry to the person's open lead, or open one; the uuid that the edge promised leads to it."""
        lead = self.open.get(meeting.person_id)
        entry = self._open(inquiry, meeting) if lead is None else self._attach(inquiry, lead, meeting)
        self.entries.append(entry)
        self.placed.append((entry.lead, inquiry))
        promised = inquiry.lead_uuid
        if promised is not None and promised not in self.taken_uuids:
            self.taken_uuids.add(promised)
            self.aliases[promised] = entry.lead
        self.mark_rivals(entry.lead, inquiry, meeting)
        return entry

    def change(self, lead: OpenLead, cause: IntakeEvent, sentence: str, changes: Changes, *parts: str) -> None:
        """Make a lead its next version: `changes` of its fields, which it has already, and `parts` beside them."""
        lead.version += 1
        lead.is_changed = True
        self.entries.append(Entry(lead, lead.version, changes, cause, None, sentence=sentence, parts=parts))

    def changed(self) -> list[OpenLead]:
        """The leads that were there before and are another version now."""
        known = (*self.open.values(), *self.others.values())
        return [lead for lead in known if lead.is_changed and lead.number is not None]

    def _open(self, inquiry: InquiryReceived, meeting: Meeting) -> Entry:
        earlier, progress, contact = self.earlier_of(meeting), inquiry.progress, contact_of(inquiry)
        extras = self.extras.get(inquiry.dedupe_key, NO_EXTRAS)
        lead = OpenLead(
            id=next(self.new_ids),
            person_id=meeting.person_id,
            lead_uuid=self._uuid(inquiry.lead_uuid),
            number=None,
            version=1,
            channel=str(inquiry.channel),
            account=inquiry.account,
            thread=inquiry.thread,
            contact=contact,
            is_repeat=earlier is not None,
            repeat_of_id=earlier.id if earlier else None,
            preferred_owner_id=earlier.assigned_id if earlier else None,
            business_date=inquiry.business_date,
            first_sent_at=inquiry.sent_at,
            extras=extras,
            step=progress.step if progress and progress.step else extras.step,
            is_ready=progress is None or progress.is_submitted or contact.is_reachable,
        )
        lead.take(touch_of(inquiry))
        self.open[meeting.person_id] = lead
        if (profile := inquiry.sender.profile_name) and not stated_name(inquiry).words:
            self.profiles[meeting.person_id] = profile
        return Entry(lead, 1, _opening_changes(lead), inquiry, SettlementOutcome.NEW)

    def _uuid(self, promised: UUID | None) -> UUID:
        if promised is None or promised in self.taken_uuids:
            return new_id()
        self.taken_uuids.add(promised)
        return promised

    def earlier_of(self, meeting: Meeting) -> EarlierLead | None:
        """The person's own earlier lead, else one of who is known by the same address; a deleted one comes last."""
        found = [self.earlier.get(meeting.person_id)]
        for person_id in meeting.known_as:
            rival = self.open.get(person_id)
            found.append(EarlierLead(rival.id, rival.assigned_id) if rival else self.earlier.get(person_id))
        return min((lead for lead in found if lead), key=lambda lead: lead.is_deleted, default=None)

    def _attach(self, inquiry: InquiryReceived, lead: OpenLead, meeting: Meeting) -> Entry:
        changes = self._name_over_profile(inquiry, lead.contact, meeting.person_id)
        changes |= fill(lead.contact, contact_of(inquiry))
        is_repeat = lead.take(touch_of(inquiry))
        if is_repeat:
            changes |= set_repeat(lead)
        if inquiry.progress is None or inquiry.progress.is_submitted or lead.contact.is_reachable:
            changes |= set_ready(lead)
        if inquiry.progress and inquiry.progress.step:
            changes |= set_step(lead, inquiry.progress.step)
        if lead.first_sent_at is not None:
            lead.first_sent_at = min(lead.first_sent_at, inquiry.sent_at)
        lead.version += 1
        lead.is_changed = True
        return Entry(lead, lead.version, changes, inquiry, SettlementOutcome.REPEAT, is_repeat)

    def _name_over_profile(self, inquiry: InquiryReceived, contact: Contact, person_id: int) -> Changes:
        """A name that somebody states takes the place of one that only their profile told."""
        stated = stated_name(inquiry)
        profile = self.profiles.pop(person_id, None) if stated.words else None
        if profile is None or (contact.first_name, contact.last_name) != split_name(profile):
            return {}
        changes = {}
        for name, value in (("first_name", stated.first), ("last_name", stated.last)):
            if value != (old := getattr(contact, name)):
                setattr(contact, name, value)
                changes[name] = {"from": old, "to": value}
        return changes

    def mark_rivals(self, lead: OpenLead, cause: IntakeEvent, meeting: Meeting) -> None:
        """Show on the others' open leads, too, that their phone or mail was stated under another name, and where."""
        for person_id in meeting.known_as:
            rival = self.open.get(person_id)
            if rival is None or rival.repeat_of_id is not None or rival is lead:
                continue
            changes = set_repeat(rival) | {"repeat_of_id": {"from": None, "to": lead.id}}
            rival.repeat_of_id = lead.id
            rival.version += 1
            rival.is_changed = True
            self.entries.append(Entry(rival, rival.version, changes, cause, None))


def stated_name(inquiry: IntakeEvent) -> StatedName:
    """What the sender called themselves."""
    return StatedName(inquiry.sender.first_name or None, inquiry.sender.last_name or None)


def contact_of(inquiry: IntakeEvent) -> Contact:
    """What an inquiry tells about its sender."""
    return contact_of_sender(inquiry.sender)


def contact_of_sender(sender: Sender) -> Contact:
    """How somebody is called and reached; the profile's name stands in for one that nobody stated."""
    first, last = sender.first_name or None, sender.last_name or None
    if not (first or last) and sender.profile_name:
        first, last = split_name(sender.profile_name)
    phone = best_of_kind(sender.identities, IdentityKind.PHONE)
    email = best_of_kind(sender.identities, IdentityKind.EMAIL)
    return Contact(
        first_name=first,
        last_name=last,
        phone=sender.phone or (phone.value if phone else None),
        phone_key=phone.match_key if phone else None,
        email=sender.email or (email.value if email else None),
        email_key=email.match_key if email else None,
        language=sender.language,
    )


def touch_of(inquiry: InquiryReceived) -> Touch:
    """Where an inquiry came from. Each form has a thread of its own."""
    referral = inquiry.attribution.get("referral")
    found = [referral.get(name) for name in ("source_id", "ad_id")] if isinstance(referral, dict) else []
    ad = next((str(one) for one in found if isinstance(one, (str, int)) and one != ""), None)
    return Touch(str(inquiry.channel), inquiry.account, inquiry.thread, ad)


def describe(entry: Entry) -> str:
    """History's sentence for an entry."""
    if entry.sentence is not None:
        return entry.sentence
    where = channel_label(entry.inquiry.channel)
    if entry.outcome is SettlementOutcome.NEW:
        return f"Opened by an inquiry on {where}"
    if entry.outcome is None:
        return f"Its phone or mail was given under another name on {where}"
    kind = "Repeat inquiry" if entry.is_repeat else "Further message"
    return f"{kind} on {where}"


@cache
def channel_label(channel: str) -> str:
    """The name of a channel that people read."""
    labels = {Channel.WHATSAPP: "WhatsApp", Channel.FORM: "a web form", Channel.REST: "the console or an API"}
    return labels.get(Channel(channel), str(channel).replace("_", " ").title())


def set_ready(lead: OpenLead) -> Changes:
    """Let a lead be assigned from now on; that is never taken back."""
    if lead.is_ready:
        return {}
    lead.is_ready = True
    return {"is_ready": {"from": False, "to": True}}


def set_step(lead: OpenLead, step: int) -> Changes:
    """Note how far a visitor came, which is the lowest step."""
    before = lead.step
    if before is not None and before <= step:
        return {}
    lead.step = int(step)
    return {"step": {"from": before, "to": lead.step}}


def set_repeat(lead: OpenLead) -> Changes:
    """Note that a person asked again."""
    if lead.is_repeat:
        return {}
    lead.is_repeat = True
    return {"is_repeat": {"from": False, "to": True}}


def fill(contact: Contact, news: Contact) -> Changes:
    """Take what is still empty; a name is taken whole or by a part that fits, and a key only with its value.

    A phone or a mail address that nobody can read gives way to one that can be read.
    """
    wanted = StatedName(contact.first_name, contact.last_name).filled_by(StatedName(news.first_name, news.last_name))
    fields: dict[str, Any] = {"first_name": wanted.first, "last_name": wanted.last}
    if not contact.language:
        fields["language"] = news.language
    for name in ("phone", "email"):
        key = f"{name}_key"
        if not getattr(contact, name) or (not getattr(contact, key) and getattr(news, key)):
            fields |= {name: getattr(news, name), key: getattr(news, key)}
    changes: Changes = {}
    for name, value in fields.items():
        if value and value != (old := getattr(contact, name)):
            setattr(contact, name, value)
            if name not in _HIDDEN:
                changes[name] = {"from": old, "to": value}
    return changes


def _opening_changes(lead: OpenLead) -> Changes:
    fields = {name: getattr(lead.contact, name) for name in _CONTACT if name not in _HIDDEN}
    fields |= {
        "status": int(LeadStatus.NEW),
        "source": lead.source,
        "is_ready": lead.is_ready,
        "is_repeat": lead.is_repeat,
        "repeat_of_id": lead.repeat_of_id,
        "note": lead.extras.note,
        "step": lead.step,
        "abandon_reason": lead.extras.abandon_reason,
        "tags": list(lead.extras.tags) or None,
        "custom": dict(lead.extras.custom) or None,
    }
    return {name: {"from": None, "to": value} for name, value in fields.items() if value is not None}


def created_at_of(inquiry: IntakeEvent, now: datetime) -> datetime:
    """When a lead counts as created: when its inquiry was received, never in the future."""
    return min(inquiry.received_at, now)
