"""The updates of a batch: what they need from the database, and what they leave there.

Called by the registration, in its transaction and under its locks: updates are applied among the inquiries of a
batch, before numbers are taken. An update and its target lock the same address where they come from the same
identity, so that the later one sees the other; where they do not, a sweep (`release_parked_updates`) brings them
together.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.leads.domain.openings import LeadBook
from services.leads.domain.people import Meeting
from services.leads.domain.updates import KnownInquiry, UpdateBook, targets_of
from services.leads.storage import claims, updates
from services.leads.storage.claims import Outcome
from services.leads.storage.updates import StoredInquiry
from shared.contracts.inquiries import (
    AnyIntakeEvent,
    InquiryEdited,
    InquiryReceived,
    IntakeEvent,
    OptOutChanged,
    ResponseSent,
)
from shared.contracts.words import SettlementOutcome
from shared.kit.database import Connection
from shared.kit.writes import Writes


@dataclass(slots=True)
class Pending:
    """What waits for the inquiries of a batch, by target and dedupe key, and which inquiries its updates concern."""

    waiting: dict[str, dict[str, IntakeEvent]] = field(default_factory=dict)
    inquiries: dict[str, StoredInquiry] = field(default_factory=dict)
    asks_for_first_sent: bool = False

    @property
    def lead_ids(self) -> set[int]:
        """The leads whose inquiries are concerned."""
        return {inquiry.lead_id for inquiry in self.inquiries.values()}


def keys_concerned(events: Iterable[IntakeEvent]) -> set[str]:
    """The dedupe keys of earlier inquiries that events may concern."""
    keys = set()
    for event in events:
        if isinstance(event, InquiryEdited):
            keys.add(event.target_key)
        elif isinstance(event, InquiryReceived) and event.stands_for is not None:
            keys.add(event.stands_for)
    return keys


async def find_pending(
    connection: Connection, events: Sequence[AnyIntakeEvent], meetings: Sequence[Meeting | None]
) -> Pending:
    """Read what waits for a batch and what its updates concern, when its people are locked."""
    targets: set[str] = set()
    for event, meeting in zip(events, meetings, strict=True):
        if isinstance(event, InquiryReceived) and meeting is not None:
            targets.update(targets_of(event, meeting.person_id))
    pending = Pending()
    for target, event in await updates.list_parked(connection, targets) if targets else ():
        pending.waiting.setdefault(target, {})[event.dedupe_key] = event
    parked = [event for group in pending.waiting.values() for event in group.values()]
    keys = keys_concerned(events) | {event.dedupe_key for event in parked if isinstance(event, InquiryReceived)}
    if keys:
        pending.inquiries = await updates.list_inquiries(connection, keys)
    pending.asks_for_first_sent = any(isinstance(event, ResponseSent) for event in (*events, *parked))
    return pending


async def open_update_book(
    connection: Connection,
    leads: LeadBook,
    pending: Pending,
    events: Sequence[AnyIntakeEvent],
    meetings: Sequence[Meeting | None],
) -> UpdateBook:
    """Complete a batch's book of leads by what updates need of it, and open the book of updates beside it."""
    known = {lead.id: lead for lead in leads.open.values()}
    if further := pending.lead_ids - known.keys():
        leads.others = await updates.lock_leads(connection, further)
        known |= leads.others
    if pending.asks_for_first_sent and leads.open:
        open_ids = [lead.id for lead in leads.open.values()]
        for lead_id, sent_at in (await updates.list_first_sent(connection, open_ids)).items():
            known[lead_id].first_sent_at = sent_at
    wishing = {
        meeting.person_id
        for event, meeting in zip(events, meetings, strict=True)
        if meeting is not None and _tells_a_wish(event)
    }
    return UpdateBook(
        leads=leads,
        known={
            key: KnownInquiry(one.receipt_id, known[one.lead_id], one.edited_at, one.revoked_at, one.is_attributed)
            for key, one in pending.inquiries.items()
            if one.lead_id in known
        },
        opt_outs=await updates.list_opt_outs(connection, wishing) if wishing else {},
        waiting=pending.waiting,
        stored={key for events in pending.waiting.values() for key in events},
    )


async def write_updates(writes: Writes, book: UpdateBook, now: datetime) -> None:
    """Write what the updates of a batch changed, when its inquiries are written."""
    # A completed inquiry is known under two keys.
    changed = {id(one): one for one in book.known.values() if one.is_changed}
    released, parked = book.released & book.stored, book.parked()
    late = _late(book.applied.keys() & book.stored, book)
    if not (changed or book.changed_opt_outs or released or parked or late):
        return
    # These change inquiries and name people who may be new.
    await writes.send()
    connection = writes.connection
    if changed:
        await updates.save_inquiries(connection, changed.values())
    if book.changed_opt_outs:
        await updates.save_opt_outs(connection, {key: book.opt_outs[key] for key in book.changed_opt_outs})
    if released:
        await updates.release(connection, released)
    if parked:
        await updates.park(connection, parked, now)
    if late:
        claims.store_outcomes(writes, late)
        # A claim that the batch answers as well is written once more.
        await writes.send()


def _late(keys: Collection[str], book: UpdateBook) -> list[Outcome]:
    return [Outcome(key, str(SettlementOutcome.UPDATE), book.applied[key].id) for key in keys]


def _tells_a_wish(event: IntakeEvent) -> bool:
    return isinstance(event, OptOutChanged) or (isinstance(event, InquiryReceived) and event.takes_back_opt_out)
