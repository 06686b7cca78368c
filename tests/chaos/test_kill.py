"""SIGKILL to everything at once, under load, as often as LEADLINE_CHAOS_ROUNDS says: nothing is lost or doubled."""

import asyncio
import os
import random
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from shared.kit.database import Connection
from tests.chaos.checker import Evidence, breaches, connect
from tests.chaos.journal import FORM, Traffic
from tests.support.system import System
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("chaos")

# A kill can cut off as many mails as are sent at once, of which nobody knows whether they arrived.
UNSURE = 2 * 4
ROUNDS = int(os.environ.get("LEADLINE_CHAOS_ROUNDS", "1"))


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    """A running system with one salesperson who is soon full and two who never are."""
    system = System(tmp_path / "data")
    try:
        await system.start()
        await furnish(system)
        yield system
    finally:
        await system.stop()


async def furnish(system: System) -> None:
    """Make a team and a form."""
    form = {"form_key": FORM, "name": "Chaos", "default_region": "DE", "allowed_origins": []}
    answer = await system.ask("intake", "POST", "/rest/forms", json=form)
    assert 201 == answer.status_code, answer.text
    for name, capacity in (("Ada", 15), ("Bo", 100_000), ("Cai", 100_000)):
        member = {
            "name": name,
            "email": f"{name.lower()}@leadline.example",
            "role": "salesperson",
            "capacity": capacity,
        }
        answer = await system.ask("assignment", "POST", "/rest/team", json={**member, "time_zone": "Europe/Berlin"})
        assert 201 == answer.status_code, answer.text


# What is still on its way, for each service.
WAITING = {
    "intake": "SELECT count(*) FROM receipts WHERE state IN ('received', 'fetching', 'published')",
    "leads": "SELECT count(*) FROM leads WHERE assigned_id IS NULL",
    "assignment": "SELECT count(*) FROM leads WHERE owner_number < decision_number",
    "notifier": "SELECT count(*) FROM notifications WHERE state IN ('waiting', 'sending')",
}


async def everything_arrived(system: System, databases: dict[str, Connection]) -> bool:
    """Whether everything that was acknowledged has gone its whole way; says what has not."""
    waiting = {name: await databases[name].fetchval(query) for name, query in WAITING.items()}
    for name, connection in databases.items():
        waiting[f"{name}'s outbox"] = await connection.fetchval(
            "SELECT count(*) FROM outbox WHERE published_at IS NULL"
        )
    applied = await databases["leads"].fetchval("SELECT count(*) FROM assignment_answers WHERE is_applied")
    waiting["untold"] = applied - await databases["notifier"].fetchval("SELECT count(*) FROM notifications")
    await asyncio.sleep(0.2)
    assert not any(waiting.values()), f"on their way: {waiting}"
    return await system.settled()


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_sigkill_under_load_loses_and_doubles_nothing(system: System, seed: int) -> None:
    """Every acknowledged message has exactly one outcome, and the day's numbers are 1..n."""
    choose = random.Random(os.urandom(8))

    async def kill_twice() -> None:
        for _ in range(2):
            await asyncio.sleep(choose.uniform(0.8, 2.5))
            await system.kill()
            await system.start()

    await survive(system, kill_twice, seed)


async def test_a_broker_that_lost_its_log_loses_nothing(system: System) -> None:
    """After SIGKILL the broker comes back formatted anew: what was on its way in it arrives all the same."""

    async def wipe() -> None:
        await asyncio.sleep(2)
        await system.kill()
        shutil.rmtree(system.data / "kafka")
        await system.start()

    await survive(system, wipe, seed=500)


async def survive(system: System, disturb: Callable[[], Awaitable[None]], seed: int) -> None:
    """Write while the system is disturbed, wait until everything has arrived, and check everything."""
    traffic = Traffic(system, people=150, seed=seed)
    stop = asyncio.Event()
    writing = asyncio.create_task(traffic.run(stop))
    await disturb()
    await asyncio.sleep(1)
    stop.set()
    await writing
    await traffic.repeat_unacknowledged()

    async with AsyncExitStack() as stack:
        databases = await connect(stack, system.settings)
        await eventually(lambda: everything_arrived(system, databases), within=90)
        evidence = Evidence(traffic.journal, databases, system.settings["CONSOLE_MAIL_FOLDER"], unsure=UNSURE)
        assert {} == await breaches(evidence)
        assert len(traffic.journal.acknowledged) > 100
        await _seeded_bugs_are_caught(evidence)


# What each seeded bug breaks, and in which database it is seeded.
SEEDED = {
    "every_acknowledged_message_has_one_receipt": (
        "intake",
        "DELETE FROM receipt_bodies WHERE ctid = (SELECT min(ctid) FROM receipt_bodies)",
    ),
    "every_receipt_has_one_outcome": (
        "intake",
        "UPDATE receipts SET state = 'published', outcome = NULL WHERE id = (SELECT min(id) FROM receipts)",
    ),
    "receipts_and_claims_agree": ("leads", "DELETE FROM claims WHERE ctid = (SELECT min(ctid) FROM claims)"),
    "every_message_is_kept_once_with_its_sender": (
        "leads",
        "DELETE FROM inquiries WHERE id = (SELECT min(id) FROM inquiries)",
    ),
    "numbers_have_no_gap": (
        "leads",
        "UPDATE leads SET serial = serial + 100000 WHERE id = (SELECT min(id) FROM leads)",
    ),
    "nothing_points_at_nothing": (
        "leads",
        "UPDATE identities SET person_id = -1 WHERE id = (SELECT min(id) FROM identities)",
    ),
    "a_person_has_one_open_lead": (
        "leads",
        "DROP INDEX {open_lead_index}; UPDATE leads SET person_id = (SELECT min(person_id) FROM leads)",
    ),
    "every_open_lead_is_owned_or_queued": (
        "leads",
        "UPDATE leads SET assigned_id = NULL WHERE id = (SELECT min(id) FROM leads)",
    ),
    "nobody_is_over_capacity": ("assignment", "UPDATE members SET capacity = 0"),
    "history_folds_to_the_present": ("leads", "UPDATE leads SET status = 2 WHERE id = (SELECT min(id) FROM leads)"),
    "every_assignment_is_told_at_most_once": (
        "notifier",
        "DELETE FROM notifications WHERE id = (SELECT id FROM notifications LIMIT 1)",
    ),
    "nothing_is_left_over": ("leads", "INSERT INTO consumer_stops (consumer, reason) VALUES ('seeded', 'seeded')"),
}


async def _seeded_bugs_are_caught(evidence: Evidence) -> None:
    """The checker itself is checked: each breach, made by hand in a transaction that is rolled back, is named."""
    leads = evidence.databases["leads"]
    index = await leads.fetchval(
        "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'leads'::regclass AND indisunique"
        " AND indpred IS NOT NULL AND pg_get_indexdef(indexrelid) LIKE '%(person_id)%'"
    )
    for check, (database, statement) in SEEDED.items():
        connection = evidence.databases[database]
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(statement.format(open_lead_index=index))
        found = await breaches(evidence)
        await transaction.rollback()
        assert check in found, f"{statement} was not noticed; found {list(found)}"
