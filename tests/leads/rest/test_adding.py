"""Leads that colleagues or other systems add by REST."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from services.leads.storage import numbering
from shared.kit.database import Database
from tests.leads.makers import phone, published, rows
from tests.leads.rest.conftest import Now, Person

ADA = {"first_name": "Ada", "last_name": "Soler", "phone": "55 1234 5678", "email": "Ada@example.com"}


async def test_new_lead(database: Database, supervisor: Person) -> None:
    """Somebody unknown gets a numbered lead, ready to be assigned, with everything that was given."""
    more = {"source": "fair", "note": "vip", "tags": ["hot", "hot"], "step": 2, "custom": {"pax": 2, "hotel": None}}
    response = await supervisor.post("", ADA | more)
    lead = response.json()
    assert (201, f"/rest/leads/{lead['id']}", '"1"') == (
        response.status_code,
        response.headers["Location"],
        response.headers["ETag"],
    )
    assert ("LEAD-20260302-001", "fair", "vip", ["hot"], 2, {"pax": 2}, 1, True, False) == tuple(
        lead[name] for name in ("number", "source", "note", "tags", "step", "custom", "status", "is_ready", "was_open")
    )
    assert [lead["id"]] == [one["id"] for one in (await supervisor.get(phone="+525512345678"))["items"]]
    answered = {key: value for key, value in lead.items() if key != "was_open"}
    assert answered.items() <= (await supervisor.get(f"/{lead['id']}")).items()
    events = await published(database, "leads.events.v1")
    assert [("lead.created.v1", "fair", 1), ("lead.ready.v1", "fair", 1)] == [
        (event["type"], event["source"], event["version"]) for event in events
    ]
    (line,) = (await supervisor.get(f"/{lead['id']}/history"))["items"]
    stated = ("fair", "vip", ["hot"], 2, {"pax": 2})
    assert stated == tuple(line["changes"][name]["to"] for name in ("source", "note", "tags", "step", "custom"))


async def test_business_day_of_the_zone(supervisor: Person, now: Now) -> None:
    """The number has the day of the business's time zone."""
    now.instant = datetime(2026, 3, 3, 5, 59, tzinfo=UTC)
    assert "LEAD-20260302-001" == (await supervisor.post("", {"first_name": "Ada"})).json()["number"]


async def test_person_with_an_open_lead(database: Database, opened: Callable[..., Any], supervisor: Person) -> None:
    """Somebody known gets no second lead: the open one is answered, gets what it lacked, and says so."""
    lead_id = await opened("Ada", phone("525512345678"))
    await supervisor.put(f"/{lead_id}", {"note": "vip", "tags": ["hot"], "step": 3, "custom": {"pax": 2}})
    response = await supervisor.post(
        "", ADA | {"note": "by the pool", "tags": ["beach"], "step": 2, "custom": {"pax": 3, "hotel": "sea"}}
    )
    lead = response.json()
    assert (200, lead_id, True, True) == (response.status_code, lead["id"], lead["was_open"], lead["is_repeat"])
    assert ("Soler", "vip", ["hot", "beach"], 2, {"pax": 2, "hotel": "sea"}, "form") == tuple(
        lead[name] for name in ("last_name", "note", "tags", "step", "custom", "source")
    )
    comments = await supervisor.get(f"/{lead_id}/comments")
    assert ["by the pool"] == [comment["text"] for comment in comments["items"]]
    assert 2 == (await supervisor.get(f"/{lead_id}/inquiries"))["total"]
    assert [{"count": 1}] == await rows(database, "SELECT count(*) FROM leads")


async def test_number_is_taken_by_the_last_statement(
    database: Database, supervisor: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is written down about a new lead, nothing is asked of the database once the day's counter is locked."""
    statements: list[str] = []

    def note(record: object) -> None:
        statements.append(str(getattr(record, "query", "")))

    opening = numbering.open_leads

    async def watched(connection: Any, *arguments: Any, **named: Any) -> Any:
        connection.add_query_logger(note)
        return await opening(connection, *arguments, **named)

    monkeypatch.setattr(numbering, "open_leads", watched)
    assert 201 == (await supervisor.post("", ADA | {"note": "vip", "tags": ["hot"]})).status_code
    # Before these two the driver may have asked about types.
    assert ["WITH wanted AS", "COMMIT;"] == [" ".join(statement.split()[:3]) for statement in statements[-2:]]


async def test_nobody(supervisor: Person) -> None:
    """A lead without a name and an address is refused."""
    for body in ({}, {"first_name": " ", "note": "x"}, {"source": "fair"}):
        assert 422 == (await supervisor.post("", body)).status_code
