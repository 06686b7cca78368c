"""Writes by REST that race with each other and with registrations."""

import asyncio
from collections.abc import Callable
from typing import Any

from shared.kit.database import Database
from tests.leads.makers import assert_sound, inquiry, phone, published, register, rows
from tests.leads.rest.conftest import Person, own


async def test_one_of_many_writers_wins(opened: Callable[..., Any], supervisor: Person) -> None:
    """Of many edits of the same version exactly one is done."""
    lead_id = await opened("Ada")
    answers = await asyncio.gather(
        *(supervisor.put(f"/{lead_id}", {"note": f"n{n}"}, If_Match='"1"') for n in range(8))
    )
    assert [200] + [412] * 7 == sorted(response.status_code for response in answers)


async def test_edits_and_inquiries_at_once(database: Database, supervisor: Person) -> None:
    """Edits and further inquiries of a person lose nothing of each other, and events come in the order of versions."""
    first = inquiry("first", phone("341"), first_name="Ada")
    (opened,) = await register(database, first)
    further = [inquiry(f"i{n}", phone("341"), first_name="Ada") for n in range(8)]
    await asyncio.gather(
        *(register(database, one) for one in further),
        *(supervisor.put(f"/{opened.lead_id}", {"custom": {f"k{n}": n}}) for n in range(8)),
        *(supervisor.post(f"/{opened.lead_id}/comments", {"text": f"c{n}"}) for n in range(4)),
    )
    lead = await supervisor.get(f"/{opened.lead_id}")
    assert ({f"k{n}": n for n in range(8)}, 21) == (lead["custom"], lead["version"])
    versions = [event["version"] for event in await published(database, "leads.events.v1")]
    assert sorted(versions) == versions
    await assert_sound(database, [first, *further])


async def test_deleting_and_writing_back_at_once(database: Database, supervisor: Person) -> None:
    """While leads are deleted and their people write again, nobody has two open leads and no number is missing."""
    people = [phone(f"3461100000{n}") for n in range(4)]
    sent = [inquiry(f"p{n}", address) for n, address in enumerate(people)]
    answers = await register(database, *sent)
    for turn in range(3):
        again = [inquiry(f"p{n} {turn}", address) for n, address in enumerate(people)]
        sent += again
        await asyncio.gather(
            *(register(database, one) for one in again),
            *(supervisor.delete(f"/{answer.lead_id}") for answer in answers),
            *(supervisor.post("", {"phone": "+" + address.match_key, "first_name": "Ada"}) for address in people[:2]),
        )
    leads = await rows(database, "SELECT * FROM leads WHERE status <> 3 AND deleted_at IS NULL")
    assert len(leads) == len({lead["person_id"] for lead in leads}) == len(people)
    numbers = await rows(database, "SELECT serial FROM leads ORDER BY serial")
    assert list(range(1, len(numbers) + 1)) == [row["serial"] for row in numbers]


async def test_edits_and_decisions_at_once(database: Database, opened: Callable[..., Any], supervisor: Person) -> None:
    """Edits and decisions of assignment, which lock the lead alone, lose nothing of each other."""
    lead_id = await opened("Ada")

    async def decide() -> None:
        for number in range(1, 9):
            await own(database, lead_id, number, number)

    await asyncio.gather(decide(), *(supervisor.put(f"/{lead_id}", {"custom": {f"k{n}": n}}) for n in range(8)))
    lead = await supervisor.get(f"/{lead_id}")
    assert (8, {f"k{n}": n for n in range(8)}, 17) == (lead["assigned_id"], lead["custom"], lead["version"])
    versions = [event["version"] for event in await published(database, "leads.events.v1")]
    assert [1, *range(1, 18)] == versions
