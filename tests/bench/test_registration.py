"""The ways of registering that the bench compares do the same work."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from shared.contracts.inquiries import InquiryReceived
from tests.bench.baselines import per_lead_lock, per_lead_orm, pgbench
from tests.bench.inquiries import Source
from tests.bench.measurements.registration import Register, check_rows, register_as_leads
from tests.leads.conftest import migrate
from tests.support.databases import Databases

_WAYS: dict[str, Register] = {"lock": per_lead_lock.register, "orm": per_lead_orm.register}

_LEADS = """
SELECT lead.first_name, lead.last_name, lead.phone, lead.phone_key, lead.email, lead.email_key, lead.language,
    lead.status, lead.source, lead.channel, lead.account, lead.is_ready, lead.is_repeat, lead.version, lead.created_at,
    person.first_name AS stated_first_name, person.last_name AS stated_last_name, person.profile_name,
    (SELECT array_agg((kind, match_key, value, evidence)::text ORDER BY kind) FROM identities
        WHERE person_id = person.id) AS identities,
    (SELECT array_agg((receipt_id, kind, text, sender, content, attribution)::text ORDER BY receipt_id) FROM inquiries
        WHERE lead_id = lead.id) AS inquiries,
    (SELECT array_agg(changes ORDER BY id) FROM history WHERE lead_id = lead.id) AS history,
    (SELECT array_agg((dedupe_key, outcome)::text ORDER BY dedupe_key) FROM claims
        WHERE lead_id = lead.id) AS claims,
    (SELECT array_agg(type ORDER BY id) FROM outbox WHERE key = lead.id::text) AS events,
    (SELECT array_agg(lead_uuid ORDER BY lead_uuid) FROM lead_aliases WHERE lead_id = lead.id) AS aliases
FROM leads AS lead JOIN people AS person ON person.id = lead.person_id ORDER BY lead.phone
"""


@pytest.fixture
async def urls(databases: Databases) -> AsyncIterator[list[str]]:
    """Two migrated databases."""
    made = [await databases.from_template("leads", migrate) for _ in range(2)]
    yield made
    for url in made:
        await databases.drop(url)


async def leads_of(url: str) -> list[dict[str, Any]]:
    """Everything about the leads of a database but for ids and numbers, which depend on who came first."""
    connection = await asyncpg.connect(url)
    try:
        return [dict(row) for row in await connection.fetch(_LEADS)]
    finally:
        await connection.close()


def test_inquiries_are_what_the_contract_says() -> None:
    """What the bench sends is what intake would publish, none of it unknown or said in another way."""
    for record in Source().records(40):
        event = InquiryReceived.model_validate_json(record.body)
        published = orjson.loads(event.model_dump_json())
        assert published | orjson.loads(record.body) == published


@pytest.mark.parametrize("way", _WAYS)
async def test_a_baseline_registers_what_leads_registers(urls: list[str], way: str) -> None:
    """A baseline ends with the same people, leads, history, claims and events as the real thing."""
    ours, theirs = urls
    source = Source()
    records = source.records(60)
    await register_as_leads(ours, records)
    # One connection: with more, further messages of a new person may overtake each other.
    await _WAYS[way](theirs, records, connections=1)  # type: ignore[call-arg]
    assert await leads_of(ours) == await leads_of(theirs)
    await check_rows(ours, source)
    await check_rows(theirs, source)


@pytest.mark.parametrize("way", _WAYS)
async def test_a_baseline_loses_no_race(urls: list[str], way: str) -> None:
    """With all of its connections a baseline still gives each inquiry one effect and the numbers 1..n."""
    source = Source(seed=2)
    await _WAYS[way](urls[0], source.records(60))
    await check_rows(urls[0], source)


async def test_pgbench_inserts_leads(urls: list[str], tmp_path: Path) -> None:
    """pgbench commits rows of the real table, and says how fast."""
    await pgbench.prepare(urls[0])
    rate = await pgbench.rows_per_second(urls[0], tmp_path, seconds=1)
    connection = await asyncpg.connect(urls[0])
    try:
        rows = await connection.fetchval("SELECT count(*) FROM leads")
    finally:
        await connection.close()
    assert 0 < rate * 0.5 < rows < rate * 2
