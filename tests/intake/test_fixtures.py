"""Every shape that platforms send becomes what the table of expectations says, as pure functions and end to end."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from services.intake.domain.outcomes import Ignored, Inquiry, Quarantined
from services.intake.domain.splitting import SPLITTERS
from services.intake.storage import receipts
from services.intake.use_cases.publish_receipts import ReceiptSource
from services.intake.use_cases.receive_delivery import Stamp
from services.intake.use_cases.settle_receipts import settle_receipts
from services.leads.domain.hand_over import HandOverPolicy
from services.leads.storage.tables import metadata as leads_tables
from services.leads.use_cases.register_inquiries import register_inquiries
from shared.contracts.inquiries import decode_inquiry, decode_settlement
from shared.contracts.topics import SETTLEMENTS
from shared.kit.database import Database
from shared.kit.relay import Positions, Published
from tests.intake.expectations import EXPECTED, NEW, REPEAT, UPDATE
from tests.intake.fixture_files import fixtures, webhook_of
from tests.intake.reading import NOW, in_words, outcome_of
from tests.leads.conftest import migrate as migrate_leads
from tests.support.databases import Databases

FIXTURES = fixtures()


def test_every_fixture_has_an_expectation() -> None:
    """The table has a row for each fixture, and each row has a fixture."""
    assert set(FIXTURES) == set(EXPECTED)


@pytest.mark.parametrize("name", FIXTURES)
def test_items_become_what_is_expected(name: str) -> None:
    """Splitting and normalising alone decide what is an inquiry, what an update, and why the rest is neither."""
    items = {(*item.key, item.account): item for item in SPLITTERS[webhook_of(name)](FIXTURES[name])}
    outcomes = [outcome_of(item) for item in items.values()]
    assert len(EXPECTED[name]) == len(outcomes)
    for expected, outcome in zip(EXPECTED[name], outcomes, strict=True):
        if expected in (NEW, REPEAT):
            assert isinstance(outcome, Inquiry)
        elif expected == UPDATE:
            assert not isinstance(outcome, (Ignored, Quarantined))
        else:
            assert expected == in_words(outcome)


@dataclass(frozen=True)
class Pipeline:
    """intake's and leads' parts between a delivery and its settlements, on databases of their own, without a broker."""

    intake: Database
    leads: Database
    stamp: Stamp

    async def run(self, name: str) -> list[str]:
        """Deliver a fixture to an empty system, and say what became of each receipt."""
        written = self.stamp.receipts(SPLITTERS[webhook_of(name)](FIXTURES[name]))
        async with self.intake.transaction() as connection:
            await connection.execute("TRUNCATE receipts, receipt_bodies RESTART IDENTITY CASCADE")
            await receipts.add_receipts(connection, written)
        async with self.leads.transaction() as connection:
            await connection.execute(f"TRUNCATE {', '.join(leads_tables.tables)} RESTART IDENTITY")
        source = ReceiptSource(self.stamp, self.intake.committed)
        async with self.intake.connection() as connection:
            rows = list(await source.fetch(connection, 1000))
            sent = [Published(row.id, row.topic, 0, place) for place, row in enumerate(rows)]
            await source.mark(connection, sent, Positions.of(sent, "cluster"))
        events = [event for row in rows if (event := decode_inquiry(row.type, row.body))]
        assert len(rows) == len(events)
        async with self.leads.transaction() as connection:
            await register_inquiries(connection, events, NOW, HandOverPolicy())
            answers = await connection.fetch("SELECT type, body FROM outbox WHERE topic = $1", SETTLEMENTS.name)
        settled = [one for row in answers if (one := decode_settlement(row["type"], row["body"]))]
        async with self.intake.transaction() as connection:
            await settle_receipts(connection, settled)
            found = await connection.fetch("SELECT state, outcome, reason FROM receipts ORDER BY id")
        return [row["outcome"] or f"{row['state']}: {row['reason']}" for row in found]


@pytest.fixture
async def pipeline(database: Database, stamp: Stamp, databases: Databases) -> AsyncIterator[Pipeline]:
    """Both services' databases."""
    url = await databases.from_template("leads", migrate_leads)
    leads = Database(url)
    await leads.open()
    yield Pipeline(database, leads, stamp)
    await leads.close()
    await databases.drop(url)


async def test_receipts_end_as_expected(pipeline: Pipeline) -> None:
    """Through receipts, events and registration, each receipt ends with the outcome that the table states."""
    assert {name: await pipeline.run(name) for name in FIXTURES} == EXPECTED
