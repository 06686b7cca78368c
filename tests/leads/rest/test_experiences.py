"""What leads want: told by forms and by colleagues; and how leads that were merged are read."""

from typing import Any

import pytest

from shared.contracts.inquiries import Experience
from shared.kit.database import Database
from tests.leads.makers import inquiry, phone, register
from tests.leads.rest.conftest import Person
from tests.leads.test_forms_in_progress import ANA, FORM, begun, further

TOLD = {
    "name": "Night dive",
    "date": "2026-12-24",
    "passengers": [{"first_name": "Ana", "age": 33}],
    "details": {"certified": True},
}


async def test_forms_and_colleagues_tell_experiences(database: Database, supervisor: Person) -> None:
    """A form's and a colleague's stand beside each other, in pages; history says that one was added."""
    (answer,) = await register(database, begun(fields={"first_name": "Ana"}, experiences=(Experience(name="Lagoon"),)))
    path = f"/{answer.lead_id}/experiences"
    added = await supervisor.call("POST", path, json=TOLD)
    assert (201, TOLD | {"passenger_count": 1}) == (
        added.status_code,
        {name: added.json()[name] for name in (*TOLD, "passenger_count")},
    )
    first = (await supervisor.call("GET", f"{path}?limit=1")).json()
    second = (await supervisor.call("GET", f"{path}?limit=1&cursor={first['next_cursor']}")).json()
    assert [("Lagoon", "visitor", 2), ("Night dive", "member:1", 2)] == [
        (page["items"][0]["name"], page["items"][0]["actor"], page["total"]) for page in (first, second)
    ]
    assert second["next_cursor"] is None
    lines = (await supervisor.call("GET", f"/{answer.lead_id}/history")).json()["items"]
    assert "Added an experience" == lines[-1]["text"]
    assert '"2"' == added.headers["etag"]


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({}, "give at least one"),
        ({"name": "  "}, "give at least one"),
        ({"name": "n" * 201}, "name"),
        ({"date": "Christmas"}, "date"),
        ({"passengers": ["Ana"]}, "passengers.0"),
        ({"passengers": [{"a": {"b": 1}}]}, "passengers.0"),
        ({"passengers": [{}] * 101}, "passengers"),
        ({"passenger_count": 0}, "passenger_count"),
        ({"passenger_count": 10**9}, "passenger_count"),
        ({"actor": "visitor"}, "actor"),
    ],
)
async def test_a_bad_experience_is_refused(
    database: Database, supervisor: Person, wish: dict[str, Any], field: str
) -> None:
    """The problem names what is wrong, and nothing is added."""
    (answer,) = await register(database, inquiry("a", phone(ANA)))
    refused = await supervisor.call("POST", f"/{answer.lead_id}/experiences", json=wish)
    assert 422 == refused.status_code
    assert field in refused.text
    assert 0 == (await supervisor.call("GET", f"/{answer.lead_id}/experiences")).json()["total"]


async def test_a_merged_lead_is_read_and_not_worked_on(database: Database, supervisor: Person) -> None:
    """Its number shows where it went, its uuid leads there, lists leave it out, and nothing can be done with it."""
    (known,) = await register(database, inquiry("chat", phone(ANA), first_name="Ana"))
    (first,) = await register(database, begun(fields={"first_name": "Ana"}))
    await register(database, further(1, {"phone": ANA}))
    merged = (await supervisor.call("GET", f"/{first.lead_id}")).json()
    assert known.lead_id == merged["merged_into_id"]
    assert merged["id"] == (await supervisor.call("GET", f"/{merged['number']}")).json()["id"]
    assert known.lead_id == (await supervisor.call("GET", f"/{FORM}")).json()["id"]
    assert [known.lead_id] == [lead["id"] for lead in (await supervisor.call("GET", "")).json()["items"]]
    lines = (await supervisor.call("GET", f"/{first.lead_id}/history")).json()["items"]
    assert lines[-1]["text"].startswith("Merged into LEAD-")
    assert 404 == (await supervisor.call("PUT", f"/{first.lead_id}", json={"note": "x"})).status_code
    assert 404 == (await supervisor.call("POST", f"/{first.lead_id}/transitions", json={"to": 2})).status_code


async def test_a_colleague_makes_an_unfinished_form_ready(database: Database, supervisor: Person) -> None:
    """Who finds out the phone lets the lead be assigned: it is handed over by the next sweep."""
    (first,) = await register(database, begun(fields={"first_name": "Ana"}))
    note = (await supervisor.call("PUT", f"/{first.lead_id}", json={"note": "typed a name"})).json()
    assert not note["is_ready"]
    phoned = (await supervisor.call("PUT", f"/{first.lead_id}", json={"phone": f"+{ANA}"})).json()
    assert phoned["is_ready"]
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT hand_over_at <= updated_at FROM leads")
