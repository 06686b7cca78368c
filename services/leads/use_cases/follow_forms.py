"""The forms in progress of a batch: what they need from the database, and what they leave there.

Called by the registration, in its transaction. Drafts are locked after the claims and before any address.
"""

from collections.abc import Sequence
from datetime import datetime

from services.leads.domain.form_fillings import FormBook
from services.leads.domain.openings import LeadBook
from services.leads.domain.updates import Answer, UpdateBook
from services.leads.storage import form_drafts, updates
from shared.contracts.inquiries import AnyIntakeEvent, FormProgressed, InquiryReceived
from shared.contracts.words import SettlementOutcome
from shared.kit.database import Connection
from shared.kit.writes import Writes


async def open_form_book(connection: Connection, events: Sequence[AnyIntakeEvent], now: datetime) -> FormBook:
    """Lock the drafts of a batch's forms, and fold its requests into them."""
    lead_uuids = {
        event.lead_uuid
        for event in events
        if (isinstance(event, InquiryReceived) and event.progress and event.lead_uuid)
        or isinstance(event, FormProgressed)
    }
    if not lead_uuids:
        return FormBook(events=list(events))
    book = FormBook(drafts=await form_drafts.lock_drafts(connection, {one for one in lead_uuids if one}, now))
    book.before = {draft.lead_uuid: draft.sender for draft in book.drafts.values()}
    lead_ids = {draft.lead_id for draft in book.drafts.values() if draft.lead_id is not None}
    people = await form_drafts.list_people_of(connection, lead_ids) if lead_ids else {}
    for draft in book.drafts.values():
        if draft.lead_id is not None:
            draft.person_id = people[draft.lead_id][0]
    book.fold(list(events), {lead_id for lead_id, (_, is_open) in people.items() if not is_open})
    return book


async def load_leads(connection: Connection, forms: FormBook, leads: LeadBook) -> None:
    """Complete a batch's book of leads by those of its forms that are not open."""
    wanted = {draft.lead_id for draft in forms.drafts.values() if draft.lead_id is not None}
    known = {lead.id for lead in leads.open.values()} | leads.others.keys()
    if missing := wanted - known:
        leads.others |= await updates.lock_leads(connection, missing)


def answer_forms(forms: FormBook, book: UpdateBook) -> None:
    """Answer the requests that were only remembered, when everything else is placed."""
    forms.settle(book.leads)
    for event in forms.remembered:
        lead = forms.lead_of(forms.drafts[event.lead_uuid], book.leads)
        book.answers[event.dedupe_key] = Answer(SettlementOutcome.UPDATE, lead)


async def write_forms(writes: Writes, forms: FormBook, now: datetime) -> None:
    """Write what the forms of a batch say now, when its inquiries are written."""
    if not (forms.mergers or forms.changed):
        return
    # They change inquiries.
    await writes.send()
    connection = writes.connection
    if forms.mergers:
        await form_drafts.move_to_targets(connection, forms.mergers, now)
    if changed := [forms.drafts[lead_uuid] for lead_uuid in sorted(forms.changed)]:
        await form_drafts.save_drafts(connection, changed)
        await form_drafts.show_in_inquiries(connection, changed)
        await form_drafts.write_experiences(connection, changed, now)
        concerned = {draft.lead_id for draft in changed if draft.lead_id is not None}
        await form_drafts.drop_repeated_experiences(
            connection, concerned.union(merger.target.id for merger in forms.mergers)
        )
