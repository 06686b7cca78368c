"""What clients send that nobody can store: always a problem document, never an error of ours."""

from collections.abc import Callable
from typing import Any

from shared.kit.database import Database
from tests.leads.makers import state
from tests.leads.rest.conftest import Person

PROBLEM = "application/problem+json"
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
    ("source", b'{"source": "Ada Soler"}'),
    ("source", b'{"source": "\\u00f1andu"}'),
    ("source", b'{"source": "%s"}' % (b"x" * 51)),
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


BREAKING = [
    b'{"custom": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}",
    b'{"note": ' + b"9" * 5000 + b"}",
    b'{"note": "\xff"}',
    b'{"a": 1, "a": 2}',
]
JSON = {"Content-Type": "application/json"}


async def test_bad_edits(database: Database, opened: Callable[..., Any], supervisor: Person) -> None:
    """An edit that cannot be stored is 422, names the field and the rule, and changes nothing."""
    lead_id = await opened("Ada")
    before = await state(database)
    for field, body in EDITS:
        response = await supervisor.call("PUT", f"/{lead_id}", content=body, headers=JSON)
        assert (422, PROBLEM) == (response.status_code, response.headers["content-type"]), body
        errors = response.json()["errors"]
        assert field in str(errors)
        assert all({"field", "rule", "message"} == set(error) for error in errors)
    assert before == await state(database)


async def test_bodies_that_break_parsers(supervisor: Person) -> None:
    """Deep nesting, endless digits and bytes that are no text are the client's mistake."""
    for body in BREAKING:
        for method, path in (("POST", ""), ("PUT", "/1"), ("POST", "/1/comments")):
            response = await supervisor.call(method, path, content=body, headers=JSON)
            assert response.status_code in (400, 422)
            assert PROBLEM == response.headers["content-type"]


async def test_source_of_a_new_lead(supervisor: Person) -> None:
    """A source that is no slug would be published with whatever somebody typed: 422."""
    for source in ("Fair", "ada@example.com", "a b", "", "x" * 51, None):
        response = await supervisor.post("", {"first_name": "Ada", "source": source})
        assert (422, "source") == (response.status_code, response.json()["errors"][0]["field"])


async def test_large_body(supervisor: Person) -> None:
    """A body over a megabyte is 413."""
    response = await supervisor.post("", {"note": "x" * 1_100_000})
    assert 413 == response.status_code


COMMANDS: list[tuple[str, dict[str, Any], str]] = [
    ("/transitions", {"to": 7}, "to"),
    ("/transitions", {"to": 3, "outcome": "draw"}, "outcome"),
    ("/transitions", {"to": 2, "reason": "\x00"}, "reason"),
    ("/transitions", {}, "to"),
    ("/comments", {"text": " "}, "text"),
    ("/comments", {"text": "x", "type": 1}, "type"),
    ("/comments", {"text": "x" * 10_001}, "text"),
]


async def test_bad_commands(opened: Callable[..., Any], supervisor: Person) -> None:
    """The same holds for moves and comments."""
    lead_id = await opened("Ada")
    for path, body, field in COMMANDS:
        response = await supervisor.post(f"/{lead_id}{path}", body)
        assert 422 == response.status_code
        assert field in str(response.json()["errors"])


async def test_text_of_all_scripts(opened: Callable[..., Any], supervisor: Person) -> None:
    """Whatever is text is kept as it is."""
    lead_id = await opened("Ada")
    text = "Ñandú 😀 日本語 \N{RIGHT-TO-LEFT OVERRIDE}abc' OR 1=1; -- {{7*7}} <script>"
    lead = (await supervisor.put(f"/{lead_id}", {"note": text, "custom": {text[:60]: text}})).json()
    assert (text, {text[:60]: text}) == (lead["note"], lead["custom"])
