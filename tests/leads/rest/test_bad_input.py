"""What clients send that nobody can store: always a problem document, never an error of ours."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.kit.database import Database
from tests.leads.makers import state
from tests.leads.rest.conftest import Person

EDITS: list[tuple[str, bytes]] = [
    ("first_name", b'{"first_name": "a\\u0000b"}'),
    ("first_name", b'{"first_name": "\\ud800"}'),
    ("first_name", b'{"first_name": 7}'),
    ("first_name", b'{"first_name": "%s"}' % (b"x" * 201)),
    ("note", b'{"note": "%s"}' % (b"x" * 10_001)),
    ("phone", b'{"phone": "call me"}'),
    ("email", b'{"email": "ada"}'),
    ("email", b'{"email": "a@b\\r\\nBcc: c@d"}'),
    ("status", b'{"status": 5}'),
    ("status", b'{"status": null}'),
    ("status", b'{"status": 9999999999999999999999}'),
    ("outcome", b'{"status": 3, "outcome": "maybe"}'),
    ("outcome", b'{"outcome": "lost"}'),
    ("step", b'{"step": 0}'),
    ("assigned_id", b'{"assigned_id": 9223372036854775808}'),
    ("assigned_id", b'{"assigned_id": "7"}'),
    ("tags", b'{"tags": null}'),
    ("tags", b'{"tags": ["\\u0000"]}'),
    ("tags", b'{"tags": ["", "x"]}'),
    ("tags", b'{"tags": "hot"}'),
    ("custom", b'{"custom": {"a": "\\ud83d"}}'),
    ("custom", b'{"custom": {"\\u0000": 1}}'),
    ("custom", b'{"custom": {"a": {"b": 1}}}'),
    ("custom", b'{"custom": {"a": NaN}}'),
    ("custom", b'{"custom": {"a": 1e999}}'),
    ("custom", b'{"custom": {"a": 99999999999999999999999}}'),
    ("version", b'{"version": 3}'),
    ("colour", b'{"colour": "red"}'),
    ("", b'{"\\ud800": 1}'),
    ("", b'{"\\u0000": 1}'),
    ("", b'{"a\\ud800": "\\u0000"}'),
    ("", b"[]"),
    ("", b"7"),
    ("", b"null"),
    ("", b"{"),
    ("", b""),
]


@pytest.mark.parametrize(("field", "body"), EDITS)
async def test_bad_edit(
    database: Database, opened: Callable[..., Any], supervisor: Person, field: str, body: bytes
) -> None:
    """An edit that cannot be stored is 422, names the field and the rule, and changes nothing."""
    lead_id = await opened("Ada")
    before = await state(database)
    response = await supervisor.call("PUT", f"/{lead_id}", content=body, headers={"Content-Type": "application/json"})
    problem = response.json()
    assert (422, "application/problem+json") == (response.status_code, response.headers["content-type"])
    assert field in str(problem["errors"])
    assert all({"field", "rule", "message"} == set(error) for error in problem["errors"])
    assert before == await state(database)


@pytest.mark.parametrize(
    "body",
    [
        b'{"custom": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}",
        b'{"note": ' + b"9" * 5000 + b"}",
        b'{"note": "\xff"}',
        b'{"a": 1, "a": 2}',
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", ""), ("PUT", "/1"), ("POST", "/1/comments")])
async def test_body_that_breaks_parsers(supervisor: Person, body: bytes, method: str, path: str) -> None:
    """Deep nesting, endless digits and bytes that are no text are the client's mistake."""
    response = await supervisor.call(method, path, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 422)
    assert "application/problem+json" == response.headers["content-type"]


async def test_large_body(supervisor: Person) -> None:
    """A body over a megabyte is 413."""
    response = await supervisor.post("", {"note": "x" * 1_100_000})
    assert 413 == response.status_code


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/transitions", {"to": 7}, "to"),
        ("/transitions", {"to": 3, "outcome": "draw"}, "outcome"),
        ("/transitions", {"to": 2, "reason": "\x00"}, "reason"),
        ("/transitions", {}, "to"),
        ("/comments", {"text": " "}, "text"),
        ("/comments", {"text": "x", "type": 1}, "type"),
        ("/comments", {"text": "x" * 10_001}, "text"),
    ],
)
async def test_bad_command(
    opened: Callable[..., Any], supervisor: Person, path: str, body: dict[str, Any], field: str
) -> None:
    """The same holds for moves and comments."""
    lead_id = await opened("Ada")
    response = await supervisor.post(f"/{lead_id}{path}", body)
    assert 422 == response.status_code
    assert field in str(response.json()["errors"])


async def test_text_of_all_scripts(opened: Callable[..., Any], supervisor: Person) -> None:
    """Whatever is text is kept as it is."""
    lead_id = await opened("Ada")
    text = "Ñandú 😀 日本語 \N{RIGHT-TO-LEFT OVERRIDE}abc' OR 1=1; -- {{7*7}} <script>"
    lead = (await supervisor.put(f"/{lead_id}", {"note": text, "custom": {text[:60]: text}})).json()
    assert (text, {text[:60]: text}) == (lead["note"], lead["custom"])
