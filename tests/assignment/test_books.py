"""The ledger in Postgres: what is written and told, batches, replays, queue and silence."""

import random
from datetime import timedelta
from typing import Any

from services.assignment.use_cases.assign_by_hand import assign_by_hand
from services.assignment.use_cases.change_member import change_member
from services.assignment.use_cases.hand_over_again import hand_over_again
from services.assignment.use_cases.serve_queue import serve_queue
from shared.contracts.assignment import AssignmentDecided, AssignmentQueued, AssignmentReleased, decode_member
from shared.contracts.leads import AnyLeadEvent, LeadInquiryAdded
from shared.contracts.words import Channel, LeadOutcome
from shared.kit.database import Database
from tests.assignment.books import add, apply, check_books, published, snapshot
from tests.assignment.makers import NOON, assigned, closed, deleted, ready, refused, shift
from tests.support.databases import Databases


async def test_a_decision_is_recorded_and_told_in_one_transaction(database: Database) -> None:
    """A ready lead has a decision row with every candidate, and an event that names it."""
    ana, ben = await add(database, "Ana"), await add(database, "Ben", capacity=0)
    await apply(database, ready(7))
    (event,) = await published(database)
    assert isinstance(event, AssignmentDecided)
    assert (7, 1, ana, False) == (event.lead_id, event.decision_number, event.member_id, event.is_manual)
    assert ready(7).correlation_id == event.correlation_id
    (decision,) = (await snapshot(database))["decisions"]
    assert event.decision_id == decision["id"]
    assert [ana, ben] == [candidate["member_id"] for candidate in decision["candidates"]]
    assert decision["candidates"][1]["reasons"] == ["at capacity, 0 of 0 open leads"]
    assert {"value", "weight", "contribution", "open_leads", "capacity"} == decision["candidates"][0]["signals"][
        "workload"
    ].keys()


async def test_events_of_no_consequence_write_nothing(database: Database) -> None:
    """What does not matter to an assignment leaves every table as it was."""
    event = LeadInquiryAdded(
        event_id=ready(1).event_id,
        occurred_at=NOON,
        correlation_id=ready(1).event_id,
        lead_id=1,
        version=2,
        receipt_id=ready(1).event_id,
        channel=Channel.FORM,
        sent_at=NOON,
    )
    await apply(database, event, closed(1).model_copy(update={"from_status": 1, "to_status": 2}))
    assert (await snapshot(database))["leads"] == []


async def test_a_whole_life_leaves_counters_and_results_right(database: Database) -> None:
    """Ready, assigned and won: the place is free, the result is counted, and everything was told in order."""
    ana = await add(database, "Ana", capacity=1)
    await apply(database, ready(1), ready(2))
    await apply(database, assigned(1, 1, ana))
    await apply(database, closed(1, by=ana, outcome=LeadOutcome.WON))
    kinds = [type(event) for event in await published(database)]
    assert [AssignmentDecided, AssignmentQueued, AssignmentReleased, AssignmentDecided] == kinds
    (workload,) = (await snapshot(database))["workloads"]
    assert {"member_id": ana, "open_leads": 1, "won": 1, "lost": 0, "turn": 2} == workload
    await check_books(database)


async def test_replaying_everything_changes_nothing(database: Database) -> None:
    """The whole topic read again from the start, in any batches, leaves every table byte for byte the same."""
    ana = await add(database, "Ana", capacity=2)
    history: list[AnyLeadEvent] = [ready(number) for number in range(1, 6)]
    history += [assigned(1, 1, ana), refused(2, 1, ana), closed(1, by=ana), assigned(2, 2, ana), deleted(3)]
    await apply(database, *history)
    before = await snapshot(database)
    for event in history:
        await apply(database, event)
    await apply(database, *history)
    assert before == await snapshot(database)


async def test_batches_may_be_cut_anywhere(databases: Databases, database: Database) -> None:
    """The same events one by one and all at once leave the same rows, and publish the same in the same order."""
    history = _history(random.Random(3))
    await _play(database, [history])
    whole = _comparable(await snapshot(database))
    await _empty(database)
    await _play(database, [[event] for event in history])
    assert whole == _comparable(await snapshot(database))


def _history(chance: random.Random) -> list[AnyLeadEvent]:
    history: list[AnyLeadEvent] = []
    for _ in range(120):
        lead_id, number, member_id = chance.randint(1, 25), chance.randint(1, 2), chance.randint(1, 4)
        kind = chance.choice(["ready", "ready", "assigned", "refused", "closed", "deleted"])
        if kind == "ready":
            at = NOON + timedelta(seconds=chance.randint(0, 60))
            history.append(ready(lead_id, preferred=chance.choice([None, member_id]), at=at))
        elif kind == "assigned":
            history.append(assigned(lead_id, number, member_id))
        elif kind == "refused":
            history.append(refused(lead_id, number, member_id))
        elif kind == "closed":
            history.append(closed(lead_id, by=chance.choice([None, member_id]), version=chance.randint(3, 5)))
        else:
            history.append(deleted(lead_id, version=chance.randint(3, 5)))
    return history


async def _play(database: Database, batches: list[list[AnyLeadEvent]]) -> None:
    for name, capacity in (("Ana", 2), ("Ben", 3), ("Cem", 1), ("Dora", 0)):
        await add(database, name, capacity=capacity)
    for batch in batches:
        await apply(database, *batch)


async def _empty(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("TRUNCATE members, workloads, leads, decisions, outbox RESTART IDENTITY CASCADE")


def _comparable(rows: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    told = [(row["id"], row["key"], row["type"]) for row in rows.pop("outbox")]
    # Ids that were taken for leads that then had to wait are lost. What remains is in the order of the ids.
    decided = [row["decision"] | {"id": None} | {"candidates": row["candidates"]} for row in rows.pop("decisions")]
    return {**rows, "decided": decided, "told": told}


async def test_decisions_are_listed_in_the_order_in_which_they_were_made(database: Database) -> None:
    """Ids ascend with the decisions of a batch, of leads that waited and of new ones, and events name them."""
    ana = await add(database, "Ana", capacity=3)
    await apply(database, *(ready(number) for number in range(1, 7)))
    await apply(database, closed(1, by=ana), closed(2, by=ana), deleted(4), ready(7), deleted(5), ready(8))
    await apply(database, closed(3, by=ana), deleted(6), ready(9))
    told = [
        (event.decision_id, event.lead_id)
        for event in await published(database)
        if isinstance(event, AssignmentDecided)
    ]
    assert [1, 2, 3, 4, 5, 6, 7, 8, 9] == [lead_id for _, lead_id in told]
    assert sorted(told) == told
    assert told == [(row["id"], row["decision"]["lead_id"]) for row in (await snapshot(database))["decisions"]]


async def test_the_queue_drains_as_soon_as_somebody_has_room(database: Database) -> None:
    """More capacity, a new colleague, an activation and a closed lead each give out what waits, the oldest first."""
    ana = await add(database, "Ana", capacity=0)
    ben = await add(database, "Ben", is_active=False, capacity=1)
    await apply(database, *(ready(number, at=NOON + timedelta(minutes=number)) for number in (4, 3, 2, 1)))
    assert [AssignmentQueued] * 4 == [type(event) for event in await published(database)]
    await change_member(database, NOON, ana, {"capacity": 1}, None)
    await add(database, "Cem", capacity=1)
    await change_member(database, NOON, ben, {"is_active": True}, None)
    await apply(database, closed(1, by=ana))
    decided = [event.lead_id for event in await published(database) if isinstance(event, AssignmentDecided)]
    assert [1, 2, 3, 4] == decided
    await check_books(database)


async def test_the_queue_drains_when_a_shift_begins(database: Database) -> None:
    """No event tells that it is nine o'clock; the sweep notices, and until then says who is off shift."""
    await add(database, "Ana", working_hours=[shift(0, "13:00", "17:00").model_dump(mode="json")])
    await apply(database, ready(1))
    assert not await serve_queue(database, NOON)
    assert (await snapshot(database))["leads"][0]["reason"] == "nobody is free: 1 off shift"
    assert await serve_queue(database, NOON + timedelta(hours=1))
    assert not await serve_queue(database, NOON + timedelta(hours=1))
    assert (await snapshot(database))["leads"][0]["stage"] == "decided"


async def test_a_waiting_lead_shows_the_present_reason(database: Database) -> None:
    """When the obstacle changes, the queue says so without telling everybody again."""
    ana = await add(database, "Ana", working_hours=[shift(1, "09:00", "17:00").model_dump(mode="json")])
    await apply(database, ready(1))
    await change_member(database, NOON, ana, {"working_hours": [], "capacity": 0}, None)
    assert (await snapshot(database))["leads"][0]["reason"] == "nobody is free: 1 at capacity"
    assert len(await published(database)) == 1


async def test_a_silent_receiver_gets_the_decision_again_and_again_more_slowly(database: Database) -> None:
    """Without an answer, a decision is published after 30 s, 60 s more, and not once it is answered."""
    ana = await add(database, "Ana")
    await apply(database, ready(1))
    assert 0 == await hand_over_again(database, NOON + timedelta(seconds=29))
    assert 1 == await hand_over_again(database, NOON + timedelta(seconds=30))
    assert 0 == await hand_over_again(database, NOON + timedelta(seconds=89))
    assert 1 == await hand_over_again(database, NOON + timedelta(seconds=90))
    first, *again = await published(database)
    assert isinstance(first, AssignmentDecided)
    same = {"event_id", "occurred_at"}
    assert [first.model_dump(exclude=same)] * 2 == [event.model_dump(exclude=same) for event in again]
    await apply(database, assigned(1, 1, ana))
    assert 0 == await hand_over_again(database, NOON + timedelta(days=1))


async def test_the_last_decision_is_the_one_that_is_repeated(database: Database) -> None:
    """After a decision by hand, an unanswered earlier one is not published again."""
    await add(database, "Ana")
    ben = await add(database, "Ben")
    await apply(database, ready(1))
    await assign_by_hand(database, NOON, lead_id=1, member_id=ben, decided_by=None, reason="speaks Turkish")
    assert 1 == await hand_over_again(database, NOON + timedelta(minutes=1))
    last = (await published(database))[-1]
    assert isinstance(last, AssignmentDecided)
    assert (2, ben, True) == (last.decision_number, last.member_id, last.is_manual)


async def test_what_leads_has_lost_is_published_again_as_it_was(database: Database) -> None:
    """Ready again after the answer: the sweep repeats the decision with its id and number, and the owner stays."""
    ana = await add(database, "Ana")
    await add(database, "Ben")
    await apply(database, ready(1), assigned(1, 1, ana))
    await apply(database, ready(1, at=NOON + timedelta(seconds=1)))
    assert 1 == await hand_over_again(database, NOON)
    first, again = [event for event in await published(database) if isinstance(event, AssignmentDecided)]
    same = {"event_id", "occurred_at"}
    assert first.model_dump(exclude=same) == again.model_dump(exclude=same)
    await apply(database, assigned(1, 1, ana, at=NOON + timedelta(seconds=2)))
    assert 0 == await hand_over_again(database, NOON + timedelta(days=1))
    assert ["assigned"] == [row["stage"] for row in (await snapshot(database))["leads"]]
    await check_books(database)


async def test_a_column_of_a_newer_version_does_not_disturb(database: Database) -> None:
    """While a newer version is rolled out, workers of this one go on beside columns that they do not know."""
    ana = await add(database, "Ana", capacity=1)
    async with database.connection() as connection:
        for table in ("members", "workloads", "leads", "decisions"):
            await connection.execute(f"ALTER TABLE {table} ADD COLUMN colour text NOT NULL DEFAULT 'blue'")
    await apply(database, ready(1), ready(2))
    await apply(database, assigned(1, 1, ana), closed(1, by=ana))
    await change_member(database, NOON, ana, {"capacity": 2}, None)
    assert {1: "closed", 2: "decided"} == {row["lead_id"]: row["stage"] for row in (await snapshot(database))["leads"]}
    await check_books(database)


async def test_who_leaves_or_gets_less_keeps_what_they_have(database: Database) -> None:
    """Lowering a capacity or deactivating moves no lead; there are only no new ones."""
    ana = await add(database, "Ana", capacity=3)
    await apply(database, ready(1), ready(2))
    await change_member(database, NOON, ana, {"capacity": 1}, None)
    await apply(database, ready(3), closed(1, by=ana))
    assert (await snapshot(database))["workloads"][0]["open_leads"] == 1
    await change_member(database, NOON, ana, {"capacity": 9, "is_active": False}, None)
    stages = {row["lead_id"]: row["stage"] for row in (await snapshot(database))["leads"]}
    assert {1: "closed", 2: "decided", 3: "queued"} == stages


async def test_members_are_told_with_rising_versions(database: Database) -> None:
    """Each change of a member is published as the whole latest state; no change is no version."""
    ana = await add(database, "Ana")
    await change_member(database, NOON, ana, {"role": "supervisor"}, None)
    await change_member(database, NOON, ana, {"role": "supervisor"}, None)
    rows = (await snapshot(database))["outbox"]
    members = [decode_member(row["type"], row["body"]) for row in rows]
    first = int(NOON.timestamp() * 1000)
    assert [(first, "salesperson"), (first + 1, "supervisor")] == [
        (each.version, each.role) for each in members if each
    ]
    assert {str(ana)} == {row["key"] for row in rows}


async def test_a_restored_team_publishes_versions_that_nobody_has_seen(database: Database) -> None:
    """However often a member had changed since the backup, the next change after the restore has a higher version."""
    ana = await add(database, "Ana")
    async with database.connection() as connection:
        await connection.execute("UPDATE members SET version = 3")
    later = NOON + timedelta(milliseconds=1)
    await change_member(database, later, ana, {"capacity": 1}, None)
    await change_member(database, NOON, ana, {"capacity": 2}, None)
    versions = [
        known.version
        for row in (await snapshot(database))["outbox"]
        if (known := decode_member(row["type"], row["body"]))
    ]
    now = int(NOON.timestamp() * 1000)
    assert [now, now + 1, now + 2] == versions
