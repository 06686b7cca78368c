"""Editing, moving, commenting and deleting leads by REST."""

from collections.abc import Callable
from typing import Any

import pytest

from services.leads.clients.assignment import AssignmentAway, Decision, DecisionRefused
from shared.contracts.words import Role, SettlementOutcome
from shared.kit.database import Database
from tests.leads.makers import inquiry, lead_of, mail, phone, published, register, rows, state
from tests.leads.rest.conftest import FakeAssignment, Person, own

EVENTS = "leads.events.v1"


async def last_event(database: Database) -> dict[str, Any]:
    """The last event about a lead."""
    return (await published(database, EVENTS))[-1]


async def test_partial_edit(database: Database, opened: Callable[..., Any], supervisor: Person) -> None:
    """Only what is given changes; the lead is a version newer, history says what, the event only which fields."""
    lead_id = await opened("Ada", mail("ada@example.com"))
    response = await supervisor.put(f"/{lead_id}", {"last_name": " Soler ", "note": "vip", "custom": {"pax": 2}})
    lead = response.json()
    assert (200, '"2"', 2) == (response.status_code, response.headers["ETag"], lead["version"])
    assert ("Ada", "Soler", "ada@example.com", "vip") == tuple(
        lead[name] for name in ("first_name", "last_name", "email", "note")
    )
    assert lead.items() <= (await supervisor.get(f"/{lead_id}")).items()
    (line,) = (await supervisor.get(f"/{lead_id}/history"))["items"][1:]
    assert ("member:1", {"from": None, "to": "Soler"}) == (line["actor"], line["changes"]["last_name"])
    event = await last_event(database)
    assert ("lead.changed.v1", 2, ["custom", "last_name", "note"]) == (event["type"], event["version"], event["fields"])
    assert "Soler" not in str(event)


async def test_edit_to_the_same(database: Database, opened: Callable[..., Any], supervisor: Person) -> None:
    """An edit that changes nothing leaves version, history and outbox alone."""
    lead_id = await opened("Ada")
    before = await state(database)
    response = await supervisor.put(f"/{lead_id}", {"first_name": "Ada", "status": 1, "tags": [], "note": " "})
    assert (200, 1) == (response.status_code, response.json()["version"])
    assert before == await state(database)


async def test_custom_fields_are_merged(opened: Callable[..., Any], supervisor: Person) -> None:
    """Of the custom fields only the given ones change, and null removes one."""
    lead_id = await opened("Ada")
    await supervisor.put(f"/{lead_id}", {"custom": {"pax": 2, "hotel": "sea", "ids": ["a"]}})
    lead = (await supervisor.put(f"/{lead_id}", {"custom": {"hotel": None, "paid": False, "sum": 1.5}})).json()
    assert {"pax": 2, "ids": ["a"], "paid": False, "sum": 1.5} == lead["custom"]


async def test_both_spellings_of_the_reason(opened: Callable[..., Any], supervisor: Person) -> None:
    """Either spelling is read and both are answered; both at once must agree."""
    lead_id = await opened("Ada")
    for name in ("abadon_reason", "abandon_reason"):
        lead = (await supervisor.put(f"/{lead_id}", {name: name})).json()
        assert (name, name) == (lead["abadon_reason"], lead["abandon_reason"])
    both = await supervisor.put(f"/{lead_id}", {"abadon_reason": "a", "abandon_reason": "b"})
    assert 422 == both.status_code
    lead = (await supervisor.put(f"/{lead_id}", {"abadon_reason": None})).json()
    assert lead["abandon_reason"] is None


async def test_version_check(database: Database, opened: Callable[..., Any], supervisor: Person) -> None:
    """Every write with an old version is 412, tells the present one, and changes nothing."""
    lead_id = await opened("Ada")
    first = await supervisor.put(f"/{lead_id}", {"note": "a"}, If_Match='"1"')
    assert 200 == first.status_code
    before = await state(database)
    stale = {"If_Match": '"1"'}
    refused = [
        await supervisor.put(f"/{lead_id}", {"note": "b"}, **stale),
        await supervisor.put(f"/{lead_id}", {"assigned_id": 3}, **stale),
        await supervisor.post(f"/{lead_id}/transitions", {"to": 2}, **stale),
        await supervisor.post(f"/{lead_id}/comments", {"text": "b"}, **stale),
        await supervisor.delete(f"/{lead_id}", **stale),
    ]
    assert [412] * 5 == [response.status_code for response in refused]
    assert {(2, '"2"')} == {(response.json()["version"], response.headers["ETag"]) for response in refused}
    assert before == await state(database)
    for good in ('W/"2"', "*", '"4"'):
        assert 200 == (await supervisor.put(f"/{lead_id}", {"note": good}, If_Match=good)).status_code
    assert 422 == (await supervisor.put(f"/{lead_id}", {"note": "c"}, If_Match="latest")).status_code


async def test_moves(database: Database, opened: Callable[..., Any], salesperson: Person) -> None:
    """A lead walks its table by transitions and by PUT alike, and each move is an event."""
    lead_id = await opened("Ada", owner=7)
    walked = [
        await salesperson.post(f"/{lead_id}/transitions", {"to": 2}),
        await salesperson.put(f"/{lead_id}", {"status": 4, "note": "wants to pay"}),
        await salesperson.post(f"/{lead_id}/transitions", {"to": 3, "outcome": "lost", "reason": "no answer"}),
    ]
    assert [200] * 3 == [response.status_code for response in walked]
    assert [(2, None), (4, None), (3, "lost")] == [
        (response.json()["status"], response.json()["outcome"]) for response in walked
    ]
    event = await last_event(database)
    assert ("lead.status_changed.v1", 4, 3, "lost", 7) == tuple(
        event[name] for name in ("type", "from_status", "to_status", "outcome", "assigned_id")
    )


@pytest.mark.parametrize(
    ("body", "legal"),
    [
        ({"to": 4}, [{"to": 2, "outcome": None}, {"to": 3, "outcome": "lost"}]),
        ({"to": 3, "outcome": "won"}, [{"to": 2, "outcome": None}, {"to": 3, "outcome": "lost"}]),
        ({"to": 1}, [{"to": 2, "outcome": None}, {"to": 3, "outcome": "lost"}]),
    ],
)
async def test_illegal_move(
    database: Database, opened: Callable[..., Any], supervisor: Person, body: dict[str, Any], legal: list[Any]
) -> None:
    """A move that the table does not have is 409, names the legal ones and changes nothing."""
    lead_id = await opened("Ada")
    before = await state(database)
    response = await supervisor.post(f"/{lead_id}/transitions", body)
    problem = response.json()
    assert (409, "application/problem+json") == (response.status_code, response.headers["content-type"])
    assert (1, legal) == (problem["status_now"], problem["legal_moves"])
    assert before == await state(database)


async def test_illegal_move_in_an_edit(database: Database, opened: Callable[..., Any], supervisor: Person) -> None:
    """An edit whose status is refused changes none of its other fields."""
    lead_id = await opened("Ada")
    await supervisor.post(f"/{lead_id}/transitions", {"to": 3})
    before = await state(database)
    for body in ({"status": 2, "note": "x"}, {"status": 3, "outcome": "won", "note": "x"}):
        assert 409 == (await supervisor.put(f"/{lead_id}", body)).status_code
    assert before == await state(database)


async def test_deleted_lead(database: Database, opened: Callable[..., Any], supervisor: Person) -> None:
    """A deleted lead is gone, keeps its number and frees its owner; its person's next inquiry opens a new lead."""
    lead_id = await opened("Ada", phone("341"), owner=7)
    response = await supervisor.delete(f"/{lead_id}")
    assert (204, b"") == (response.status_code, response.content)
    event = await last_event(database)
    assert ("lead.deleted.v1", lead_id, 7, 3) == tuple(
        event[name] for name in ("type", "lead_id", "assigned_id", "version")
    )
    again = [
        await supervisor.delete(f"/{lead_id}"),
        await supervisor.put(f"/{lead_id}", {"note": "x"}),
        await supervisor.post(f"/{lead_id}/transitions", {"to": 2}),
        await supervisor.post(f"/{lead_id}/comments", {"text": "x"}),
        *[await supervisor.call("GET", f"/{lead_id}{part}") for part in ("", "/history", "/comments", "/inquiries")],
    ]
    assert [404] * 8 == [response.status_code for response in again]
    assert 0 == (await supervisor.get())["total"]
    (answer,) = await register(database, inquiry("back", phone("341"), first_name="Ada"))
    lead = await lead_of(database, answer.lead_id)
    assert (SettlementOutcome.NEW, "LEAD-20260302-002", lead_id) == (
        answer.outcome,
        lead["number"],
        lead["repeat_of_id"],
    )


async def test_assigning(
    database: Database, opened: Callable[..., Any], supervisor: Person, assignment: FakeAssignment
) -> None:
    """assignment decides in the caller's name; the answer has the owner, and the decision's event changes nothing."""
    lead_id = await opened("Ada")
    response = await supervisor.put(f"/{lead_id}", {"assigned_id": 7, "note": "yours"}, If_Match='"1"')
    lead = response.json()
    assert (200, 7, "yours", 3) == (response.status_code, lead["assigned_id"], lead["note"], lead["version"])
    assert [(lead_id, 7, 1)] == assignment.asked
    assert ["lead.assigned.v1", "lead.changed.v1"] == [
        event["type"] for event in (await published(database, EVENTS))[-2:]
    ]


async def test_assigning_as_the_admin_of_no_member(
    opened: Callable[..., Any], person: Callable[[Role, int], Person], assignment: FakeAssignment
) -> None:
    """The admin who signs in before there is a team decides as member 0, who is not a service."""
    lead_id = await opened("Ada")
    assert 7 == (await person(Role.ADMIN, 0).put(f"/{lead_id}", {"assigned_id": 7})).json()["assigned_id"]
    assert [(lead_id, 7, 0)] == assignment.asked


async def test_assigning_as_a_service(opened: Callable[..., Any], service: Person, assignment: FakeAssignment) -> None:
    """A service decides for nobody."""
    lead_id = await opened("Ada")
    assert 7 == (await service.put(f"/{lead_id}", {"assigned_id": 7})).json()["assigned_id"]
    assert [(lead_id, 7, None)] == assignment.asked


async def test_decision_that_was_faster(
    database: Database, opened: Callable[..., Any], supervisor: Person, assignment: FakeAssignment
) -> None:
    """A decision whose event came before the answer is no conflict with the version that the caller saw."""
    lead_id = await opened("Ada")

    async def published_first(decision: Decision) -> None:
        await own(database, lead_id, 7, decision_id=decision.id)

    assignment.before_answer = published_first
    response = await supervisor.put(f"/{lead_id}", {"assigned_id": 7}, If_Match='"1"')
    assert (200, 7, 2) == (response.status_code, response.json()["assigned_id"], response.json()["version"])
    assert 1 == len(await rows(database, "SELECT * FROM assignment_answers"))


async def test_decision_that_was_overtaken(database: Database, opened: Callable[..., Any], supervisor: Person) -> None:
    """A decision that is older than what leads knows already is answered as refused, and nothing is done."""
    lead_id = await opened("Ada")
    await own(database, lead_id, 8, number=2)
    before = await state(database)
    response = await supervisor.put(f"/{lead_id}", {"assigned_id": 7, "note": "x"})
    assert (409, "assigned_id") == (response.status_code, response.json()["errors"][0]["field"])
    assert before == await state(database)


@pytest.mark.parametrize(("close", "status"), [(False, 412), (True, 409)])
async def test_refusal_after_the_decision(
    database: Database,
    opened: Callable[..., Any],
    supervisor: Person,
    assignment: FakeAssignment,
    close: bool,
    status: int,
) -> None:
    """An edit that fails when assignment has decided already says that the owner may have changed, and to whom."""
    lead_id = await opened("Ada")

    async def somebody_edits(_: Decision) -> None:
        if close:
            await supervisor.post(f"/{lead_id}/transitions", {"to": 3})
        else:
            await supervisor.put(f"/{lead_id}", {"note": "faster"})

    assignment.before_answer = somebody_edits
    version = "*" if close else '"1"'
    response = await supervisor.put(f"/{lead_id}", {"assigned_id": 7, "tags": ["x"]}, If_Match=version)
    problem = response.json()
    assert (status, 7) == (response.status_code, problem["decided_member_id"])
    assert "its owner may have changed" in problem["detail"]
    assert [] == (await supervisor.get(f"/{lead_id}"))["tags"]


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (DecisionRefused(409, "Ben holds 30 open leads; their capacity is 30."), 409),
        (DecisionRefused(404, "The team has no member 7."), 409),
        (DecisionRefused(422, "member_id: too large"), 422),
        (AssignmentAway(), 503),
    ],
)
async def test_refused_decision(
    database: Database,
    opened: Callable[..., Any],
    supervisor: Person,
    assignment: FakeAssignment,
    refusal: DecisionRefused | AssignmentAway,
    status: int,
) -> None:
    """What assignment refuses is answered in its words, and nothing of the edit is done."""
    lead_id = await opened("Ada")
    assignment.refusal = refusal
    before = await state(database)
    response = await supervisor.put(f"/{lead_id}", {"assigned_id": 7, "note": "x"})
    assert status == response.status_code
    assert str(refusal) in response.json()["detail"]
    assert before == await state(database)


@pytest.mark.parametrize(
    ("body", "status"),
    [({"assigned_id": 7, "status": 4}, 409), ({"assigned_id": 0}, 422), ({"assigned_id": None}, 422)],
)
async def test_assignment_is_asked_last(
    opened: Callable[..., Any], supervisor: Person, assignment: FakeAssignment, body: dict[str, Any], status: int
) -> None:
    """An edit that would fail anyway does not reach assignment."""
    lead_id = await opened("Ada")
    assert status == (await supervisor.put(f"/{lead_id}", body)).status_code
    assert [] == assignment.asked
