"""The list of leads: filters, order, and pages that hold while rows come in."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from shared.contracts.words import Channel, Evidence
from shared.kit.database import Database
from tests.leads.makers import NOON, inquiry, mail, phone, register
from tests.leads.rest.conftest import Person, own

MOBILE = phone("525512345678", Evidence.VERIFIED)


async def names(person: Person, **query: Any) -> list[str]:
    """The first names of a list that fits one page, sorted by id."""
    page = await person.get("", sort="id", **query)
    assert len(page["items"]) == page["total"]
    return [lead["first_name"] for lead in page["items"]]


@pytest.fixture
async def team(database: Database, opened: Callable[..., Any], supervisor: Person) -> dict[str, int]:
    """Four leads that differ in everything."""
    ids = {
        "Ada": await opened("Ada", MOBILE, mail("ada@example.com"), last_name="Soler Ríos", owner=7),
        "Bob": await opened("Bob", phone("4930123456"), received_at=NOON - timedelta(days=3), owner=8),
        "Cleo": await opened("Cleo", mail("cleo_1@example.org"), channel=Channel.WHATSAPP),
        "Dan": await opened("Dan", phone("4930999999"), day=date(2026, 3, 3)),
    }
    await register(database, inquiry("again", mail("cleo_1@example.org"), first_name="Cleo"))
    await supervisor.put(f"/{ids['Bob']}", {"status": 2, "step": 2, "tags": ["hot", "beach"]})
    await supervisor.put(f"/{ids['Dan']}", {"tags": ["hot"], "source": "fair", "phone": "044 55 8765 4321"})
    return ids


FILTERS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["Ada", "Bob", "Cleo", "Dan"]),
    ({"status": 1}, ["Ada", "Cleo", "Dan"]),
    ({"status": [2, 4]}, ["Bob"]),
    ({"step": 2}, ["Bob"]),
    ({"source": "fair"}, ["Dan"]),
    ({"source": ["fair", "whatsapp"]}, ["Cleo", "Dan"]),
    ({"assigned_id": 7}, ["Ada"]),
    ({"assigned_id": "none"}, ["Cleo", "Dan"]),
    ({"assigned_id": [8, "none"]}, ["Bob", "Cleo", "Dan"]),
    ({"tag": "hot"}, ["Bob", "Dan"]),
    ({"tag": ["hot", "beach"]}, ["Bob"]),
    ({"tag": "hot'}"}, []),
    ({"ready": True}, ["Ada", "Bob", "Cleo", "Dan"]),
    ({"ready": False}, []),
    ({"repeat": True}, ["Cleo"]),
    ({"created_from": "2026-03-02"}, ["Ada", "Cleo", "Dan"]),
    ({"created_to": "2026-03-01"}, ["Bob"]),
    ({"created_to": "2026-02-27"}, ["Bob"]),
    ({"created_to": "2026-02-26"}, []),
    ({"created_from": "2026-03-02T12:00:00Z", "created_to": "2026-03-02T12:00:01Z"}, ["Ada", "Cleo", "Dan"]),
    ({"created_to": "2026-03-02T12:00:00Z"}, ["Bob"]),
    ({"q": "soler ADA"}, ["Ada"]),
    ({"q": "example"}, ["Ada", "Cleo"]),
    ({"q": "cleo_1"}, ["Cleo"]),
    ({"q": "cleo%1"}, []),
    ({"q": "20260303-001"}, ["Dan"]),
    ({"q": "55 1234"}, ["Ada"]),
    ({"q": "123456"}, ["Ada", "Bob"]),
    ({"q": "nobody"}, []),
    ({"status": 1, "q": "dan", "tag": "hot"}, ["Dan"]),
]


async def test_filters(team: dict[str, int], supervisor: Person) -> None:
    """Each filter finds what it says, and several find what all of them do."""
    found = [(query, await names(supervisor, **query)) for query, _ in FILTERS]
    assert found == FILTERS


SPELLINGS = [
        "+52 1 55 1234 5678", " 52 1 55 1234 5678", "0052 55 1234 5678", "5215512345678", "55 1234 5678", "5512345678",
        "044 55 1234 5678", "tel:+525512345678", "(55) 1234-5678", "+٥٢٥٥١٢٣٤٥٦٧٨",
]  # fmt: skip


async def test_phone_in_any_spelling(team: dict[str, int], supervisor: Person) -> None:
    """A phone finds its lead however it is written, also after a URL turned its plus into a blank."""
    found = {spelling: await names(supervisor, phone=spelling) for spelling in SPELLINGS}
    assert {spelling: ["Ada"] for spelling in SPELLINGS} == found


async def test_phone_that_staff_wrote(team: dict[str, int], supervisor: Person) -> None:
    """A number that was edited by hand is found under its new spelling, and its person by the one they had before."""
    assert ["Dan"] == await names(supervisor, phone="+525587654321")
    await supervisor.put(f"/{team['Dan']}", {"phone": "12345 ext"})
    assert ["Dan"] == await names(supervisor, phone="12345")
    assert ["Dan"] == await names(supervisor, phone="+525587654321")


async def test_second_phone_of_a_person(opened: Callable[..., Any], supervisor: Person) -> None:
    """A lead is found by every number that its person is known by."""
    await opened("Eve", phone("34911", Evidence.VERIFIED), phone("34600111222", Evidence.VERIFIED))
    assert ["Eve"] == await names(supervisor, phone="+34 600 111 222")


async def test_order_and_pages(team: dict[str, int], supervisor: Person) -> None:
    """Pages of any order, put together, are the whole list in that order, and the other way round its reverse."""
    for field in ("created_at", "updated_at", "number", "status", "id"):
        await _assert_ordered(supervisor, team, field)


async def _assert_ordered(supervisor: Person, team: dict[str, int], field: str) -> None:
    ids = {}
    for sign in ("", "-"):
        walked = await walk(supervisor, sort=f"{sign}{field}", limit=1)
        ids[sign] = [lead["id"] for lead in walked]
        values = [_comparable(lead[field]) for lead in walked]
        assert sorted(values, reverse=bool(sign)) == values
    assert (sorted(team.values()), ids[""]) == (sorted(ids["-"]), ids["-"][::-1])


def _comparable(value: Any) -> Any:
    return datetime.fromisoformat(value) if isinstance(value, str) and "T" in value else value


async def walk(person: Person, **query: Any) -> list[dict[str, Any]]:
    """All pages of a list."""
    found, cursor = [], None
    while True:
        page = await person.get("", **query, **({"cursor": cursor} if cursor else {}))
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


async def test_pages_hold_while_leads_come_in(database: Database, supervisor: Person) -> None:
    """Walking the list while others open leads shows each lead that was there once, in both directions."""
    at = datetime(2026, 3, 2, 12, tzinfo=UTC)
    old = [inquiry(f"old {n}", phone(f"34{n:07}"), received_at=at) for n in range(7)]
    there = {answer.lead_id for answer in await register(database, *old)}
    for round_, sort in enumerate(("-created_at", "created_at")):
        seen, cursor, turn = [], None, 0
        while turn == 0 or cursor:
            page = await supervisor.get("", sort=sort, limit=2, **({"cursor": cursor} if cursor else {}))
            seen += [lead["id"] for lead in page["items"]]
            cursor, turn = page["next_cursor"], turn + 1
            if turn < 4:
                new = inquiry(f"new {sort} {turn}", phone(f"44{round_:03}{turn:04}"), received_at=at)
                await register(database, new)
        assert len(seen) == len(set(seen))
        assert there <= set(seen)


async def test_number_past_999(database: Database, supervisor: Person) -> None:
    """The thousandth lead of a day sorts after the 999th."""
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO day_counters VALUES ('2026-03-02', 998)")
    await register(database, inquiry("a", phone("341")), inquiry("b", phone("342")))
    walked = await walk(supervisor, sort="-number", limit=1)
    assert ["LEAD-20260302-1000", "LEAD-20260302-999"] == [lead["number"] for lead in walked]


async def test_cursor_of_another_order(team: dict[str, int], supervisor: Person) -> None:
    """A cursor only goes on in the order it was made for."""
    cursor = (await supervisor.get("", limit=1))["next_cursor"]
    response = await supervisor.call("GET", params={"limit": 1, "cursor": cursor, "sort": "number"})
    assert (422, "cursor") == (response.status_code, response.json()["errors"][0]["field"])


async def test_salesperson_lists_their_own(database: Database, team: dict[str, int], salesperson: Person) -> None:
    """A salesperson's list, its total and every filter end at the leads they own."""
    assert ["Ada"] == await names(salesperson)
    assert [] == await names(salesperson, assigned_id=8)
    assert [] == await names(salesperson, tag="hot")
    await own(database, team["Dan"], 7)
    assert ["Ada", "Dan"] == await names(salesperson)


BAD_QUERIES: list[tuple[dict[str, Any], str]] = [
        ({"status": 5}, "status"), ({"status": "x"}, "status"), ({"sort": "name"}, "sort"), ({"limit": 0}, "limit"),
        ({"limit": 201}, "limit"), ({"limit": "9" * 5000}, "limit"), ({"cursor": "x"}, "cursor"),
        ({"cursor": "W10"}, "cursor"), ({"created_from": "yesterday"}, "created_from"),
        ({"created_to": "9999-12-31"}, "created_to"), ({"created_from": "0001-01-01"}, "created_from"),
        ({"phone": "abc"}, "phone"), ({"phone": "12 34"}, "phone"),
        ({"q": "a\x00b"}, "q"), ({"phone": "\x00"}, "phone"), ({"tag": "\x00"}, "tag"), ({"source": "\x00"}, "source"),
        ({"assigned_id": 2**63}, "assigned_id"), ({"assigned_id": -1}, "assigned_id"), ({"ready": "maybe"}, "ready"),
        ({"colour": "red"}, "colour"), ({"q": "x" * 201}, "q"),
]  # fmt: skip


async def test_bad_queries(supervisor: Person) -> None:
    """What a list cannot be asked for is 422 and names the parameter."""
    for query, field in BAD_QUERIES:
        response = await supervisor.call("GET", params=query)
        assert 422 == response.status_code, query
        assert response.json()["errors"][0]["field"].startswith(field)
