"""Phones and mail addresses that are written on a lead: its person is known by them."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from services.leads.domain.people import Reason
from shared.contracts.words import Evidence
from shared.kit.database import Database
from tests.leads.makers import inquiry, lead_of, mail, phone, register, rows
from tests.leads.rest.conftest import Person

PHONE = phone("525512345678")


@pytest.mark.parametrize("more", [{}, {"assigned_id": 7}])
async def test_written_address_joins_its_person(
    database: Database, opened: Callable[..., Any], supervisor: Person, more: dict[str, int]
) -> None:
    """Whoever has a phone or a mail address from an edit is recognised by it, as by one that they stated."""
    lead_id = await opened("Ada")
    wish = {"phone": "55 1234 5678", "email": "mailto:Ada@Example.com."}
    response = await supervisor.put(f"/{lead_id}", wish | more)
    assert 200 == response.status_code
    asked = [inquiry("a", PHONE, first_name="Ada"), inquiry("b", mail("ada@example.com"), first_name="Ada")]
    assert [lead_id] * 2 == [answer.lead_id for answer in await register(database, *asked)]
    known = await rows(database, "SELECT kind, value, evidence FROM identities ORDER BY kind DESC")
    assert [("phone", "55 1234 5678", "stated"), ("email", "mailto:Ada@Example.com.", "stated")] == [
        tuple(one.values()) for one in known
    ]


@pytest.mark.parametrize(("name", "reason"), [("Ada", Reason.STATED_ELSEWHERE), ("Bo", Reason.NAME_CONFLICT)])
async def test_written_address_of_somebody_else(
    database: Database, opened: Callable[..., Any], supervisor: Person, name: str, reason: Reason
) -> None:
    """An address that is another person's stays theirs, with its evidence, and the two are candidates."""
    (owner,) = await register(
        database, inquiry("owner", PHONE.model_copy(update={"evidence": Evidence.VERIFIED}), first_name="Ada")
    )
    lead_id = await opened(name)
    for _ in range(2):
        assert 200 == (await supervisor.put(f"/{lead_id}", {"phone": "+52 1 55 1234 5678"})).status_code
    of_owner, of_lead = await lead_of(database, owner.lead_id), await lead_of(database, lead_id)
    (identity,) = await rows(database, "SELECT * FROM identities")
    assert (of_owner["person_id"], "verified") == (identity["person_id"], identity["evidence"])
    (candidate,) = await rows(database, "SELECT * FROM person_candidates")
    assert (of_lead["person_id"], of_owner["person_id"], reason) == (
        candidate["person_id"],
        candidate["other_person_id"],
        candidate["reason"],
    )


async def test_address_that_identifies_nobody(
    database: Database, opened: Callable[..., Any], supervisor: Person
) -> None:
    """A number that no plan has room for, and an edit that is refused, leave no identity behind."""
    lead_id = await opened("Ada")
    await supervisor.put(f"/{lead_id}", {"phone": "12345"})
    refused = [
        await supervisor.put(f"/{lead_id}", {"phone": "55 1234 5678"}, If_Match='"1"'),
        await supervisor.put(f"/{lead_id}", {"phone": "55 1234 5678", "status": 4}),
        await supervisor.put("/999", {"phone": "55 1234 5678"}),
    ]
    assert [412, 409, 404] == [response.status_code for response in refused]
    assert [] == await rows(database, "SELECT * FROM identities")


async def test_edits_and_inquiries_with_the_same_addresses(database: Database, supervisor: Person) -> None:
    """Edits that swap the addresses of people who are writing at the same time all succeed, and no address is lost."""
    numbers = [f"5255123456{n:02d}" for n in range(4)]
    people = await register(database, *(inquiry(number, mail(f"{number}@example.com")) for number in numbers))
    again = [inquiry(f"{n} {t}", phone(n), mail(f"{n}@example.com")) for t in range(3) for n in numbers]
    edits, _ = await asyncio.gather(
        asyncio.gather(*(supervisor.put(f"/{who.lead_id}", {"phone": f"+{n}"}) for who in people for n in numbers)),
        asyncio.gather(*(register(database, *again[start : start + 3]) for start in range(0, len(again), 3))),
    )
    assert {200} == {response.status_code for response in edits}
    orphans = "SELECT * FROM identities WHERE person_id NOT IN (SELECT id FROM people)"
    assert [] == await rows(database, orphans)
    assert 8 == len(await rows(database, "SELECT * FROM identities"))
