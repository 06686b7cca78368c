"""Edits, identity changes, responses and opt-outs: in order, out of order, and without a target."""

import random
from datetime import timedelta
from typing import Any

import pytest

from services.leads.storage.updates import prune_parked
from services.leads.use_cases.register_inquiries import register_inquiries, release_parked_updates
from shared.contracts.inquiries import AnyIntakeEvent, InquiryReceived
from shared.contracts.words import Channel, Evidence, SettlementOutcome
from shared.kit.database import Database
from tests.leads.conftest import migrate
from tests.leads.makers import (
    NOON,
    POLICY,
    edit,
    inquiry,
    key_of,
    lead_of,
    opt_out,
    phone,
    published,
    readdress,
    register,
    response,
    rows,
    state,
    whatsapp_user,
)
from tests.support.databases import Databases

NEW, REPEAT, UPDATE = SettlementOutcome.NEW, SettlementOutcome.REPEAT, SettlementOutcome.UPDATE
OLD, FRESH = phone("34600111222", Evidence.VERIFIED), phone("34600333444", Evidence.VERIFIED)


def message(name: str, *identities: Any, minutes: int = 0, **fields: Any) -> InquiryReceived:
    """A WhatsApp message, sent `minutes` after noon."""
    sent_at = NOON + timedelta(minutes=minutes)
    return inquiry(name, *identities, channel=Channel.WHATSAPP, received_at=sent_at, fields=fields)


async def said(database: Database) -> list[dict[str, Any]]:
    """What the inquiries say now."""
    return await rows(database, "SELECT text, content, edited_at, revoked_at FROM inquiries ORDER BY sent_at, id")


async def told(database: Database, lead_id: int | None) -> list[str]:
    """The sentences of a lead's history."""
    found = await rows(database, "SELECT text FROM history WHERE lead_id = $1 ORDER BY id", lead_id)
    return [row["text"] for row in found]


async def test_an_edit_changes_the_inquiry_and_shows(database: Database) -> None:
    """An edited message reads as it was edited, and the lead's history, version and events say so."""
    (first,) = await register(database, message("one", OLD))
    (second,) = await register(database, edit("e", "one", OLD, text="For three"))
    assert (UPDATE, first.lead_id) == (second.outcome, second.lead_id)
    assert ["For three"] == [row["text"] for row in await said(database)]
    assert "A message on WhatsApp was edited" == (await told(database, first.lead_id))[-1]
    assert 2 == (await lead_of(database, first.lead_id))["version"]
    changed = [event for event in await published(database, "leads.events.v1") if event["type"] == "lead.changed.v1"]
    assert [(2, ["inquiries"])] == [(event["version"], event["fields"]) for event in changed]
    settled = await published(database, "leads.settlements.v1")
    assert ["new", "update"] == [event["outcome"] for event in settled]


async def test_an_edit_that_tells_nothing_changes_nothing(database: Database) -> None:
    """What was written stays, whether such an edit comes after its message or before it."""
    await register(database, message("one", OLD), edit("e", "one", OLD))
    await register(database, edit("f", "two", OLD))
    await register(database, message("two", OLD, minutes=2))
    assert all(row["text"] and row["edited_at"] is None for row in await said(database))


async def test_what_is_taken_back_is_empty(database: Database) -> None:
    """A message that its sender took back says nothing any more, and no late edit brings it back."""
    await register(database, message("one", OLD, content={"image": {"id": "7"}}))
    await register(database, edit("r", "one", OLD, minutes=3, is_revoked=True))
    await register(database, edit("e", "one", OLD, minutes=2, text="Late"))
    (row,) = await said(database)
    assert (None, {}, NOON + timedelta(minutes=3)) == (row["text"], row["content"], row["revoked_at"])


async def test_an_edit_waits_for_its_inquiry(database: Database) -> None:
    """An edit that comes first is settled at once, waits, and is applied when its inquiry comes."""
    (early,) = await register(database, edit("e", "one", OLD, text="For three"))
    assert (UPDATE, None) == (early.outcome, early.lead_id)
    assert [] == await said(database)
    (late,) = await register(database, message("one", OLD))
    assert NEW == late.outcome
    assert ["For three"] == [row["text"] for row in await said(database)]
    assert [] == await rows(database, "SELECT * FROM parked_updates")
    (claim,) = await rows(database, "SELECT lead_id FROM claims WHERE dedupe_key = $1", key_of("e"))
    assert late.lead_id == claim["lead_id"]


async def test_an_edit_reaches_a_closed_lead(database: Database) -> None:
    """An inquiry of a lead that is closed by now can still be edited."""
    (first,) = await register(database, message("one", OLD))
    await _close(database)
    (second,) = await register(database, edit("e", "one", OLD, text="For three"))
    assert first.lead_id == second.lead_id
    assert ["For three"] == [row["text"] for row in await said(database)]


async def test_a_new_number_moves_the_person(database: Database) -> None:
    """Who changes their number is the same person with the same lead, which shows the new number."""
    (first,) = await register(database, message("one", OLD))
    await register(database, readdress("c", OLD, FRESH))
    (later,) = await register(database, message("two", FRESH, minutes=5))
    assert (REPEAT, first.lead_id) == (later.outcome, later.lead_id)
    assert "34600333444" == (await lead_of(database, first.lead_id))["phone_key"]


async def test_a_number_that_was_given_up_is_somebody_elses(database: Database) -> None:
    """What comes from the old number later is another person, flagged; what was sent before is the same one."""
    (first,) = await register(database, message("one", OLD))
    await register(database, readdress("c", OLD, FRESH, minutes=2))
    (late,) = await register(database, message("late", OLD, minutes=1))
    (other,) = await register(database, message("other", OLD, minutes=10))
    assert (REPEAT, first.lead_id) == (late.outcome, late.lead_id)
    assert NEW == other.outcome
    assert ["former_owner"] == [row["reason"] for row in await rows(database, "SELECT reason FROM person_candidates")]
    (again,) = await register(database, message("again", OLD, minutes=11))
    assert (REPEAT, other.lead_id) == (again.outcome, again.lead_id)


async def test_two_known_people_are_flagged_not_merged(database: Database) -> None:
    """A change between two identities that two people proved joins nobody: the two are candidates."""
    (one,) = await register(database, message("one", OLD))
    (two,) = await register(database, message("two", FRESH))
    await register(database, readdress("c", OLD, FRESH))
    assert one.lead_id != two.lead_id
    assert ["shared_verified"] == [
        row["reason"] for row in await rows(database, "SELECT reason FROM person_candidates")
    ]
    people = await rows(database, "SELECT DISTINCT person_id FROM leads")
    assert 2 == len(people)


async def test_a_change_opens_no_lead(database: Database) -> None:
    """An identity change of somebody unknown opens no lead, and is remembered for when they write."""
    (change,) = await register(database, readdress("c", OLD, FRESH))
    assert (UPDATE, None) == (change.outcome, change.lead_id)
    assert [] == await rows(database, "SELECT * FROM leads")
    (one,) = await register(database, message("one", FRESH, minutes=5))
    (two,) = await register(database, message("two", OLD, minutes=0))
    assert (NEW, REPEAT) == (one.outcome, two.outcome)


async def test_an_echo_is_the_first_response(database: Database) -> None:
    """What we wrote from the phone counts as a response, once, the earliest one, and it folds."""
    (first,) = await register(database, message("one", OLD))
    await register(database, response("late", OLD, minutes=9))
    await register(database, response("early", OLD, minutes=4))
    lead = await lead_of(database, first.lead_id)
    assert NOON + timedelta(minutes=4) == lead["first_response_at"]
    changes = await rows(database, "SELECT changes FROM history WHERE changes ? 'first_response_at' ORDER BY id")
    folded = [row["changes"]["first_response_at"] for row in changes]
    assert folded[0]["to"] == folded[1]["from"]
    assert lead["first_response_at"].isoformat() == folded[1]["to"]


async def test_what_we_write_first_is_no_response(database: Database) -> None:
    """A message of ours before the first inquiry makes nobody a person, and answers nothing."""
    (echo,) = await register(database, response("r", OLD, minutes=0))
    (first,) = await register(database, message("one", OLD, minutes=5))
    assert (UPDATE, None) == (echo.outcome, echo.lead_id)
    assert (await lead_of(database, first.lead_id))["first_response_at"] is None
    (older,) = await register(database, message("older", OLD, minutes=-1))
    assert NOON == (await lead_of(database, older.lead_id))["first_response_at"]
    assert [] == await rows(database, "SELECT * FROM parked_updates")


async def test_opt_out_is_the_last_wish(database: Database) -> None:
    """The wish expressed last counts in whatever order it comes, and a lead's history tells when it changes."""
    (first,) = await register(database, message("one", OLD))
    await register(database, opt_out("start", OLD, minutes=5, wish=False))
    (stop,) = await register(database, opt_out("stop", OLD, minutes=3))
    assert (UPDATE, first.lead_id) == (stop.outcome, stop.lead_id)
    wishes = "SELECT is_opted_out, channel FROM opt_outs"
    assert [{"is_opted_out": False, "channel": "whatsapp"}] == await rows(database, wishes)
    await register(database, opt_out("again", OLD, minutes=8))
    assert [{"is_opted_out": True, "channel": "whatsapp"}] == await rows(database, wishes)
    assert ["Opened by an inquiry on WhatsApp", "Wants no messages any more on WhatsApp"] == await told(
        database, first.lead_id
    )


async def test_stop_of_a_stranger_opens_no_lead(database: Database) -> None:
    """Somebody unknown who wants to be left alone has no lead, and is left alone when they write later."""
    await register(database, opt_out("stop", OLD, minutes=3))
    assert [] == await rows(database, "SELECT * FROM leads")
    (first,) = await register(database, message("one", OLD, minutes=9))
    lead = await lead_of(database, first.lead_id)
    assert [lead["person_id"]] == [row["person_id"] for row in await rows(database, "SELECT person_id FROM opt_outs")]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_content_completes_its_placeholder(database: Database, order: tuple[int, ...]) -> None:
    """A first message without content and the content of it are one inquiry, with the ad that either tells."""
    ad = {"referral": {"source_id": "120", "ctwa_clid": "c"}}
    placeholder = message("p", OLD, text=None, kind="unsupported", attribution=ad, stands_for=key_of("m"))
    content = message("m", OLD, minutes=1, text="Hello", kind="text")
    answers = [(await register(database, [placeholder, content][place]))[0] for place in order]
    assert [NEW, UPDATE] == [answer.outcome for answer in answers]
    (row,) = await rows(database, "SELECT text, kind, attribution FROM inquiries")
    assert ("Hello", "text", ad) == (row["text"], row["kind"], row["attribution"])
    await register(database, edit("e", "m", OLD, minutes=2, text="Hello you"))
    assert ["Hello you"] == [row["text"] for row in await said(database)]


async def test_updates_replayed_change_nothing(database: Database) -> None:
    """Everything again, in one batch and one by one, changes nothing and answers the same."""
    events = _story()
    first = [(await register(database, event))[0] for event in events]
    before = await state(database)
    again = await register(database, *events)
    assert before == await state(database)
    assert [answer.outcome for answer in first] == [answer.outcome for answer in again]


async def test_what_waits_for_long_is_forgotten(database: Database) -> None:
    """An update whose target never comes is deleted some day, and not before."""
    await register(database, edit("e", "never", OLD))
    async with database.transaction() as connection:
        assert 0 == await prune_parked(connection, NOON)
        assert 1 == await prune_parked(connection, NOON + timedelta(days=1))
    assert [] == await rows(database, "SELECT * FROM parked_updates")


async def test_cuts_of_updates_come_to_the_same(databases: Databases) -> None:
    """One batch and single events end alike: leads, inquiries, people, wishes, history and claims."""
    events = _story()
    ends = []
    for batches in ([events], [[event] for event in events], [events[:5], events[5:9], events[9:]]):
        url = await databases.from_template("leads", migrate)
        database = Database(url)
        await database.open()
        for batch in batches:
            await register(database, *batch)
        ends.append(await _end(database) | await _paths(database))
        await database.close()
        await databases.drop(url)
    assert ends[0] == ends[1] == ends[2]


@pytest.mark.parametrize("seed", range(12))
async def test_any_order_comes_to_the_same_state(databases: Databases, seed: int) -> None:
    """However the events of one person's conversation are ordered, lead, inquiries, wishes and addresses end alike."""
    events: list[AnyIntakeEvent] = [
        message("one", OLD, minutes=0),
        edit("e1", "one", OLD, minutes=1, text="First edit"),
        response("r", OLD, minutes=2),
        edit("e2", "one", OLD, minutes=3, text="Second edit"),
        message("two", OLD, minutes=4),
        edit("x", "two", OLD, minutes=5, is_revoked=True),
        opt_out("stop", OLD, minutes=6),
        opt_out("start", OLD, minutes=7, wish=False),
    ]
    ends = []
    for order in (events, random.Random(seed).sample(events, len(events))):
        url = await databases.from_template("leads", migrate)
        database = Database(url)
        await database.open()
        for event in order:
            await register(database, event)
        ends.append(await _end(database))
        await database.close()
        await databases.drop(url)
    assert ends[0] == ends[1]


def _story() -> list[AnyIntakeEvent]:
    """Two people with early and late updates."""
    user = whatsapp_user("MX.7")
    return [
        edit("e1", "one", OLD, minutes=2, text="Edited early"),
        response("r0", OLD, minutes=1),
        message("one", OLD),
        response("r1", OLD, minutes=3),
        opt_out("stop", user, minutes=4),
        message("two", user, minutes=5),
        edit("e2", "two", user, minutes=6, is_revoked=True),
        readdress("c1", OLD, FRESH, minutes=7),
        message("three", FRESH, minutes=8),
        message("four", OLD, minutes=9),
        readdress("c2", user, FRESH, minutes=10),
        opt_out("start", user, minutes=3, wish=False),
        edit("e3", "three", FRESH, minutes=11, text="Edited"),
    ]


async def _end(database: Database) -> dict[str, Any]:
    """What must not depend on the order of one person's events."""
    return {
        "leads": await rows(
            database, "SELECT phone, first_response_at, is_repeat, status, closed_at FROM leads ORDER BY 1, 2"
        ),
        "said": await said(database),
        "wishes": await rows(database, "SELECT channel, is_opted_out, changed_at FROM opt_outs ORDER BY 3"),
        "addresses": await rows(database, "SELECT kind, match_key, ended_at FROM identities ORDER BY 1, 2"),
    }


async def _paths(database: Database) -> dict[str, Any]:
    """What must not depend on how events in the same order were cut into batches."""
    return {
        "history": await rows(
            database,
            "SELECT number, text, changes FROM history JOIN leads ON leads.id = lead_id ORDER BY 1, history.id",
        ),
        "versions": await rows(database, "SELECT number, version FROM leads ORDER BY 1"),
        "claims": await rows(
            database,
            "SELECT dedupe_key, claims.outcome, number FROM claims LEFT JOIN leads ON leads.id = lead_id ORDER BY 1",
        ),
        "candidates": await rows(database, "SELECT reason FROM person_candidates ORDER BY 1"),
        "parked": await rows(database, "SELECT dedupe_key FROM parked_updates ORDER BY 1"),
    }


async def _close(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("UPDATE leads SET status = 3, outcome = 'lost', closed_at = now()")


async def test_start_takes_an_opt_out_back(database: Database) -> None:
    """START of somebody who opted out opens no lead; of anybody else it is an inquiry, and a STOP before it is over."""
    (stop,) = await register(database, opt_out("stop", OLD, minutes=1))
    (start,) = await register(database, message("start", OLD, minutes=2, text="Start", takes_back_opt_out=True))
    assert (UPDATE, UPDATE, None) == (stop.outcome, start.outcome, start.lead_id)
    wishes = "SELECT is_opted_out FROM opt_outs ORDER BY person_id"
    assert [{"is_opted_out": False}] == await rows(database, wishes)
    (first,) = await register(database, message("hello", FRESH, minutes=2, text="Start", takes_back_opt_out=True))
    await register(database, opt_out("late", FRESH, minutes=1))
    assert NEW == first.outcome
    assert [{"is_opted_out": False}] * 2 == await rows(database, wishes)


async def test_an_update_beside_its_target_is_applied_later(database: Database) -> None:
    """An edit and a response that are registered while their inquiry is not committed yet reach it all the same."""
    user = whatsapp_user("MX.7")
    async with database.transaction() as connection:
        await register_inquiries(connection, [message("one", OLD)], NOON, POLICY)
        # From another id of the sender, and to somebody whom nobody knows yet: neither waits for the other.
        await register(database, edit("e", "one", user, minutes=1, text="For three"))
        await register(database, response("r", OLD, minutes=2))
    (lead,) = await rows(database, "SELECT id, number FROM leads")
    assert 2 == await _release(database)
    assert ["For three"] == [row["text"] for row in await said(database)]
    assert NOON + timedelta(minutes=2) == (await lead_of(database, lead["id"]))["first_response_at"]
    claims = await rows(database, "SELECT lead_id FROM claims")
    assert [lead["id"]] * 3 == [claim["lead_id"] for claim in claims]
    assert [] == await rows(database, "SELECT * FROM parked_updates")
    assert 0 == await _release(database)


async def test_what_waits_in_vain_stays_parked(database: Database) -> None:
    """The sweep leaves alone what has no target, and what was written before the first inquiry."""
    await register(database, response("r", OLD, minutes=0), edit("e", "never", OLD, minutes=1))
    await register(database, message("one", OLD, minutes=5))
    before = await state(database)
    assert 0 == await _release(database)
    assert before == await state(database)


async def _release(database: Database) -> int:
    async with database.transaction() as connection:
        return await release_parked_updates(connection, NOON + timedelta(minutes=10), POLICY, 100)
