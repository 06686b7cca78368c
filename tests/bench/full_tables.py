"""Databases as they are after years: a million leads with what belongs to them, made by set-based SQL in a minute.

Most leads are closed and a tenth is open, everything is published and settled, a thousand leads a day. The people are
others than those of the bench's inquiries, so that the same inquiries do the same on full tables as on empty ones: what
differs is how large the tables and their indexes are.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import asyncpg

MILLION: Final = 1_000_000


async def fill_leads(url: str, leads: int = MILLION) -> None:
    """Fill an empty database of leads: one person each, five lines of history, and 1.15 inquiries with their claims."""
    await _fill(url, leads, [_PEOPLE, _LEADS], [_HISTORY], [_INQUIRIES, _CLAIMS, _OUTBOX])
    await _finish(url, [_NEXT_IDS])


async def fill_intake(url: str, receipts: int = MILLION) -> None:
    """Fill an empty database of intake with settled receipts and their bodies; the equation counts them."""
    await _fill(url, receipts, [_RECEIPTS, _RECEIPT_BODIES])
    await _finish(url)


async def fill_assignment(url: str, leads: int = MILLION) -> None:
    """Fill a database of assignment with leads that somebody who left has closed, and a decision for each."""
    await _fill(url, leads, [_FORMER_MEMBER, _ASSIGNED_LEADS, _DECISIONS])
    await _finish(url)


async def _fill(url: str, count: int, *groups: Sequence[str]) -> None:
    """Run each group's statements in their order, the groups beside each other; `$1` is the amount."""

    async def run(statements: Sequence[str]) -> None:
        connection = await asyncpg.connect(url)
        try:
            # Rows that a statement makes itself need no foreign key to be looked up, a million times.
            await connection.execute("SET session_replication_role = replica")
            for statement in statements:
                await connection.execute(statement.replace("$1", str(count)))
        finally:
            await connection.close()

    await asyncio.gather(*(run(group) for group in groups))


async def _finish(url: str, statements: Sequence[str] = ()) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


_PEOPLE: Final = """
INSERT INTO people (id, first_name, last_name, created_at, updated_at)
SELECT n, 'Ada', 'Soler', '2023-01-01', '2023-01-01' FROM generate_series(1, $1) AS n;
INSERT INTO identities (kind, scope, match_key, value, evidence, person_id, first_seen_at, last_seen_at)
SELECT 'phone', '', '4930' || n, '+4930' || n, 'verified', n, '2023-01-01', '2023-01-01'
FROM generate_series(1, $1) AS n;
INSERT INTO identities (kind, scope, match_key, value, evidence, person_id, first_seen_at, last_seen_at)
SELECT 'email', '', n || '@example.org', n || '@example.org', 'stated', n, '2023-01-01', '2023-01-01'
FROM generate_series(1, $1, 5) AS n
"""

_LEADS: Final = """
INSERT INTO leads (
    id, lead_uuid, number, business_date, serial, person_id, first_name, last_name, phone, phone_key, email, email_key,
    language, status, assigned_id, decision_number, source, channel, account, thread, is_ready, is_repeat, outcome,
    version, created_at, updated_at, closed_at
)
SELECT
    n, uuidv7(), 'LEAD-' || to_char(day, 'YYYYMMDD') || '-' || to_char(serial, 'FM9000'), day, serial, n, 'Ada',
    'Soler', '+4930' || n, '4930' || n, n || '@example.org', n || '@example.org', 'es',
    CASE WHEN is_open THEN 2 ELSE 3 END, n % 20 + 1, 1, 'form', 'form', 'summer', md5('thread' || n), true, false,
    CASE WHEN is_open THEN NULL WHEN n % 3 = 0 THEN 'won' ELSE 'lost' END, 5, day + n % 1000 * interval '1 minute',
    day + interval '7 days', CASE WHEN is_open THEN NULL ELSE day + interval '7 days' END
FROM generate_series(1, $1) AS n
CROSS JOIN LATERAL (
    SELECT '2023-01-01'::date + ((n - 1) / 1000)::int AS day, (n - 1) % 1000 + 1 AS serial, n % 10 = 0 AS is_open
) AS facts;
INSERT INTO day_counters (business_date, last_serial)
SELECT business_date, max(serial) FROM leads GROUP BY business_date
"""

_HISTORY: Final = """
INSERT INTO history (lead_id, type, text, actor, occurred_at, changes)
SELECT
    n, 1, 'Status changed from New to In Progress', 'member:' || n % 20 + 1,
    '2023-01-01'::timestamptz + n * interval '1 minute', '{"status": {"from": 1, "to": 2}}'
FROM generate_series(1, 5) AS line, generate_series(1, $1) AS n
"""

_INQUIRIES: Final = """
INSERT INTO inquiries (
    lead_id, receipt_id, channel, account, kind, thread, received_at, sent_at, sender, text, content, attribution
)
SELECT
    (n - 1) % $1 + 1, uuidv7(), 'form', 'summer', 'form', md5('thread' || n), '2023-01-01', '2023-01-01',
    '{"first_name": "Ada", "last_name": "Soler"}', 'Two for the lagoon on Saturday, please.', '{}',
    '{"utm_source": "newsletter"}'
FROM generate_series(1, $1 * 115 / 100) AS n
"""

_CLAIMS: Final = """
INSERT INTO claims (dedupe_key, receipt_id, outcome, lead_id, claimed_at)
SELECT
    md5('inquiry' || n), uuidv7(), CASE WHEN n > $1 THEN 'repeat' ELSE 'new' END, (n - 1) % $1 + 1, '2023-01-01'
FROM generate_series(1, $1 * 115 / 100) AS n
"""

_OUTBOX: Final = """
INSERT INTO outbox (topic, key, type, body, created_at, published_at)
SELECT
    'leads.events.v1', n::text, 'lead.changed.v1', convert_to('{"lead_id": ' || n || repeat(' ', 250) || '}', 'UTF8'),
    now() - interval '1 day', now() - interval '1 day'
FROM generate_series(1, $1) AS n
"""

_NEXT_IDS: Final = """
SELECT setval('people_id_seq', (SELECT max(id) FROM people)), setval('leads_id_seq', (SELECT max(id) FROM leads))
"""

_RECEIPTS: Final = """
SET session_replication_role = DEFAULT;
INSERT INTO receipts (
    receipt_id, dedupe_key, channel, account, kind, state, outcome, received_at, business_date, lead_id, lead_number,
    partition, "offset", attempts, published_at, settled_at
)
SELECT
    uuidv7(), md5('receipt' || n), 'whatsapp', '106540352242922', 'message', 'settled',
    CASE WHEN n % 100 < 15 THEN 'repeat' ELSE 'new' END, '2023-01-01'::timestamptz + n * interval '1 minute',
    '2023-01-01'::date + n / 1440, n, 'LEAD-20230101-' || n, n % 6, n, 1, '2023-01-01', '2023-01-01'
FROM generate_series(1, $1) AS n;
SET session_replication_role = replica
"""

_RECEIPT_BODIES: Final = """
INSERT INTO receipt_bodies (id, body)
SELECT id, convert_to('{"message": "' || repeat(md5(id::text), 12) || '"}', 'UTF8') FROM receipts
"""

_FORMER_MEMBER: Final = """
INSERT INTO members (name, email, role, capacity, time_zone, working_hours, is_active, version, created_at, updated_at)
VALUES ('Former', 'former@example.org', 'salesperson', 30, 'UTC', '[]', false, 1, '2023-01-01', '2023-01-01');
INSERT INTO workloads (member_id, open_leads, won, lost, turn)
SELECT id, 0, $1 / 3, $1 - $1 / 3, 0 FROM members WHERE email = 'former@example.org'
"""

_ASSIGNED_LEADS: Final = """
INSERT INTO leads (
    lead_id, stage, source, language, ready_at, decision_number, chosen_id, owner_number, owner_id, settled_at, held_by,
    refusals, handovers, status_version, outcome, credited_id
)
SELECT
    n, 'closed', 'form', 'es', '2023-01-01', 1, id, 1, id, '2023-01-01', '{}', 0, 0, 5,
    CASE WHEN n % 3 = 0 THEN 'won' ELSE 'lost' END, id
FROM generate_series(1, $1) AS n, members WHERE email = 'former@example.org'
"""

_DECISIONS: Final = """
INSERT INTO decisions (lead_id, decision_number, chosen_member_id, weighing_ids, policy_version, is_manual, decided_at)
SELECT n, 1, id, ARRAY[n * 2 % 1000], 1, false, '2023-01-01'
FROM generate_series(1, $1) AS n, members WHERE email = 'former@example.org'
"""
