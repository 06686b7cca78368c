"""Registering a batch of inquiries and updates: one effect each, one open lead a person, a number for each lead.

One transaction, and a handful of statements whatever the size of the batch. All writers take their locks in one
order: claims by key, identities by address, people by id, open leads by id, the day's counter. Each is a statement
of its own, because in READ COMMITTED only a new statement sees what those have committed who were waited for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from services.leads.domain.announcements import NUMBER_PENDING, announce, inquiry_settled, settle
from services.leads.domain.form_fillings import FormBook
from services.leads.domain.hand_over import HandOverPolicy
from services.leads.domain.openings import Extras, LeadBook, created_at_of, describe
from services.leads.domain.updates import Answer, UpdateBook
from services.leads.storage import batch_numbering, claims, journal, leads, numbering, updates
from services.leads.storage.claims import Claimed, Outcome
from services.leads.storage.journal import HistoryLine
from services.leads.storage.numbering import NumberedEvent, Opening
from services.leads.use_cases.apply_updates import find_pending, keys_concerned, open_update_book, write_updates
from services.leads.use_cases.follow_forms import answer_forms, load_leads, open_form_book, write_forms
from services.leads.use_cases.recognise_people import Recognised, recognise_people
from shared.contracts.inquiries import AnyIntakeEvent, FormProgressed, InquiryReceived, IntakeEvent
from shared.contracts.topics import LEAD_EVENTS, SETTLEMENTS, Topic
from shared.contracts.words import Channel, SettlementOutcome
from shared.kit import outbox
from shared.kit.database import Connection
from shared.kit.identifiers import new_id_text
from shared.kit.lean_events import EncodedEvent
from shared.kit.outbox import OutboxRow
from shared.kit.writes import Writes

# How far back a sweep looks for updates that missed their target: longer than any transaction or standstill of it.
_OVERDUE = timedelta(hours=6)
_PENDING = NUMBER_PENDING.encode()


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of an inquiry, now or when it was registered first.

    `opened` are the columns of the lead that it has opened just now, if it came with extras.
    """

    outcome: SettlementOutcome
    lead_id: int | None
    opened: Mapping[str, Any] | None = None


class Settlement(NamedTuple):
    """An answer to intake: for which receipt, about which lead, if any."""

    receipt_id: UUID
    lead_id: int | None
    event: EncodedEvent


async def register_inquiries(
    connection: Connection,
    inquiries: Sequence[AnyIntakeEvent],
    now: datetime,
    policy: HandOverPolicy,
    actor: str = "system",
    extras: Mapping[str, Extras] | None = None,
) -> dict[str, Registered]:
    """Give every inquiry or update its one effect and answer every claim; returns the answers by dedupe key.

    `extras`, by dedupe key, are what a lead gets beside the inquiry that opens it.

    May be repeated with the same inquiries at any time: what was claimed before is only answered again. The
    caller retries the whole transaction after a deadlock, and commits right after this, since the day's counter
    is locked from the last statement on.
    """
    unique: dict[str, AnyIntakeEvent] = {}
    for inquiry in inquiries:
        unique.setdefault(inquiry.dedupe_key, inquiry)
    pairs = [(key, inquiry.receipt_id if _has_receipt(inquiry) else None) for key, inquiry in unique.items()]
    taken = await claims.take_claims(connection, pairs, now)
    old = unique.keys() - taken
    known = await claims.list_claimed(connection, old) if old else {}
    fresh = [inquiry for key, inquiry in unique.items() if key in taken]
    forms = await open_form_book(connection, fresh, now)
    writes = Writes(connection)
    book = await _place(writes, forms, now, extras or {}) if fresh else UpdateBook(LeadBook(iter(())))
    await _write(writes, book, forms, now, actor, policy.wait_after(0))
    settlements = _settlements(inquiries, book.answers, known, now)
    opened = await _announce(writes, book.leads, settlements, now, policy)
    return {key: _answer(book.answers.get(key), known.get(key), opened) for key in unique}


async def release_parked_updates(connection: Connection, now: datetime, policy: HandOverPolicy, limit: int) -> int:
    """Apply updates that wait although their target is there, and return how many there were.

    An update and its target that are registered at the same time do not see each other, unless they share an address
    on which one waits for the other: an edit may come from another id of the sender, and what we write locks nothing.
    """
    events = await updates.list_overdue(connection, now - _OVERDUE, limit)
    if events:
        writes, forms = Writes(connection), FormBook(events=events)
        book = await _place(writes, forms, now, {})
        book.stored.update(event.dedupe_key for event in events)
        book.released.update(key for key, answer in book.answers.items() if answer.lead is not None)
        await _write(writes, book, forms, now, "system", policy.wait_after(0))
        await _announce(writes, book.leads, (), now, policy)
    return len(events)


async def _place(writes: Writes, forms: FormBook, now: datetime, extras: Mapping[str, Extras]) -> UpdateBook:
    """Find out whom it concerns, lock them, and then, with a fresh snapshot, which leads they have and what waits."""
    events, connection = forms.events, writes.connection
    concerned = keys_concerned(events)
    also = await updates.list_people_of(connection, concerned) if concerned else set()
    recognised = await recognise_people(writes, events, now, also, forms.visitors())
    pending = await find_pending(connection, events, recognised.meetings)
    leads_book = await _open_book(connection, events, recognised)
    leads_book.extras = extras
    book = await open_update_book(connection, leads_book, pending, events, recognised.meetings)
    await load_leads(connection, forms, leads_book)
    for event, meeting in zip(events, recognised.meetings, strict=True):
        if isinstance(event, FormProgressed):
            assert meeting is not None
            book.answers[event.dedupe_key] = Answer(SettlementOutcome.UPDATE, forms.apply(event, meeting, leads_book))
        else:
            book.take(event, meeting)
    answer_forms(forms, book)
    return book


async def _open_book(connection: Connection, events: Sequence[AnyIntakeEvent], recognised: Recognised) -> LeadBook:
    known = recognised.known
    found = await leads.lock_open_leads(connection, known) if known else []
    open_leads = {lead.person_id: lead for lead in found}
    by_id = {lead.id: lead for lead in found}
    for lead_id, touch in await leads.list_touches(connection, by_id) if by_id else ():
        by_id[lead_id].take(touch)
    closed = known.keys() - open_leads.keys()
    inquirers = {
        meeting.person_id
        for event, meeting in zip(events, recognised.meetings, strict=True)
        if isinstance(event, InquiryReceived) and meeting is not None
    }
    to_open = inquirers - open_leads.keys()
    promised = {event.lead_uuid for event in events if isinstance(event, InquiryReceived) and event.lead_uuid}
    return LeadBook(
        new_ids=iter(await leads.take_lead_ids(connection, len(to_open)) if to_open else ()),
        open=open_leads,
        earlier=await leads.list_earlier_leads(connection, closed) if closed else {},
        profiles={
            person_id: person.profile_name
            for person_id, person in known.items()
            if person.profile_name and not person.name.words
        },
        taken_uuids=await leads.list_taken_uuids(connection, promised) if promised else set(),
    )


async def _write(
    writes: Writes, updated: UpdateBook, forms: FormBook, now: datetime, actor: str, hand_over_after: timedelta
) -> None:
    """Write everything that needs no number, or leave it in `writes` as far as nothing here needs it."""
    book = updated.leads
    if changed := book.changed():
        new_ids = {lead.id for lead in book.open.values() if lead.number is None}
        leads.save_leads(writes, changed, now, hand_over_after, pending=new_ids)
    journal.add_inquiries(writes, [(lead.id, inquiry) for lead, inquiry in book.placed])
    await write_updates(writes, updated, now)
    await write_forms(writes, forms, now)
    lines = [HistoryLine(entry.lead.id, describe(entry), entry.changes, actor) for entry in book.entries]
    journal.add_history(writes, lines, now)
    if updated.answers:
        outcomes = [
            Outcome(key, str(answer.outcome), answer.lead.id if answer.lead else None)
            for key, answer in updated.answers.items()
        ]
        claims.store_outcomes(writes, outcomes)
    if book.aliases:
        leads.add_aliases(writes, book.aliases, now)


async def _announce(
    writes: Writes,
    book: LeadBook,
    settlements: Sequence[Settlement],
    now: datetime,
    policy: HandOverPolicy,
) -> dict[int, dict[str, Any]]:
    """Open the new leads, and write the events of all: what comes last, because of the numbers.

    Returns the rows of new leads that came with extras.
    """
    openings = [
        Opening(entry.lead, created_at_of(entry.inquiry, now))
        for entry in book.entries
        if entry.outcome is SettlementOutcome.NEW
    ]
    new_ids = {opening.lead.id for opening in openings}
    rows: list[tuple[int | None, OutboxRow]] = [
        (entry.lead.id, _row(LEAD_EVENTS, entry.lead.id, event))
        for entry in book.entries
        for event in announce(entry, now)
    ]
    rows += [(answer.lead_id, _row(SETTLEMENTS, answer.receipt_id, answer.event)) for answer in settlements]
    rivals = [lead for lead in book.changed() if lead.repeat_of_id in new_ids]
    if openings and book.changed():
        # One of them may be its person's open lead no longer.
        await writes.send()
    if book.extras and openings:
        numbered = [NumberedEvent(*row[:3], row.body.decode(), lead_id) for lead_id, row in rows if lead_id in new_ids]
        outbox.gather_rows(writes, [row for lead_id, row in rows if lead_id not in new_ids])
        await writes.send()
        wanted = [opening.lead.id for opening in openings]
        return await numbering.open_leads(
            writes.connection, openings, numbered, now, policy.wait_after(0), rivals=rivals, wanted=wanted
        )
    numbers = await batch_numbering.open_batch(writes, openings, now, policy.wait_after(0)) if openings else {}
    if rivals:
        batch_numbering.mark_rivals(writes, rivals)
    outbox.gather_rows(writes, [_numbered(row, numbers.get(lead_id or 0)) for lead_id, row in rows])
    await writes.send()
    return {}


def _row(topic: Topic, key: object, event: EncodedEvent) -> OutboxRow:
    return OutboxRow(topic.name, str(key), event.type, event.body)


def _numbered(row: OutboxRow, number: str | None) -> OutboxRow:
    if number is None:
        return row
    return OutboxRow(row.topic, row.key, row.type, row.body.replace(_PENDING, number.encode()))


def _settlements(
    events: Sequence[IntakeEvent], answers: Mapping[str, Answer], known: Mapping[str, Claimed], now: datetime
) -> list[Settlement]:
    """An answer to every claim, also to one that came twice in this batch or was answered long ago."""
    settlements = []
    for event in filter(_has_receipt, events):
        answer = answers.get(event.dedupe_key)
        if answer is not None:
            lead_id = answer.lead.id if answer.lead else None
            told = settle(event, answer.outcome, answer.lead, now)
        else:
            claimed = known[event.dedupe_key]
            lead_id, told = claimed.lead_id, _settle_again(event, claimed, now)
        settlements.append(Settlement(event.receipt_id, lead_id, told))
    return settlements


def _has_receipt(event: IntakeEvent) -> bool:
    """Whether intake waits for an answer; what came by REST has its answer already."""
    return event.channel is not Channel.REST


def _settle_again(event: IntakeEvent, claimed: Claimed, now: datetime) -> EncodedEvent:
    return inquiry_settled(
        event_id=new_id_text(),
        occurred_at=now,
        correlation_id=event.correlation_id,
        receipt_id=event.receipt_id,
        outcome=SettlementOutcome(claimed.outcome),
        reason=claimed.reason,
        lead_id=claimed.lead_id,
        lead_uuid=claimed.lead_uuid,
        lead_number=claimed.lead_number,
    )


def _answer(answer: Answer | None, claimed: Claimed | None, opened: Mapping[int, Mapping[str, Any]]) -> Registered:
    if answer is not None:
        lead_id = answer.lead.id if answer.lead else None
        return Registered(answer.outcome, lead_id, opened.get(lead_id) if lead_id is not None else None)
    assert claimed is not None
    return Registered(SettlementOutcome(claimed.outcome), claimed.lead_id)
