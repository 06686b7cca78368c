"""Writes that are sent again under the same Idempotency-Key."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from shared.contracts.words import Role
from shared.kit.database import Database
from tests.leads.makers import rows, state
from tests.leads.rest.conftest import FakeAssignment, Person

ADA = {"first_name": "Ada", "phone": "55 1234 5678"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "", {"first_name": "Bob"}),
        ("PUT", "/1", {"note": "x", "status": 2}),
        ("PUT", "/1", {"assigned_id": 7, "note": "x"}),
        ("POST", "/1/transitions", {"to": 2}),
        ("POST", "/1/comments", {"text": "x"}),
        ("DELETE", "/1", None),
    ],
)
async def test_sent_twice(
    database: Database,
    supervisor: Person,
    assignment: FakeAssignment,
    method: str,
    path: str,
    body: dict[str, Any] | None,
) -> None:
    """The second time has the first time's answer and no effect."""
    await supervisor.post("", ADA)
    keyed = {"headers": {"Idempotency-Key": "k-1"}, **({"json": body} if body else {})}
    first = await supervisor.call(method, path, **keyed)
    before, asked = await state(database), len(assignment.asked)
    second = await supervisor.call(method, path, **keyed)
    assert first.is_success, first.text
    assert (first.status_code, first.content, first.headers) == (second.status_code, second.content, second.headers)
    assert (before, asked) == (await state(database), len(assignment.asked))


async def test_key_with_another_body(database: Database, supervisor: Person) -> None:
    """A key belongs to its request: with another body or path it is refused."""
    lead = (await supervisor.post("", ADA, Idempotency_Key="k")).json()
    before = await state(database)
    others = [
        await supervisor.post("", ADA | {"note": "x"}, Idempotency_Key="k"),
        await supervisor.put(f"/{lead['id']}", ADA, Idempotency_Key="k"),
    ]
    assert [(422, "Idempotency-Key")] * 2 == [
        (response.status_code, response.json()["errors"][0]["field"]) for response in others
    ]
    assert before == await state(database)


async def test_key_of_somebody_else(supervisor: Person, person: Callable[[Role, int], Person]) -> None:
    """Two people may use the same key."""
    bodies = ({"first_name": "Ada"}, {"first_name": "Bob"})
    for who, body in zip((supervisor, person(Role.SUPERVISOR, 2)), bodies, strict=True):
        assert 201 == (await who.post("", body, Idempotency_Key="k")).status_code


async def test_key_of_a_refused_write(opened: Callable[..., Any], supervisor: Person) -> None:
    """A write that was refused leaves its key free."""
    lead_id = await opened("Ada")
    stale = await supervisor.put(f"/{lead_id}", {"note": "x"}, Idempotency_Key="k", If_Match='"9"')
    again = await supervisor.put(f"/{lead_id}", {"note": "x"}, Idempotency_Key="k", If_Match='"1"')
    assert (412, 200) == (stale.status_code, again.status_code)


async def test_sent_at_the_same_time(database: Database, supervisor: Person) -> None:
    """Of many equal requests at once one does the work and all get its answer."""
    answers = await asyncio.gather(*(supervisor.post("", ADA, Idempotency_Key="k") for _ in range(8)))
    assert {201} == {response.status_code for response in answers}
    assert 1 == len({response.content for response in answers})
    assert [{"count": 1}] == await rows(database, "SELECT count(*) FROM inquiries")


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
async def test_unusable_key(supervisor: Person, key: str) -> None:
    """A key that cannot be kept is refused."""
    response = await supervisor.post("", ADA, Idempotency_Key=key)
    assert (422, "Idempotency-Key") == (response.status_code, response.json()["errors"][0]["field"])
