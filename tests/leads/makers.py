"""Inquiries of invented people, registration as the consumer does it, and what must always hold afterwards."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import orjson

from services.leads.domain.hand_over import HandOverPolicy
from services.leads.domain.numbers import lead_number
from services.leads.use_cases.apply_assignments import apply_assignments
from services.leads.use_cases.register_inquiries import Registered, register_inquiries
from shared.contracts.assignment import AssignmentDecided
from shared.contracts.inquiries import (
    AnyIntakeEvent,
    Identity,
    IdentityChanged,
    InquiryEdited,
    InquiryReceived,
    IntakeEvent,
    OptOutChanged,
    ResponseSent,
    Sender,
)
from shared.contracts.words import Channel, Evidence, IdentityKind
from shared.kit.database import Database, is_conflict
from shared.kit.identifiers import new_id

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY = date(2026, 3, 2)
POLICY = HandOverPolicy()
_NAMES = UUID("6f1d7c52-6a3c-4c5e-9d0e-3c9b6a1f2e77")


def phone(number: str, evidence: Evidence = Evidence.STATED) -> Identity:
    """A phone that is its own match key."""
    return Identity(kind=IdentityKind.PHONE, value=f"+{number}", match_key=number, evidence=evidence)


def mail(address: str) -> Identity:
    """A stated mail address."""
    return Identity(kind=IdentityKind.EMAIL, value=address, match_key=address.lower(), evidence=Evidence.STATED)


def whatsapp_user(user: str, scope: str = "portfolio") -> Identity:
    """A verified id that a platform gave."""
    return Identity(
        kind=IdentityKind.WHATSAPP_USER, value=user, match_key=user, scope=scope, evidence=Evidence.VERIFIED
    )


def inquiry(
    name: str,
    *identities: Identity,
    channel: Channel = Channel.FORM,
    day: date = DAY,
    thread: str | None = None,
    lead_uuid: UUID | None = None,
    received_at: datetime = NOON,
    fields: Mapping[str, Any] | None = None,
    **sender: Any,
) -> InquiryReceived:
    """An inquiry that is known by `name`: the same name is the same dedupe key and receipt."""
    return InquiryReceived(
        event_id=new_id(),
        occurred_at=NOON,
        correlation_id=uuid5(_NAMES, name),
        receipt_id=uuid5(_NAMES, name),
        dedupe_key=key_of(name),
        thread=thread or hashlib.sha256(f"thread {name}".encode()).hexdigest()[:32],
        channel=channel,
        account="summer",
        business_date=day,
        received_at=received_at,
        sent_at=received_at,
        sender=Sender(identities=identities, **sender),
        lead_uuid=lead_uuid,
        **{"kind": "form", "text": f"I am {name}", **(fields or {})},
    )


def edit(name: str, of: str, *identities: Identity, minutes: int = 1, **fields: Any) -> InquiryEdited:
    """An edit, sent `minutes` after noon, of the inquiry that is known as `of`."""
    return InquiryEdited(**_update(name, identities, minutes), target_key=key_of(of), **fields)


def readdress(name: str, previous: Identity, *current: Identity, minutes: int = 1) -> IdentityChanged:
    """A platform's word that somebody is reached in another way."""
    return IdentityChanged(**_update(name, current, minutes), previous=(previous,))


def response(name: str, *identities: Identity, minutes: int = 1) -> ResponseSent:
    """Our answer to somebody."""
    return ResponseSent(**_update(name, identities, minutes))


def opt_out(name: str, *identities: Identity, minutes: int = 1, wish: bool = True) -> OptOutChanged:
    """Somebody's wish to be left alone, or to be so no longer."""
    return OptOutChanged(**_update(name, identities, minutes), is_opted_out=wish, origin="message")


def _update(name: str, identities: tuple[Identity, ...], minutes: int) -> dict[str, Any]:
    sent_at = NOON + timedelta(minutes=minutes)
    whole = inquiry(name, *identities, channel=Channel.WHATSAPP, received_at=sent_at)
    return {field: getattr(whole, field) for field in IntakeEvent.model_fields}


def key_of(name: str) -> str:
    """The dedupe key of the inquiry or update that is known by `name`."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


async def register(
    database: Database, *batch: AnyIntakeEvent, now: datetime = NOON + timedelta(seconds=1)
) -> list[Registered]:
    """Register a batch as the consumer does: in one transaction, which is run again when it lost a race."""
    while True:
        try:
            async with database.transaction() as connection:
                answers = await register_inquiries(connection, batch, now, POLICY)
        except Exception as error:
            if not is_conflict(error):
                raise
            continue
        return [answers[one.dedupe_key] for one in batch]


async def apply(database: Database, *decisions: AssignmentDecided) -> None:
    """Take up decisions as the consumer does."""
    while True:
        try:
            async with database.transaction() as connection:
                await apply_assignments(connection, decisions, NOON)
        except Exception as error:
            if not is_conflict(error):
                raise
            continue
        return


async def rows(database: Database, query: str, *values: object) -> list[dict[str, Any]]:
    """The rows of a query as dictionaries."""
    async with database.connection() as connection:
        return [dict(row) for row in await connection.fetch(query, *values)]


async def lead_of(database: Database, lead_id: int | None) -> dict[str, Any]:
    """One lead with all its columns."""
    (lead,) = await rows(database, "SELECT * FROM leads WHERE id = $1", lead_id)
    return lead


async def published(database: Database, topic: str) -> list[dict[str, Any]]:
    """The bodies of a topic's outbox rows, in their order."""
    found = await rows(database, "SELECT body FROM outbox WHERE topic = $1 ORDER BY id", topic)
    return [orjson.loads(row["body"]) for row in found]


async def state(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Everything that a replay must leave as it is."""
    tables = (
        "people", "identities", "person_candidates", "claims", "inquiries", "leads", "lead_aliases", "history",
        "opt_outs", "parked_updates",
    )  # fmt: skip
    state = {table: await rows(database, f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables}
    return state | {"day_counters": await rows(database, "SELECT * FROM day_counters ORDER BY 1")}


_ORPHANS = """
SELECT 'history' AS orphan FROM history WHERE NOT EXISTS (SELECT FROM leads WHERE leads.id = lead_id)
UNION ALL SELECT 'inquiry' FROM inquiries WHERE NOT EXISTS (SELECT FROM leads WHERE leads.id = lead_id)
UNION ALL SELECT 'identity' FROM identities WHERE NOT EXISTS (SELECT FROM people WHERE people.id = person_id)
"""


async def assert_sound(database: Database, sent: Sequence[InquiryReceived]) -> None:
    """Every inquiry has one effect, every open person one lead, every day the numbers 1..n, every claim an answer."""
    keys = {one.dedupe_key for one in sent}
    claims = await rows(database, "SELECT * FROM claims")
    assert keys == {claim["dedupe_key"] for claim in claims}
    assert all(claim["outcome"] and claim["lead_id"] for claim in claims)
    inquiries = await rows(database, "SELECT receipt_id FROM inquiries")
    assert sorted({one.receipt_id for one in sent}) == sorted(row["receipt_id"] for row in inquiries)
    leads = await rows(database, "SELECT * FROM leads ORDER BY business_date, serial")
    new = [claim["lead_id"] for claim in claims if claim["outcome"] == "new"]
    assert sorted(lead["id"] for lead in leads) == sorted(new)
    open_people = [lead["person_id"] for lead in leads if lead["status"] != 3 and not lead["deleted_at"]]
    assert len(set(open_people)) == len(open_people)
    assert [] == await rows(database, _ORPHANS)
    await _assert_numbers(database, leads)
    await _assert_announced(database, leads, sent)
    await _assert_history_folds(database, leads)


async def _assert_numbers(database: Database, leads: Sequence[dict[str, Any]]) -> None:
    days: dict[date, list[int]] = {}
    for lead in leads:
        days.setdefault(lead["business_date"], []).append(lead["serial"])
        assert lead_number(lead["business_date"], lead["serial"]) == lead["number"]
    assert {day: list(range(1, len(serials) + 1)) for day, serials in days.items()} == days
    counters = await rows(database, "SELECT * FROM day_counters")
    assert {day: len(serials) for day, serials in days.items()} == {
        row["business_date"]: row["last_serial"] for row in counters
    }


async def _assert_announced(
    database: Database, leads: Sequence[dict[str, Any]], sent: Sequence[InquiryReceived]
) -> None:
    events = await published(database, "leads.events.v1")
    created = {event["lead_id"]: event["number"] for event in events if event["type"] == "lead.created.v1"}
    assert {lead["id"]: lead["number"] for lead in leads} == created
    settled = await published(database, "leads.settlements.v1")
    assert {str(one.receipt_id) for one in sent} == {event["receipt_id"] for event in settled}
    numbers = {lead["id"]: lead["number"] for lead in leads}
    assert all(numbers[event["lead_id"]] == event["lead_number"] for event in settled)


_FOLDED = (
    "status", "source", "first_name", "last_name", "phone", "email", "language", "is_ready", "is_repeat",
    "repeat_of_id", "assigned_id", "outcome",
)  # fmt: skip


async def _assert_history_folds(database: Database, leads: Sequence[dict[str, Any]]) -> None:
    """Each line of history is one version, continues the one before, and all of them give the present lead."""
    folded: dict[int, dict[str, Any]] = {lead["id"]: {} for lead in leads}
    lines = dict.fromkeys(folded, 0)
    for line in await rows(database, "SELECT lead_id, changes FROM history ORDER BY id"):
        lines[line["lead_id"]] += 1
        for name, change in line["changes"].items():
            assert change["from"] == folded[line["lead_id"]].get(name)
            folded[line["lead_id"]][name] = change["to"]
    for lead in leads:
        assert {name: lead[name] for name in _FOLDED if lead[name] is not None} == {
            name: value for name, value in folded[lead["id"]].items() if name in _FOLDED and value is not None
        }
        assert lines[lead["id"]] == lead["version"]


def decision(lead_id: int, number: int, member_id: int = 7, **fields: Any) -> AssignmentDecided:
    """A decision of assignment; the same lead and number are the same decision."""
    event_id = uuid5(_NAMES, f"decision {lead_id}/{number}")
    return AssignmentDecided(
        event_id=event_id,
        occurred_at=NOON,
        correlation_id=event_id,
        **{
            "decision_id": lead_id * 1000 + number,
            "decision_number": number,
            "lead_id": lead_id,
            "member_id": member_id,
            **fields,
        },
    )
