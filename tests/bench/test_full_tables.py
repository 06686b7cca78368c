"""The databases that the bench fills are such as the services could have left."""

from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from deploy.prepare import wiring
from services.intake.storage.counts import count_by_outcome
from shared.kit.migrations import upgrade
from tests.bench.full_tables import fill_assignment, fill_intake, fill_leads
from tests.bench.inquiries import Source
from tests.bench.measurements.registration import check_rows, register_as_leads
from tests.support.databases import Databases


async def made(databases: Databases, service: str, fill: Callable[[str, int], Awaitable[None]], amount: int) -> str:
    """A migrated and filled database of a service."""
    url = await databases.empty()
    await upgrade(url, wiring(service).MIGRATIONS)
    await fill(url, amount)
    return url


async def test_full_leads_take_further_inquiries(databases: Databases) -> None:
    """Registration goes on where the fill stopped, with the same rows as on empty tables."""
    url = await made(databases, "leads", fill_leads, 2000)
    source = Source()
    await register_as_leads(url, source.records(60))
    await check_rows(url, source)
    await databases.drop(url)


async def test_full_intake_balances(databases: Databases) -> None:
    """The counts of the equation are those of the receipts."""
    url = await made(databases, "intake", fill_intake, 500)
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT outcome, count(*) FROM receipts GROUP BY outcome")
    assert {row["outcome"]: row["count"] for row in rows} == await count_by_outcome(connection)
    assert 500 == await connection.fetchval("SELECT count(*) FROM receipt_bodies JOIN receipts USING (id)")
    await connection.close()
    await databases.drop(url)


@pytest.mark.parametrize("table", ["leads", "decisions"])
async def test_full_assignment(databases: Databases, table: str) -> None:
    """Every lead has one decision, of a member who is no longer there."""
    url = await made(databases, "assignment", fill_assignment, 500)
    connection = await asyncpg.connect(url)
    assert 500 == await connection.fetchval(f"SELECT count(DISTINCT lead_id) FROM {table}")
    assert not await connection.fetchval("SELECT bool_or(is_active) FROM members")
    await connection.close()
    await databases.drop(url)
