"""The way of a CRM on Laravel and its kin: a queue worker per connection, one transaction per message.

`SELECT … FOR UPDATE` on the day's counter comes first: beside the number it keeps two messages of one new person from
becoming two leads. Then the message is looked up among those that were seen, its person by phone or mail, and the
rows are inserted one by one. Kinder than PHP: asyncpg with prepared statements and no framework in between. One
process with eight connections.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import orjson

from services.leads.domain.numbers import lead_number
from shared.contracts.inquiries import InquiryReceived
from shared.contracts.words import Channel
from shared.kit.identifiers import new_id
from shared.kit.records import Record
from tests.bench.baselines.bodies import LeadState, OutboxLine, attached, contact_fields, opened, opening_changes

CONNECTIONS: Final = 8
_TAKE_SERIAL: Final = """
INSERT INTO day_counters AS counter (business_date, last_serial) VALUES ($1, 1)
ON CONFLICT (business_date) DO UPDATE SET last_serial = counter.last_serial + 1 RETURNING last_serial
"""


async def register(url: str, records: Sequence[Record], connections: int = CONNECTIONS) -> None:
    """Register messages, each in a transaction of its own."""
    waiting = iter(records)

    async def work(pool: Any) -> None:
        async with pool.acquire() as connection:
            for record in waiting:
                inquiry = InquiryReceived.model_validate_json(record.body)
                async with connection.transaction():
                    await register_one(connection, inquiry)

    async with asyncpg.create_pool(url, min_size=connections, max_size=connections) as pool:
        await asyncio.gather(*(work(pool) for _ in range(connections)))


async def register_one(connection: Any, inquiry: InquiryReceived) -> list[OutboxLine]:
    """Register a message in the caller's transaction; the lines that it added to the outbox."""
    return await write_one(connection, inquiry, await _lock_counter(connection, inquiry))


async def write_one(connection: Any, inquiry: InquiryReceived, last_serial: int | None = None) -> list[OutboxLine]:
    """The same once the day's last serial is locked; without it a lead takes its own when it is opened."""
    seen = "SELECT 1 FROM claims WHERE dedupe_key = $1"
    if await connection.fetchval(seen, inquiry.dedupe_key):
        return []
    now = datetime.now(UTC)
    person_id = await _find_person(connection, inquiry, now)
    lead = None
    if person_id is None:
        person_id = await _add_person(connection, inquiry, now)
    else:
        lead = await connection.fetchrow(
            """
            SELECT id, lead_uuid, number, version, is_repeat FROM leads
            WHERE person_id = $1 AND status <> 3 AND deleted_at IS NULL FOR UPDATE
            """,
            person_id,
        )
    if lead is None:
        lead_id, lines = await _open(connection, inquiry, person_id, last_serial, now)
        outcome = "new"
    else:
        lead_id, lines = lead["id"], await _attach(connection, inquiry, lead, now)
        outcome = "repeat"
    await _add_inquiry(connection, inquiry, lead_id)
    stored = [await add_line(connection, line) for line in lines]
    await connection.execute(
        "INSERT INTO claims (dedupe_key, receipt_id, outcome, lead_id, claimed_at) VALUES ($1, $2, $3, $4, $5)",
        inquiry.dedupe_key,
        inquiry.receipt_id,
        outcome,
        lead_id,
        now,
    )
    return stored


async def add_line(connection: Any, line: OutboxLine) -> OutboxLine:
    """Insert a row into the outbox."""
    query = "INSERT INTO outbox (topic, key, type, body) VALUES ($1, $2, $3, $4) RETURNING id"
    return line._replace(id=await connection.fetchval(query, *line[:4]))


async def _find_person(connection: Any, inquiry: InquiryReceived, now: datetime) -> int | None:
    for identity in inquiry.sender.identities:
        person_id: int | None = await connection.fetchval(
            """
            UPDATE identities SET last_seen_at = $4 WHERE kind = $1 AND scope = $2 AND match_key = $3
            RETURNING person_id
            """,
            identity.kind,
            identity.scope,
            identity.match_key,
            now,
        )
        if person_id is not None:
            return person_id
    return None


async def _add_person(connection: Any, inquiry: InquiryReceived, now: datetime) -> int:
    sender = inquiry.sender
    person_id: int = await connection.fetchval(
        """
        INSERT INTO people (first_name, last_name, profile_name, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $4) RETURNING id
        """,
        sender.first_name,
        sender.last_name,
        sender.profile_name,
        now,
    )
    for identity in sender.identities:
        await connection.execute(
            """
            INSERT INTO identities
                (kind, scope, match_key, value, evidence, person_id, first_seen_at, last_seen_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
            """,
            identity.kind,
            identity.scope,
            identity.match_key,
            identity.value,
            identity.evidence,
            person_id,
            now,
        )
    return person_id


async def _open(
    connection: Any, inquiry: InquiryReceived, person_id: int, last_serial: int | None, now: datetime
) -> tuple[int, list[OutboxLine]]:
    if last_serial is None:
        serial = await connection.fetchval(_TAKE_SERIAL, inquiry.business_date)
    else:
        serial = last_serial + 1
        await connection.execute(
            "UPDATE day_counters SET last_serial = $2 WHERE business_date = $1", inquiry.business_date, serial
        )
    number, lead_uuid = lead_number(inquiry.business_date, serial), inquiry.lead_uuid or new_id()
    contact = contact_fields(inquiry)
    lead_id: int = await connection.fetchval(
        """
        INSERT INTO leads (
            lead_uuid, number, business_date, serial, person_id, source, channel, account, thread, is_ready, is_repeat,
            created_at, updated_at, hand_over_at, language, first_name, last_name, phone, phone_key, email, email_key
        ) VALUES (
            $1, $2, $3, $4, $5, $6, $6, $7, $8, true, false, $9, $10::timestamptz, $10 + interval '1 minute', $11, $12,
            $13, $14, $15, $16, $17
        ) RETURNING id
        """,
        lead_uuid,
        number,
        inquiry.business_date,
        serial,
        person_id,
        inquiry.channel,
        inquiry.account,
        inquiry.thread,
        inquiry.received_at,
        now,
        inquiry.sender.language,
        *contact.values(),
    )
    text = f"Opened by an inquiry on {inquiry.channel}"
    await _add_history(connection, lead_id, text, opening_changes(inquiry, contact), now)
    return lead_id, opened(LeadState(lead_id, lead_uuid, number, 1), inquiry)


async def _lock_counter(connection: Any, inquiry: InquiryReceived) -> int:
    query = "SELECT last_serial FROM day_counters WHERE business_date = $1 FOR UPDATE"
    last: int | None = await connection.fetchval(query, inquiry.business_date)
    if last is None:
        # The first message of a day.
        first = "INSERT INTO day_counters (business_date, last_serial) VALUES ($1, 0) ON CONFLICT DO NOTHING"
        await connection.execute(first, inquiry.business_date)
        last = await connection.fetchval(query, inquiry.business_date)
    assert last is not None
    return last


async def _attach(connection: Any, inquiry: InquiryReceived, lead: Any, now: datetime) -> list[OutboxLine]:
    is_repeat = inquiry.channel is Channel.FORM
    changes = {"is_repeat": {"from": False, "to": True}} if is_repeat and not lead["is_repeat"] else {}
    await connection.execute(
        "UPDATE leads SET version = version + 1, is_repeat = is_repeat OR $2, updated_at = $3 WHERE id = $1",
        lead["id"],
        is_repeat,
        now,
    )
    text = f"{'Repeat inquiry' if is_repeat else 'Further message'} on {inquiry.channel}"
    await _add_history(connection, lead["id"], text, changes, now)
    if inquiry.lead_uuid:
        await connection.execute(
            "INSERT INTO lead_aliases (lead_uuid, lead_id, created_at) VALUES ($1, $2, $3)",
            inquiry.lead_uuid,
            lead["id"],
            now,
        )
    state = LeadState(lead["id"], lead["lead_uuid"], lead["number"], lead["version"] + 1)
    return attached(state, inquiry, sorted(changes))


async def _add_history(connection: Any, lead_id: int, text: str, changes: dict[str, Any], now: datetime) -> None:
    await connection.execute(
        """
        INSERT INTO history (lead_id, type, text, actor, occurred_at, changes) VALUES ($1, 1, $2, 'system', $3, $4)
        """,
        lead_id,
        text,
        now,
        orjson.dumps(changes).decode(),
    )


async def _add_inquiry(connection: Any, inquiry: InquiryReceived, lead_id: int) -> None:
    await connection.execute(
        """
        INSERT INTO inquiries (
            lead_id, receipt_id, channel, account, kind, thread, received_at, sent_at, text, sender, content,
            attribution
        ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """,
        lead_id,
        inquiry.receipt_id,
        inquiry.channel,
        inquiry.account,
        inquiry.kind,
        inquiry.thread,
        inquiry.received_at,
        inquiry.sent_at,
        inquiry.text,
        inquiry.sender.model_dump_json(exclude_defaults=True),
        orjson.dumps(inquiry.content).decode(),
        orjson.dumps(inquiry.attribution).decode(),
    )
