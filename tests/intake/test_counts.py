"""The kept counts of the equation: equal to counting all receipts, whatever happens to these at once."""

import asyncio
import random
from uuid import UUID

from services.intake.domain.items import make_item
from services.intake.schedules import EquationGauge
from services.intake.storage import receipts
from services.intake.storage.counts import fold_counts
from services.intake.storage.receipt_writer import ReceiptWriter
from services.intake.use_cases.receive_delivery import Stamp
from services.intake.use_cases.replay_receipts import replay_receipts
from services.intake.use_cases.settle_receipts import settle_receipts
from services.intake.use_cases.summarise_receipts import summarise_receipts
from services.intake.wiring import MIGRATIONS
from shared.contracts.words import Channel, SettlementOutcome
from shared.kit import migrations
from shared.kit.database import Connection, Database
from shared.kit.relay import Positions, Published
from tests.intake.test_relay_source import settlement

# Both sides in one statement, so that they are of one snapshot.
_DIFFERENCES = """
    SELECT count(*) FROM (
        SELECT coalesce(outcome, state) AS term, count(*) AS count FROM receipts GROUP BY 1
    ) AS counted FULL JOIN (
        SELECT term, sum(change) AS count FROM receipt_counts GROUP BY 1 HAVING sum(change) <> 0
    ) AS kept USING (term)
    WHERE counted.count IS DISTINCT FROM kept.count
"""


async def differences(database: Database) -> int:
    """How many terms are not what a full count says, at this moment."""
    async with database.connection() as connection:
        return int(await connection.fetchval(_DIFFERENCES))


async def write(database: Database, stamp: Stamp, first: int, last: int) -> None:
    """Receive items of these numbers; every tenth is broken."""
    items = [
        make_item(Channel.WHATSAPP, "1", "text", (str(n),), {}, None if n % 10 else "broken")
        for n in range(first, last)
    ]
    await ReceiptWriter(database).write(stamp.receipts(items))


class Storm:
    """Changes of any receipts in any order, as relay, consumer, sweep and operators make them."""

    def __init__(self, database: Database, ids: dict[int, UUID]) -> None:
        self.database = database
        self.ids = ids
        self.chance = random.Random(7)
        self.is_over = False
        self.watched = 0

    def some(self) -> list[int]:
        """A few receipts."""
        return self.chance.sample(sorted(self.ids), 40)

    async def change(self, turn: int) -> None:
        """One transaction of one kind after the other."""
        kinds = (self.mark, self.settle, self.put_away, self.replay, receipts.unsend_unsettled)
        async with self.database.transaction() as connection:
            await kinds[turn % len(kinds)](connection)

    async def mark(self, connection: Connection) -> None:
        """Publish."""
        sent = [Published(n, "t", 0, n) for n in self.some()]
        await receipts.mark_published(connection, sent, Positions.of(sent, "cluster"))

    async def settle(self, connection: Connection) -> None:
        """Settle or reject."""
        outcomes = list(SettlementOutcome)
        given = [settlement(self.ids[n], self.chance.choice(outcomes), reason="odd") for n in self.some()]
        await settle_receipts(connection, given)

    async def put_away(self, connection: Connection) -> None:
        """Ignore or quarantine."""
        state = self.chance.choice(["ignored", "quarantined"])
        await receipts.put_away(connection, state, dict.fromkeys(self.some(), "x"))

    async def replay(self, connection: Connection) -> None:
        """Replay."""
        await replay_receipts(connection, state="quarantined", limit=20)

    async def give_up(self) -> None:
        """Change much, and roll back."""
        async with self.database.connection() as connection:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute("DELETE FROM receipts WHERE id = $1", self.some()[0])
            await transaction.rollback()

    async def watch(self) -> None:
        """Compare without end."""
        while not self.is_over:
            assert 0 == await differences(self.database)
            self.watched += 1

    async def fold(self) -> None:
        """Fold without end."""
        while not self.is_over:
            async with self.database.connection() as connection:
                await fold_counts(connection)


async def test_counts_equal_a_full_count_while_everything_happens_at_once(database: Database, stamp: Stamp) -> None:
    """Arrivals, repetitions, settlements, rejections, replays, sweeps and rollbacks leave every snapshot exact."""
    await write(database, stamp, 0, 200)
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT id, receipt_id FROM receipts ORDER BY id")
    storm = Storm(database, {row["id"]: row["receipt_id"] for row in rows})
    others = [asyncio.create_task(job) for job in (storm.watch(), storm.fold(), storm.fold())]
    for turn in range(60):
        arriving = write(database, stamp, turn * 8, turn * 8 + 30)
        await asyncio.gather(arriving, storm.give_up(), *(storm.change(turn * 3 + n) for n in range(3)))
    storm.is_over = True
    await asyncio.gather(*others)
    assert storm.watched > 10
    async with database.connection() as connection:
        await connection.execute("DELETE FROM receipts WHERE id % 3 = 0")
        summary = await summarise_receipts(connection)
        assert summary.received == await connection.fetchval("SELECT count(*) FROM receipts")
    assert 0 == await differences(database)


async def test_counts_are_folded_and_stay_the_same(database: Database, stamp: Stamp) -> None:
    """Time makes a few rows of many, and changes no sum."""
    for n in range(20):
        await write(database, stamp, n * 5, n * 5 + 5)
    async with database.connection() as connection:
        before = await summarise_receipts(connection)
        assert 20 < await connection.fetchval("SELECT count(*) FROM receipt_counts")
    await EquationGauge(database).tick()
    async with database.connection() as connection:
        assert 2 == await connection.fetchval("SELECT count(*) FROM receipt_counts")
        assert before == await summarise_receipts(connection)
    assert (100, 10) == (before.received, before.quarantined)


async def test_receipts_from_before_the_counts_are_counted(database_url: str, stamp: Stamp) -> None:
    """The migration starts with what is there."""
    await migrations.upgrade(database_url, MIGRATIONS, "0001")
    database = Database(database_url)
    await database.open()
    try:
        await write(database, stamp, 0, 30)
        async with database.transaction() as connection:
            await connection.execute("UPDATE receipts SET state = 'settled', outcome = 'new' WHERE id = 2")
        await migrations.upgrade(database_url, MIGRATIONS)
        await write(database, stamp, 30, 40)
        assert 0 == await differences(database)
        async with database.connection() as connection:
            summary = await summarise_receipts(connection)
        assert (40, 1, 4) == (summary.received, summary.new, summary.quarantined)
    finally:
        await database.close()
