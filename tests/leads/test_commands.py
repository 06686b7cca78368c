"""Decisions, moves, hand-overs and the team, on a real database."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.leads.domain.errors import LeadNotFound, VersionConflict
from services.leads.domain.lifecycle import IllegalTransition
from services.leads.storage.lead_changes import Command
from services.leads.use_cases.change_status import Transition, change_status
from services.leads.use_cases.create_lead import NewLead, create_lead
from services.leads.use_cases.hand_over_again import hand_over_again
from services.leads.use_cases.project_members import project_members
from shared.contracts.assignment import MemberChanged
from shared.contracts.words import LeadOutcome, LeadStatus, Role, SettlementOutcome
from shared.kit.database import Database
from shared.kit.identifiers import new_id
from shared.kit.security import Caller
from tests.leads.makers import (
    NOON,
    POLICY,
    apply,
    assert_sound,
    decision,
    inquiry,
    lead_of,
    phone,
    published,
    register,
    rows,
)

ADMIN = Caller(Role.ADMIN, 1)


async def open_lead(database: Database, name: str = "a") -> int:
    """Register somebody new and return the lead's id."""
    (answer,) = await register(database, inquiry(name, phone(str(len(name)))))
    assert answer.lead_id is not None
    return answer.lead_id


async def move(
    database: Database, lead_id: int, to: LeadStatus, outcome: LeadOutcome | None = None, **command: Any
) -> None:
    """Move a lead as an admin."""
    async with database.session() as session:
        await change_status(
            session,
            ADMIN,
            str(lead_id),
            Transition(to, outcome, "changed their mind" if to is LeadStatus.CLOSED else None),
            Command(ADMIN.actor, NOON, new_id(), **command),
        )


async def test_decision_is_applied_once(database: Database) -> None:
    """A decision makes an owner; coming again it changes nothing and is answered by the same event."""
    lead_id = await open_lead(database)
    await apply(database, decision(lead_id, 1, 7))
    lead = await lead_of(database, lead_id)
    await apply(database, decision(lead_id, 1, 7))
    assert lead == await lead_of(database, lead_id)
    assert (7, 1, 2, None) == tuple(
        lead[name] for name in ("assigned_id", "decision_number", "version", "hand_over_at")
    )
    answers = (await published(database, "leads.events.v1"))[2:]
    assert ["lead.assigned.v1"] * 2 == [event["type"] for event in answers]
    assert answers[0] == answers[1]
    history = await rows(database, "SELECT text, changes FROM history ORDER BY id")
    assert {"assigned_id": {"from": None, "to": 7}} == history[-1]["changes"]
    assert 2 == len(history)


async def test_decisions_out_of_order_end_with_the_newest(database: Database) -> None:
    """An older decision that comes late is refused, in the same batch or in a later one."""
    lead_id = await open_lead(database)
    await apply(database, decision(lead_id, 2, 8), decision(lead_id, 1, 7))
    await apply(database, decision(lead_id, 4, 9), decision(lead_id, 3, 7))
    assert 9 == (await lead_of(database, lead_id))["assigned_id"]
    answers = (await published(database, "leads.events.v1"))[2:]
    assert [("lead.assigned.v1", 8), ("lead.assignment_refused.v1", 7)] * 1 == [
        (event["type"], event["member_id"]) for event in answers[:2]
    ]
    assert ("superseded", 8) == (answers[3]["reason"], answers[2]["previous_member_id"])


async def test_decision_about_a_closed_deleted_or_unknown_lead_is_refused(database: Database) -> None:
    """Refusals say why; the lead stays as it is."""
    closed, deleted = await open_lead(database, "a"), await open_lead(database, "bb")
    await move(database, closed, LeadStatus.CLOSED)
    await rows(database, "UPDATE leads SET deleted_at = now() WHERE id = $1", deleted)
    before = await rows(database, "SELECT * FROM leads ORDER BY id")
    await apply(database, decision(closed, 1), decision(deleted, 1), decision(99_999, 1))
    assert before == await rows(database, "SELECT * FROM leads ORDER BY id")
    answers = (await published(database, "leads.events.v1"))[-3:]
    assert ["closed", "deleted", "unknown"] == [event["reason"] for event in answers]
    assert {(None, None)} == {(event["assigned_id"], event["applied_number"]) for event in answers}


async def test_refusal_says_who_owns_the_lead(database: Database) -> None:
    """An assignment that was restored from a backup learns the owner, also when it repeats an old decision."""
    lead_id = await open_lead(database)
    await apply(database, decision(lead_id, 1, 7), decision(lead_id, 2, 8))
    before = await lead_of(database, lead_id)
    await apply(
        database,
        decision(lead_id, 1, 9, decision_id=1),
        decision(lead_id, 1, 7),
        decision(lead_id, 2, 9, decision_id=2),
    )
    answers = (await published(database, "leads.events.v1"))[-3:]
    assert [("lead.assignment_refused.v1", "superseded", 8, 2)] * 3 == [
        (event["type"], event["reason"], event["assigned_id"], event["applied_number"]) for event in answers
    ]
    assert 3 == len({event["event_id"] for event in answers})
    assert before == await lead_of(database, lead_id)


async def test_lead_walks_its_table(database: Database) -> None:
    """New, In Progress, Payment, lost: each step with its history, its event and its times."""
    lead_id = await open_lead(database)
    await move(database, lead_id, LeadStatus.IN_PROGRESS)
    await move(database, lead_id, LeadStatus.PAYMENT)
    await move(database, lead_id, LeadStatus.CLOSED, LeadOutcome.LOST)
    lead = await lead_of(database, lead_id)
    assert (3, "lost", "changed their mind", NOON, NOON, 4) == tuple(
        lead[name] for name in ("status", "outcome", "close_reason", "first_response_at", "closed_at", "version")
    )
    events = [event for event in await published(database, "leads.events.v1") if "to_status" in event]
    assert [(1, 2, None), (2, 4, None), (4, 3, "lost")] == [
        (event["from_status"], event["to_status"], event["outcome"]) for event in events
    ]
    history = await rows(database, "SELECT text, actor FROM history ORDER BY id")
    assert ["New → In Progress", "In Progress → Payment", "Payment → Closed (lost)"] == [
        line["text"] for line in history[1:]
    ]
    assert {"member:1"} == {line["actor"] for line in history[1:]}


async def test_refused_move_changes_nothing(database: Database) -> None:
    """An illegal move, a stale version and a lead that is not there leave no trace."""
    lead_id = await open_lead(database)
    before = await lead_of(database, lead_id)
    with pytest.raises(IllegalTransition):
        await move(database, lead_id, LeadStatus.PAYMENT)
    with pytest.raises(IllegalTransition):
        await move(database, lead_id, LeadStatus.CLOSED, LeadOutcome.WON)
    with pytest.raises(VersionConflict):
        await move(database, lead_id, LeadStatus.IN_PROGRESS, version=2)
    with pytest.raises(LeadNotFound):
        await move(database, lead_id + 1, LeadStatus.IN_PROGRESS)
    assert before == await lead_of(database, lead_id)
    assert 1 == len(await rows(database, "SELECT * FROM history"))
    assert 2 == len(await published(database, "leads.events.v1"))


async def test_forgotten_lead_is_handed_over_again(database: Database) -> None:
    """A ready lead without an owner is announced again when it is due, after ever longer waits, until it has one."""
    lead_id = await open_lead(database)
    now = (await lead_of(database, lead_id))["hand_over_at"]

    async def sweep(later: timedelta) -> int:
        async with database.transaction() as connection:
            return await hand_over_again(connection, now + later, POLICY)

    assert 0 == await sweep(timedelta(seconds=-1))
    assert 1 == await sweep(timedelta(0))
    assert 0 == await sweep(POLICY.first * 2 - timedelta(seconds=1))
    assert 1 == await sweep(POLICY.first * 2)
    ready = [event for event in await published(database, "leads.events.v1") if event["type"] == "lead.ready.v1"]
    assert 3 == len({event["event_id"] for event in ready})
    assert 1 == len({(event["lead_id"], event["version"], event["created_at"]) for event in ready})
    await apply(database, decision(lead_id, 1))
    assert 0 == await sweep(timedelta(days=1))


async def test_sweep_leaves_out_what_is_closed_or_in_other_hands(database: Database) -> None:
    """Closed leads are not handed over, and a lead that is being changed is left for the next time."""
    closed, busy = await open_lead(database, "a"), await open_lead(database, "bb")
    await move(database, closed, LeadStatus.CLOSED)
    async with database.transaction() as holder:
        await holder.execute("SELECT 1 FROM leads WHERE id = $1 FOR UPDATE", busy)
        async with database.transaction() as connection:
            assert 0 == await hand_over_again(connection, NOON + timedelta(days=1), POLICY)
    async with database.transaction() as connection:
        assert 1 == await hand_over_again(connection, NOON + timedelta(days=1), POLICY)


def member(version: int, **fields: Any) -> MemberChanged:
    """A state of member 4."""
    state = {"name": "Mia Berg", "email": None, "role": Role.SALESPERSON, "capacity": 30, "time_zone": "UTC"}
    return MemberChanged.model_validate(
        {
            "event_id": new_id(),
            "occurred_at": NOON,
            "correlation_id": new_id(),
            "member_id": 4,
            "version": version,
            "is_active": True,
            **state,
            **fields,
        }
    )


async def test_only_newer_states_of_members_are_taken_over(database: Database) -> None:
    """An old state after a newer one, in one batch or in a later one, changes nothing."""
    async with database.transaction() as connection:
        await project_members(connection, [member(3, is_active=False), member(2)])
        await project_members(connection, [member(1)])
    (known,) = await rows(database, "SELECT * FROM members")
    assert (3, False) == (known["version"], known["is_active"])
    async with database.transaction() as connection:
        await project_members(connection, [member(1_772_452_800_000, name=None)])
    assert [None] == [row["name"] for row in await rows(database, "SELECT name FROM members")]


async def test_lead_by_hand_follows_the_same_rules(database: Database) -> None:
    """A lead that somebody writes down joins the person's open one, and intake is told nothing."""
    request_id = new_id()

    async def create(request: Any, phone: str) -> tuple[SettlementOutcome, int | None]:
        async with database.transaction() as connection:
            answer = await create_lead(
                connection,
                NewLead(first_name="Ada", phone=phone, email="Ada@Example.com ", region="MX"),
                actor="member:1",
                request_id=request,
                now=NOON,
                zone=ZoneInfo("America/Mexico_City"),
                policy=POLICY,
            )
            return answer.outcome, answer.lead_id

    first = await create(request_id, "55 1234 5678")
    assert first == await create(request_id, "55 1234 5678")
    assert (SettlementOutcome.REPEAT, first[1]) == await create(new_id(), "+52 1 55 1234 5678")
    lead = await lead_of(database, first[1])
    assert ("rest", "55 1234 5678", "525512345678", "ada@example.com", "LEAD-20260302-001") == tuple(
        lead[name] for name in ("source", "phone", "phone_key", "email_key", "number")
    )
    assert [] == await published(database, "leads.settlements.v1")
    assert {"member:1"} == {line["actor"] for line in await rows(database, "SELECT actor FROM history")}
    (kept,) = await register(database, inquiry("b", phone("525512345678")))
    assert first[1] == kept.lead_id


async def test_phone_that_cannot_be_read_is_kept(database: Database) -> None:
    """A lead with a number that nobody can read is a lead, and the number is shown as it came."""
    async with database.transaction() as connection:
        answer = await create_lead(
            connection,
            NewLead(phone="ask at the desk"),
            actor="service",
            request_id=new_id(),
            now=NOON,
            zone=ZoneInfo("UTC"),
            policy=POLICY,
        )
    lead = await lead_of(database, answer.lead_id)
    assert ("ask at the desk", None) == (lead["phone"], lead["phone_key"])


async def test_history_and_versions_agree_after_a_whole_life(database: Database) -> None:
    """Registration, decisions and moves together leave a history that folds to the lead."""
    first, second = inquiry("a", phone("341")), inquiry("b", phone("341"), first_name="Ada")
    (answer,) = await register(database, first)
    assert answer.lead_id is not None
    await apply(database, decision(answer.lead_id, 1))
    await move(database, answer.lead_id, LeadStatus.IN_PROGRESS)
    await register(database, second)
    await move(database, answer.lead_id, LeadStatus.CLOSED)
    await assert_sound(database, [first, second])
