"""Many workers, few places: races for the last one, on the real database."""

import asyncio
import random

from services.assignment.domain.errors import CapacityFull, LeadNotOpen, LeadUnknown, MemberInactive
from services.assignment.storage.reading import get_decision
from services.assignment.use_cases.assign_by_hand import assign_by_hand
from services.assignment.use_cases.change_member import change_member
from services.assignment.use_cases.hand_over_again import hand_over_again
from services.assignment.use_cases.serve_queue import serve_queue
from shared.contracts.assignment import AssignmentDecided
from shared.kit.database import Database
from tests.assignment.books import add, apply, check_books, published, snapshot
from tests.assignment.makers import NOON, assigned, closed, ready


async def test_concurrent_workers_never_exceed_a_capacity(database: Database) -> None:
    """Sixty leads in twelve concurrent batches and five places: five decisions, the rest queued."""
    for name, capacity in (("Ana", 2), ("Ben", 2), ("Cem", 1)):
        await add(database, name, capacity=capacity)
    leads = [ready(number) for number in range(1, 61)]
    await asyncio.gather(*(apply(database, *leads[start : start + 5]) for start in range(0, 60, 5)))
    rows = (await snapshot(database))["leads"]
    assert {"decided": 5, "queued": 55} == {
        stage: sum(row["stage"] == stage for row in rows) for stage in ("decided", "queued")
    }
    await check_books(database)


async def test_the_same_lead_delivered_to_two_workers_is_decided_once(database: Database) -> None:
    """A rebalance may give one record to two workers at the same time."""
    await add(database, "Ana")
    batch = [ready(number) for number in range(1, 9)]
    await asyncio.gather(*(apply(database, *batch) for _ in range(6)))
    decided = [event.lead_id for event in await published(database) if isinstance(event, AssignmentDecided)]
    assert list(range(1, 9)) == sorted(decided)
    await check_books(database)


async def test_two_supervisors_at_once_each_get_their_own_decision(database: Database) -> None:
    """Whoever asks is told the decision that was made for them, though the other's comes right after it."""
    members = [await add(database, name) for name in ("Ana", "Ben", "Cem")]
    await apply(database, *(ready(number) for number in range(1, 6)))

    async def decide(lead_id: int, member_id: int) -> None:
        fulfilled = await assign_by_hand(
            database, NOON, lead_id=lead_id, member_id=member_id, decided_by=None, reason=None
        )
        async with database.session() as session:
            assert member_id == (await get_decision(session, lead_id, fulfilled.number)).chosen_member_id

    await asyncio.gather(*(decide(lead_id, member_id) for lead_id in range(1, 6) for member_id in members))
    await check_books(database)


async def test_everything_at_once_keeps_the_books_right(database: Database) -> None:
    """Workers, supervisors, admins and sweeps together: nobody is over capacity or waits beside a free place."""
    members = [await add(database, f"Member{number}", capacity=2) for number in range(4)]
    chance = random.Random(11)

    async def work(worker: int) -> None:
        mine = range(worker * 20 + 1, worker * 20 + 21)
        for lead_id in mine:
            await apply(database, ready(lead_id))
            await answer(database, lead_id, chance.random() < 0.7)

    async def supervise() -> None:
        for _ in range(40):
            try:
                await assign_by_hand(
                    database,
                    NOON,
                    lead_id=chance.randint(1, 80),
                    member_id=chance.choice(members),
                    decided_by=None,
                    reason=None,
                )
            except (CapacityFull, LeadUnknown, LeadNotOpen, MemberInactive):
                await asyncio.sleep(0)

    async def administer() -> None:
        for _ in range(20):
            changes = {"is_active": chance.random() < 0.5}
            await change_member(database, NOON, chance.choice(members), changes, None)
            await serve_queue(database, NOON)
            await hand_over_again(database, NOON)

    await asyncio.gather(*(work(worker) for worker in range(4)), supervise(), administer())
    for member_id in members:
        await change_member(database, NOON, member_id, {"is_active": True}, None)
    await check_books(database)
    rows = await snapshot(database)
    free = sum(2 - row["open_leads"] for row in rows["workloads"])
    assert free == 0 or not [row for row in rows["leads"] if row["stage"] == "queued"]


async def answer(database: Database, lead_id: int, is_closing: bool) -> None:
    """leads applies the last decision of a lead, and perhaps closes it."""
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT * FROM leads WHERE lead_id = $1", lead_id)
    if row is None or row["stage"] != "decided":
        return
    await apply(database, assigned(lead_id, row["decision_number"], row["chosen_id"]))
    if is_closing:
        await apply(database, closed(lead_id, by=row["chosen_id"]))
