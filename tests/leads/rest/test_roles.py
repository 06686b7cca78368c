"""Who may read and write what: every role, every object, every column."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from services.leads.storage.tables import Lead
from shared.contracts.words import Role
from shared.kit.database import Database
from shared.kit.security import mint_person_token
from tests.leads.makers import state
from tests.leads.rest.conftest import FakeAssignment, Person
from tests.support.keys import PRIVATE_KEY

READS = ["", "/history", "/comments", "/inquiries"]
WRITES: list[tuple[str, str, Any]] = [
    ("PUT", "", {"note": "x"}),
    ("POST", "/transitions", {"to": 2}),
    ("POST", "/comments", {"text": "x"}),
]
FOR_SUPERVISORS: list[tuple[str, str, Any]] = [
    ("PUT", "", {"source": "x"}),
    ("PUT", "", {"assigned_id": 9, "note": "x"}),
    ("DELETE", "", None),
]
MINE, OTHERS, NOBODYS = 0, 1, 2

VALUES: dict[str, Any] = {
    "first_name": "X", "last_name": "X", "phone": "+34911222333", "email": "x@example.com", "note": "x", "step": 1,
    "tags": ["x"], "custom": {"x": 1}, "status": 2, "abandon_reason": "x", "source": "x", "assigned_id": 9,
}  # fmt: skip
FOR_ALL = set(VALUES) - {"source", "assigned_id"}


@pytest.fixture
async def leads(opened: Callable[..., Any]) -> list[int]:
    """A lead of member 7, one of member 8, and one without an owner."""
    return [await opened("Ada", owner=7), await opened("Bob", owner=8), await opened("Cleo")]


async def do(person: Person, method: str, path: str, body: Any) -> int:
    """The status of a request."""
    return (await person.call(method, path, **({"json": body} if body else {}))).status_code


async def test_reading(leads: list[int], person: Callable[[Role, int], Person]) -> None:
    """A salesperson reads what they own and finds nothing else; supervisors and admins read everything."""
    for role in Role:
        for which, lead_id in enumerate(leads):
            expected = 404 if role is Role.SALESPERSON and which != MINE else 200
            found = [await do(person(role, 7), "GET", f"/{lead_id}{part}", None) for part in READS]
            assert [expected] * len(READS) == found


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("which", [MINE, OTHERS, NOBODYS])
async def test_writing(
    database: Database, leads: list[int], person: Callable[[Role, int], Person], role: Role, which: int
) -> None:
    """A salesperson writes what they own; what they may not write stays as it was."""
    before = await state(database)
    found = [await do(person(role, 7), method, f"/{leads[which]}{path}", body) for method, path, body in WRITES]
    if role is Role.SALESPERSON and which != MINE:
        assert [404] * len(WRITES) == found
        assert before == await state(database)
    else:
        assert [200, 200, 201] == found


async def test_what_is_for_supervisors(
    database: Database, leads: list[int], salesperson: Person, assignment: FakeAssignment
) -> None:
    """A salesperson neither deletes nor adds nor gives away leads, not even their own."""
    before = await state(database)
    found = [await do(salesperson, method, f"/{leads[MINE]}{path}", body) for method, path, body in FOR_SUPERVISORS]
    found.append(await do(salesperson, "POST", "", {"first_name": "Dan"}))
    assert [403] * 4 == found
    assert (before, []) == (await state(database), assignment.asked)


@pytest.mark.parametrize("role", list(Role))
async def test_every_column(
    database: Database,
    leads: list[int],
    person: Callable[[Role, int], Person],
    assignment: FakeAssignment,
    role: Role,
) -> None:
    """Each column can be written by the roles that it is for and by nobody else."""
    assignment.decisions[leads[MINE]] = 1
    # The owner last, or the lead would be nobody's for a salesperson.
    for column in sorted(Lead.model_fields, key=lambda name: name == "assigned_id"):
        before = await state(database)
        status = await do(person(role, 7), "PUT", f"/{leads[MINE]}", {column: VALUES.get(column, 1)})
        is_allowed = column in FOR_ALL or role is not Role.SALESPERSON
        expected = 422 if column not in VALUES else 200 if is_allowed else 403
        assert (column, expected) == (column, status)
        assert (before == await state(database)) is (expected != 200)


async def test_a_service_is_an_admin(leads: list[int], service: Person) -> None:
    """The service token reads and writes everything."""
    assert 3 == (await service.get())["total"]
    assert 204 == (await service.delete(f"/{leads[OTHERS]}")).status_code


async def test_lead_that_went_to_somebody_else(
    database: Database, leads: list[int], salesperson: Person, supervisor: Person, assignment: FakeAssignment
) -> None:
    """A lead that is given away is gone for its former owner at once."""
    assignment.decisions[leads[MINE]] = 1
    await supervisor.put(f"/{leads[MINE]}", {"assigned_id": 8})
    assert [404, 404] == [
        await do(salesperson, "GET", f"/{leads[MINE]}", None),
        await do(salesperson, "PUT", f"/{leads[MINE]}", {"note": "x"}),
    ]


ROUTES = [
    ("GET", ""), ("POST", ""), ("GET", "/1"), ("PUT", "/1"), ("DELETE", "/1"), ("POST", "/1/transitions"),
    ("GET", "/1/history"), ("GET", "/1/comments"), ("POST", "/1/comments"), ("GET", "/1/inquiries"),
]  # fmt: skip


async def test_without_a_valid_token(http: httpx2.AsyncClient) -> None:
    """Every route needs a token that was made for leads."""
    stranger = mint_person_token(PRIVATE_KEY, member_id=1, role=Role.ADMIN, audience="assignment")
    for method, path in ROUTES:
        for header in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Bearer {stranger}"}):
            response = await http.request(method, f"/rest/leads{path}", headers=header, json={})
            assert (401, "Bearer") == (response.status_code, response.headers["WWW-Authenticate"])
