"""The same transaction per message as an idiomatic SQLModel unit of work: objects are added, the session flushes.

The counter is locked first, as in `per_lead_lock`, and parents are flushed before their children, as SQLModel's
tutorial does. The tables' own classes; one process with eight connections.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, Text
from sqlalchemy import Identity as Generated
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Field, SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.leads.domain.numbers import lead_number
from services.leads.storage.tables import (
    Claim,
    DayCounter,
    HistoryEntry,
    Inquiry,
    Lead,
    LeadAlias,
    Person,
    PersonIdentity,
)
from shared.contracts.inquiries import InquiryReceived
from shared.contracts.words import Channel, LeadStatus
from shared.kit.identifiers import new_id
from shared.kit.records import Record
from tests.bench.baselines.bodies import LeadState, OutboxLine, attached, contact_fields, opened, opening_changes

CONNECTIONS: Final = 8


class OutboxRow(SQLModel, table=True):
    """The kit's outbox as a model."""

    __tablename__ = "outbox"
    metadata = MetaData()

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Generated(always=True), primary_key=True))
    topic: str = Field(sa_type=Text)
    key: str = Field(sa_type=Text)
    type: str = Field(sa_type=Text)
    body: bytes = Field(sa_type=LargeBinary)


async def register(url: str, records: Sequence[Record], connections: int = CONNECTIONS) -> None:
    """Register messages, each in a session of its own."""
    waiting = iter(records)
    engine = create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://"), pool_size=connections, max_overflow=0
    )

    async def work() -> None:
        for record in waiting:
            inquiry = InquiryReceived.model_validate_json(record.body)
            async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
                await register_one(session, inquiry)

    try:
        await asyncio.gather(*(work() for _ in range(connections)))
    finally:
        await engine.dispose()


async def register_one(session: AsyncSession, inquiry: InquiryReceived) -> list[OutboxLine]:
    """Register a message in the session's transaction; the lines that it added to the outbox."""
    counter = await _lock_counter(session, inquiry)
    if await session.get(Claim, inquiry.dedupe_key):
        return []
    now = datetime.now(UTC)
    person_id = await _find_person(session, inquiry, now)
    lead = None
    if person_id is None:
        person_id = await _add_person(session, inquiry, now)
    else:
        lead = await _open_lead_of(session, person_id)
    if lead is None:
        lead, lines = await _open(session, inquiry, person_id, counter, now)
        outcome = "new"
    else:
        lines = _attach(session, inquiry, lead, now)
        outcome = "repeat"
    assert lead.id is not None
    session.add(_inquiry_row(inquiry, lead.id))
    session.add_all([OutboxRow(**line._asdict()) for line in lines])
    session.add(
        Claim(
            dedupe_key=inquiry.dedupe_key,
            receipt_id=inquiry.receipt_id,
            outcome=outcome,
            lead_id=lead.id,
            claimed_at=now,
        )
    )
    return lines


async def _find_person(session: AsyncSession, inquiry: InquiryReceived, now: datetime) -> int | None:
    for identity in inquiry.sender.identities:
        query = select(PersonIdentity).where(
            col(PersonIdentity.kind) == identity.kind,
            col(PersonIdentity.scope) == identity.scope,
            col(PersonIdentity.match_key) == identity.match_key,
        )
        if found := (await session.exec(query)).one_or_none():
            found.last_seen_at = now
            return found.person_id
    return None


async def _add_person(session: AsyncSession, inquiry: InquiryReceived, now: datetime) -> int:
    sender = inquiry.sender
    person = Person(
        first_name=sender.first_name,
        last_name=sender.last_name,
        profile_name=sender.profile_name,
        created_at=now,
        updated_at=now,
    )
    session.add(person)
    await session.flush()
    assert person.id is not None
    for identity in sender.identities:
        session.add(
            PersonIdentity(
                kind=str(identity.kind),
                scope=identity.scope,
                match_key=identity.match_key,
                value=identity.value,
                evidence=str(identity.evidence),
                person_id=person.id,
                first_seen_at=now,
                last_seen_at=now,
            )
        )
    return person.id


async def _open_lead_of(session: AsyncSession, person_id: int) -> Lead | None:
    query = select(Lead).where(
        col(Lead.person_id) == person_id,
        col(Lead.status) != LeadStatus.CLOSED,
        col(Lead.deleted_at).is_(None),
    )
    return (await session.exec(query.with_for_update())).one_or_none()


async def _open(
    session: AsyncSession, inquiry: InquiryReceived, person_id: int, counter: DayCounter, now: datetime
) -> tuple[Lead, list[OutboxLine]]:
    counter.last_serial += 1
    contact = contact_fields(inquiry)
    lead = Lead(
        lead_uuid=inquiry.lead_uuid or new_id(),
        number=lead_number(inquiry.business_date, counter.last_serial),
        business_date=inquiry.business_date,
        serial=counter.last_serial,
        person_id=person_id,
        status=int(LeadStatus.NEW),
        source=str(inquiry.channel),
        channel=str(inquiry.channel),
        account=inquiry.account,
        thread=inquiry.thread,
        language=inquiry.sender.language,
        is_ready=True,
        is_repeat=False,
        created_at=inquiry.received_at,
        updated_at=now,
        hand_over_at=now + timedelta(minutes=1),
        **contact,
    )
    session.add(lead)
    await session.flush()
    assert lead.id is not None
    text = f"Opened by an inquiry on {inquiry.channel}"
    session.add(_history_row(lead.id, text, opening_changes(inquiry, contact), now))
    return lead, opened(LeadState(lead.id, lead.lead_uuid, lead.number, 1), inquiry)


async def _lock_counter(session: AsyncSession, inquiry: InquiryReceived) -> DayCounter:
    counter = await session.get(DayCounter, inquiry.business_date, with_for_update=True)
    if counter is None:
        # The first message of a day.
        first = insert(DayCounter).values(business_date=inquiry.business_date, last_serial=0)
        await session.exec(first.on_conflict_do_nothing())
        counter = await session.get_one(DayCounter, inquiry.business_date, with_for_update=True)
    return counter


def _attach(session: AsyncSession, inquiry: InquiryReceived, lead: Lead, now: datetime) -> list[OutboxLine]:
    assert lead.id is not None
    changes: dict[str, Any] = {}
    is_repeat = inquiry.channel is Channel.FORM
    if is_repeat and not lead.is_repeat:
        lead.is_repeat = True
        changes["is_repeat"] = {"from": False, "to": True}
    lead.version += 1
    lead.updated_at = now
    text = f"{'Repeat inquiry' if is_repeat else 'Further message'} on {inquiry.channel}"
    session.add(_history_row(lead.id, text, changes, now))
    if inquiry.lead_uuid:
        session.add(LeadAlias(lead_uuid=inquiry.lead_uuid, lead_id=lead.id, created_at=now))
    return attached(LeadState(lead.id, lead.lead_uuid, lead.number, lead.version), inquiry, sorted(changes))


def _history_row(lead_id: int, text: str, changes: dict[str, Any], now: datetime) -> HistoryEntry:
    return HistoryEntry(lead_id=lead_id, type=1, text=text, actor="system", occurred_at=now, changes=changes)


def _inquiry_row(inquiry: InquiryReceived, lead_id: int) -> Inquiry:
    return Inquiry(
        lead_id=lead_id,
        receipt_id=inquiry.receipt_id,
        channel=str(inquiry.channel),
        account=inquiry.account,
        kind=inquiry.kind,
        thread=inquiry.thread,
        received_at=inquiry.received_at,
        sent_at=inquiry.sent_at,
        sender=inquiry.sender.model_dump(mode="json", exclude_defaults=True),
        text=inquiry.text,
        content=inquiry.content,
        attribution=inquiry.attribution,
    )
