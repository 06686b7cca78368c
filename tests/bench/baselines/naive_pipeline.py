"""The pipeline as FastAPI's and FastStream's tutorials, and SQLModel's, put together teach it.

An endpoint with a body model and a signature dependency publishes to Kafka inside the request. A consumer handles one
record per transaction, publishes what it has to tell after the commit, and commits the record's offset. The assigner
counts the open leads of each salesperson for each lead, and takes whoever has the fewest. A third consumer applies the
decision. Each with FastStream's decoding into a model and its acknowledgement after the handler, and SQLModel sessions.

Kinder than most: uvloop, the table that is counted in has an index for it, and a decision keeps no candidates.

`python -m tests.bench.baselines.naive_pipeline ROLE [PORT]`, where a role is a process: endpoint, leads, assignment.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

import uvicorn
import uvloop
from fastapi import Depends, FastAPI, Request
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.assignment.storage.tables import DecisionRow, LeadRow, MemberRow
from services.leads.storage.tables import AssignmentAnswer, HistoryEntry, Lead
from shared.contracts.inquiries import Identity, InquiryReceived, Sender
from shared.contracts.words import Channel, Evidence, IdentityKind
from shared.kit.identifiers import new_id
from tests.bench.baselines.bodies import OutboxLine
from tests.bench.baselines.hops import ASSIGNMENT_DATABASE, BROKER, LEADS_DATABASE, PREFIX, Decided, LeadIsReady, Topics
from tests.bench.baselines.idiomatic_endpoint import PATH, Delivery, Value, require_signature
from tests.bench.baselines.per_lead_orm import OutboxRow, register_one

TOPICS: Final = Topics.of(PREFIX)


def _engine(url: str) -> AsyncEngine:
    return create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"), pool_size=5)


def _broker() -> KafkaBroker:
    return KafkaBroker(BROKER, acks="all", enable_idempotence=True, logger=None)


def endpoint() -> FastAPI:
    """The webhook."""
    broker = _broker()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with broker:
            await broker.start()
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post(PATH, dependencies=[Depends(require_signature)])
    async def receive(request: Request, delivery: Delivery) -> dict[str, str]:
        for entry in delivery.entry:
            for change in entry.changes:
                for inquiry in inquiries_of(change.value):
                    await broker.publish(inquiry, TOPICS.inquiries, key=inquiry.thread.encode())
        return {"status": "ok"}

    return app


def inquiries_of(value: Value) -> list[InquiryReceived]:
    """The messages of a change as inquiries."""
    now = datetime.now(UTC)
    names = {contact.wa_id: contact.profile.name if contact.profile else None for contact in value.contacts}
    account = value.metadata.phone_number_id
    inquiries = []
    for message in value.messages:
        receipt, phone = new_id(), message.from_
        inquiries.append(
            InquiryReceived(
                event_id=receipt,
                occurred_at=now,
                correlation_id=receipt,
                receipt_id=receipt,
                dedupe_key=_hash(message.id),
                thread=_hash(f"{account} {phone}"),
                channel=Channel.WHATSAPP,
                account=account,
                kind=message.type,
                business_date=date(now.year, now.month, now.day),
                received_at=now,
                sent_at=datetime.fromtimestamp(int(message.timestamp), UTC),
                sender=Sender(
                    identities=(
                        Identity(kind=IdentityKind.PHONE, value=phone, match_key=phone, evidence=Evidence.VERIFIED),
                    ),
                    profile_name=names.get(phone),
                    phone=phone,
                ),
                text=message.text.body if message.text else None,
            )
        )
    return inquiries


def _hash(words: str) -> str:
    return blake2b(words.encode(), digest_size=16).hexdigest()


def leads() -> FastStream:
    """The consumers of inquiries and of decisions."""
    engine, broker = _engine(LEADS_DATABASE), _broker()

    @broker.subscriber(
        TOPICS.inquiries, group_id=PREFIX, auto_offset_reset="earliest", ack_policy=AckPolicy.NACK_ON_ERROR
    )
    async def on_inquiry(inquiry: InquiryReceived) -> None:
        async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
            lines = await register_one(session, inquiry)
        await _tell(engine, broker, lines)

    @broker.subscriber(
        TOPICS.decisions, group_id=f"{PREFIX}.apply", auto_offset_reset="earliest", ack_policy=AckPolicy.NACK_ON_ERROR
    )
    async def on_decision(decided: Decided) -> None:
        async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
            line = await _apply(session, decided)
            session.add(OutboxRow(**line._asdict()))
        await _tell(engine, broker, [line])

    return FastStream(broker)


async def _tell(engine: AsyncEngine, broker: KafkaBroker, lines: Sequence[OutboxLine]) -> None:
    """Publish what a transaction has written to the outbox, and mark it."""
    for line in lines:
        await broker.publish(line.body, TOPICS.of_line(line), key=line.key.encode())
    async with AsyncSession(engine) as session, session.begin():
        mark = text("UPDATE outbox SET published_at = now() WHERE key = ANY(:keys) AND published_at IS NULL")
        await session.execute(mark, {"keys": list({line.key for line in lines})})


async def _apply(session: AsyncSession, decided: Decided) -> OutboxLine:
    lead = await session.get_one(Lead, decided.lead_id, with_for_update=True)
    now = datetime.now(UTC)
    before = lead.assigned_id
    if decided.decision_number > lead.decision_number:
        lead.assigned_id, lead.decision_number = decided.member_id, decided.decision_number
        lead.version += 1
        lead.updated_at, lead.hand_over_at = now, None
        session.add(
            AssignmentAnswer(
                lead_id=decided.lead_id,
                decision_number=decided.decision_number,
                decision_id=decided.decision_id,
                member_id=decided.member_id,
                is_applied=True,
                lead_version=lead.version,
                answered_at=now,
                tell_at=now + timedelta(minutes=1),
            )
        )
        changes = {"assigned_id": {"from": before, "to": decided.member_id}}
        words = f"Assigned to member {decided.member_id} by the rules"
        session.add(
            HistoryEntry(lead_id=decided.lead_id, type=1, text=words, actor="system", occurred_at=now, changes=changes)
        )
    body = decided.model_dump_json().encode()
    return OutboxLine(TOPICS.told, str(decided.lead_id), "lead.assigned.v1", body)


def assignment() -> FastStream:
    """The assigner."""
    engine, broker = _engine(ASSIGNMENT_DATABASE), _broker()

    @broker.subscriber(TOPICS.ready, group_id=PREFIX, auto_offset_reset="earliest", ack_policy=AckPolicy.NACK_ON_ERROR)
    async def on_ready(ready: LeadIsReady) -> None:
        async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
            if await session.get(LeadRow, ready.lead_id):
                return
            decided = await _decide(session, ready)
            body = decided.model_dump_json().encode()
            line = OutboxLine(TOPICS.decisions, str(ready.lead_id), "assignment.decided.v1", body)
            session.add(OutboxRow(**line._asdict()))
        await broker.publish(decided, TOPICS.decisions, key=line.key.encode())
        async with AsyncSession(engine) as session, session.begin():
            mark = text("UPDATE outbox SET published_at = now() WHERE key = :key AND published_at IS NULL")
            await session.execute(mark, {"key": line.key})

    return FastStream(broker)


async def _decide(session: AsyncSession, ready: LeadIsReady) -> Decided:
    query = select(MemberRow).where(col(MemberRow.is_active), col(MemberRow.role) == "salesperson")
    best: tuple[int, int] | None = None
    for member in (await session.exec(query.order_by(col(MemberRow.id)))).all():
        count = select(func.count()).select_from(LeadRow).where(col(LeadRow.chosen_id) == member.id)
        held = (await session.exec(count.where(col(LeadRow.stage).in_(("decided", "assigned"))))).one()
        if held < member.capacity and (best is None or held < best[0]):
            assert member.id is not None
            best = (held, member.id)
    assert best is not None
    now, member_id = datetime.now(UTC), best[1]
    session.add(_lead_row(ready, member_id, now))
    decision = DecisionRow(
        lead_id=ready.lead_id,
        decision_number=1,
        chosen_member_id=member_id,
        weighing_ids=[],
        policy_version=1,
        is_manual=False,
        decided_at=now,
    )
    session.add(decision)
    await session.flush()
    assert decision.id is not None
    return Decided(
        decision_id=decision.id,
        decision_number=1,
        lead_id=ready.lead_id,
        member_id=member_id,
        correlation_id=ready.correlation_id,
    )


def _lead_row(ready: LeadIsReady, member_id: int, now: datetime) -> LeadRow:
    return LeadRow(
        lead_id=ready.lead_id,
        stage="decided",
        correlation_id=ready.correlation_id,
        ready_at=now,
        decision_number=1,
        chosen_id=member_id,
        owner_number=0,
        settled_at=now,
        held_by=[member_id],
        refusals=0,
        handovers=0,
        next_handover_at=now + timedelta(seconds=30),
        status_version=0,
    )


def main(role: str, port: str = "0") -> None:
    """Run a role until SIGTERM."""
    if role == "endpoint":
        serve: dict[str, Any] = {"loop": "uvloop", "http": "httptools", "access_log": False, "log_level": "warning"}
        uvicorn.run(endpoint(), host="127.0.0.1", port=int(port), **serve)
        return
    app = {"leads": leads, "assignment": assignment}[role]
    uvloop.run(_run(app))


async def _run(app: Any) -> None:
    await asyncio.gather(app().run())


if __name__ == "__main__":
    main(*sys.argv[1:])
