"""Writers that race for the same people, leads and numbers, on a real database."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise

import pytest

from services.leads.domain.errors import LeadNotFound
from services.leads.domain.lifecycle import IllegalTransition
from services.leads.storage.lead_changes import Command
from services.leads.use_cases.change_status import Transition, change_status
from services.leads.use_cases.register_inquiries import register_inquiries
from shared.contracts.inquiries import Identity, InquiryReceived
from shared.contracts.words import Evidence, LeadStatus, Role, SettlementOutcome
from shared.kit.database import Database
from shared.kit.identifiers import new_id
from shared.kit.security import Caller
from tests.leads.makers import (
    DAY,
    NOON,
    POLICY,
    apply,
    assert_sound,
    decision,
    inquiry,
    mail,
    phone,
    register,
    rows,
    state,
    whatsapp_user,
)

WRITERS = 64
ADMIN = Caller(Role.ADMIN)


@pytest.fixture
async def database(leads_url: str) -> AsyncIterator[Database]:
    """A database with a connection for each of many writers."""
    database = Database(leads_url, pool_size=24)
    await database.open()
    yield database
    await database.close()


def cut(sent: Sequence[InquiryReceived], rng: random.Random) -> list[list[InquiryReceived]]:
    """The inquiries in a new order, in batches of 1 to 8."""
    shuffled = rng.sample(sent, len(sent))
    batches = []
    while shuffled:
        size = rng.randint(1, 8)
        batches.append(shuffled[:size])
        shuffled = shuffled[size:]
    return batches


async def register_all(database: Database, batches: Sequence[Sequence[InquiryReceived]]) -> None:
    """Register batches by many writers at once."""
    await asyncio.gather(*(register(database, *batch) for batch in batches))


def identities_of(person: int) -> list[Identity]:
    """Three verified addresses of one person."""
    return [
        phone(f"52{person:06d}", Evidence.VERIFIED),
        whatsapp_user(f"MX.{person}"),
        mail(f"p{person}@example.com").model_copy(update={"evidence": Evidence.VERIFIED}),
    ]


@pytest.mark.parametrize("seed", range(3))
async def test_writers_who_meet_the_same_new_person_agree(database: Database, seed: int) -> None:
    """Whatever addresses 64 writers see first, somebody who always shows one of them is one person with one lead."""
    rng = random.Random(seed)
    sent = []
    for person in range(8):
        known, *others = rng.sample(identities_of(person), 3)
        for number in range(WRITERS // 4):
            seen = [known, *rng.sample(others, rng.randint(0, 2))]
            sent.append(inquiry(f"{person}/{number}", *rng.sample(seen, len(seen))))
    await register_all(database, cut(sent, rng))
    assert 8 == len(await rows(database, "SELECT * FROM people"))
    assert 8 == len(await rows(database, "SELECT * FROM leads"))
    assert [] == await rows(database, "SELECT * FROM person_candidates")
    await assert_sound(database, sent)


@pytest.mark.parametrize("seed", range(3))
async def test_crossing_chains_and_swaps_stay_sound(database: Database, seed: int) -> None:
    """Batches whose people are linked in chains and met in opposite orders lose nothing and double nothing."""
    rng = random.Random(seed)
    ring = [identity for person in range(10) for identity in identities_of(person)]
    sent = []
    for number in range(WRITERS * 4):
        at = rng.randrange(len(ring))
        pair = [ring[at], ring[(at + 1) % len(ring)]]
        stated = [one.model_copy(update={"evidence": Evidence.STATED}) for one in pair]
        name = rng.choice([None, None, None, "Ada", "Bo", "Cy"])
        seen = pair if rng.random() < 0.5 else stated
        sent.append(inquiry(str(number), *rng.sample(seen, 2), first_name=name))
    batches = cut(sent, rng)
    # Every batch twice, at the same time: a rebalance in the middle of a commit.
    await register_all(database, rng.sample([*batches, *batches], len(batches) * 2))
    await assert_sound(database, sent)


async def test_numbers_of_a_day_have_no_gap_and_no_double(database: Database) -> None:
    """Numbers of two days are 1..n each, although some writers fail after they took theirs."""
    rng = random.Random(5)
    days = (DAY, DAY + timedelta(days=1))
    sent = [inquiry(str(number), phone(str(number)), day=rng.choice(days)) for number in range(WRITERS * 3)]
    batches = cut(sent, rng)

    async def fail(batch: Sequence[InquiryReceived]) -> None:
        with suppress(ZeroDivisionError):
            async with database.transaction() as connection:
                await register_inquiries(connection, batch, NOON, POLICY)
                await asyncio.sleep(0)
                raise ZeroDivisionError

    lost = [[inquiry(f"lost {number}")] for number in range(WRITERS // 4)]
    await asyncio.gather(*(fail(batch) for batch in lost), register_all(database, batches))
    assert len(sent) == len(await rows(database, "SELECT * FROM leads"))
    await assert_sound(database, sent)


async def test_numbers_grow_past_999(database: Database) -> None:
    """The thousandth lead of a day has four digits, in the same spelling as the domain's."""
    await rows(database, "INSERT INTO day_counters VALUES ($1, 998)", DAY)
    await register(database, inquiry("a"), inquiry("b"), inquiry("c"))
    numbers = [row["number"] for row in await rows(database, "SELECT number FROM leads ORDER BY serial")]
    assert ["LEAD-20260302-999", "LEAD-20260302-1000", "LEAD-20260302-1001"] == numbers


async def test_replaying_everything_changes_nothing(database: Database) -> None:
    """All inquiries again, in another order and other batches, by many writers: the state is the same."""
    rng = random.Random(9)
    sent = [
        inquiry(f"{person}/{number}", *rng.sample(identities_of(person), 2), first_name=rng.choice(["Ada", "Bo"]))
        for person in range(12)
        for number in range(4)
    ]
    await register_all(database, cut(sent, rng))
    before = await state(database)
    await register_all(database, [*cut(sent, rng), *cut(sent, rng)])
    assert before == await state(database)


async def test_different_addresses_of_one_person_open_one_lead(database: Database) -> None:
    """Writers who each see another address of somebody known, who has no open lead, open one between them."""
    for person in range(8):
        await register(database, inquiry(f"known {person}", *identities_of(person)))
    await rows(database, "UPDATE leads SET status = 3, outcome = 'lost', closed_at = now()")
    sent = [
        inquiry(f"{person}/{number}", identity)
        for number in range(2)
        for person in range(8)
        for identity in identities_of(person)
    ]
    await register_all(database, [[one] for one in sent])
    assert 16 == len(await rows(database, "SELECT * FROM leads"))
    assert 8 == len(await rows(database, "SELECT * FROM leads WHERE is_repeat AND status = 1"))


async def test_same_contradicting_name_at_once_is_one_more_person(database: Database) -> None:
    """Writers who all state Ada's phone under the name Bo make one Bo with one lead, and flag the pair once."""
    known = inquiry("ada", phone("341"), first_name="Ada")
    await register(database, known)
    sent = [inquiry(str(number), phone("341"), first_name="Bo") for number in range(16)]
    await register_all(database, [[one] for one in sent])
    assert 2 == len(await rows(database, "SELECT * FROM people"))
    assert 1 == len(await rows(database, "SELECT * FROM person_candidates"))
    await assert_sound(database, [known, *sent])


async def close_some(database: Database, rng: random.Random) -> None:
    """Close open leads now and then."""
    for _ in range(12):
        open_leads = await rows(database, "SELECT id FROM leads WHERE status <> 3")
        for lead in rng.sample(open_leads, min(2, len(open_leads))):
            command = Command("service", NOON, new_id())
            with suppress(IllegalTransition, LeadNotFound):
                async with database.session() as session:
                    await change_status(session, ADMIN, str(lead["id"]), Transition(LeadStatus.CLOSED), command)
        await asyncio.sleep(0.005)


async def assign_some(database: Database) -> None:
    """Decide on all leads again and again, each time in another order."""
    for number in range(1, 13):
        ids = [lead["id"] for lead in await rows(database, "SELECT id FROM leads ORDER BY random()")]
        await apply(database, *(decision(lead_id, number, member_id=number) for lead_id in ids))
        await asyncio.sleep(0.005)


async def test_closing_and_writing_at_once_leaves_one_open_lead(database: Database) -> None:
    """While leads are closed and assigned, further inquiries find an open lead or open the next one."""
    rng = random.Random(3)
    sent = [inquiry(f"{person}/{number}", phone(str(person))) for person in range(4) for number in range(24)]
    await asyncio.gather(
        register_all(database, cut(sent, rng)),
        close_some(database, rng),
        close_some(database, rng),
        assign_some(database),
    )
    await assert_sound(database, sent)
    leads = await rows(database, "SELECT id, repeat_of_id, person_id FROM leads ORDER BY person_id, id")
    for before, after in pairwise(leads):
        if before["person_id"] == after["person_id"]:
            assert before["id"] == after["repeat_of_id"]


async def test_second_writer_waits_for_the_first_and_sees_what_it_did(database: Database) -> None:
    """Two transactions that meet the same new person: the later one finds the earlier one's open lead."""
    first, second = inquiry("a", phone("1"), mail("a@example.com")), inquiry("b", mail("a@example.com"), phone("1"))
    async with database.transaction() as connection:
        await register_inquiries(connection, [first], NOON, POLICY)
        waiting = asyncio.create_task(register(database, second))
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert set() == done
    (answer,) = await waiting
    assert SettlementOutcome.REPEAT == answer.outcome
    await assert_sound(database, [first, second])
