"""Bearer tokens, problem documents and limits, on an app as services build it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import httpx2
import jwt
import pytest
from fastapi import APIRouter, Depends
from pydantic import Field

from shared.contracts.words import Role
from shared.kit.security import Caller, Gate, mint_person_token, require
from shared.kit.web import QueryText, WriteModel, build_app
from tests.support.keys import PRIVATE_KEY, PUBLIC_KEY

SERVICE_TOKEN = "a service token for tests"

router = APIRouter()


class Note(WriteModel):
    """What a client may write here."""

    text: str = Field(max_length=10)
    extra: dict[str, object] | None = None


@router.get("/supervised")
async def supervised(caller: Annotated[Caller, Depends(require(Role.SUPERVISOR))]) -> dict[str, str]:
    """Answer who is calling."""
    return {"actor": caller.actor}


@router.post("/notes")
async def write(note: Note) -> Note:
    """Answer what was written."""
    return note


@router.get("/search")
async def search(q: QueryText) -> str:
    """Answer the query."""
    return q


@router.get("/away")
async def away() -> None:
    """Fail as a route does whose database is away."""
    raise ConnectionRefusedError("db.internal refused somebody@example.com")


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    """A client of an app with these routes."""
    gate = Gate(service="leads", service_token=SERVICE_TOKEN, public_key=PUBLIC_KEY)
    app = build_app(title="tested", gate=gate, routers=[router], body_limit=1000)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://tested") as client:
        yield client


def person(rank: Role, **changes: object) -> str:
    """A person's token, with changed claims."""
    claims = {"sub": "7", "role": rank, "aud": "leads", "exp": datetime.now(UTC) + timedelta(minutes=1), **changes}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, PRIVATE_KEY, "EdDSA")


UNSIGNED = jwt.encode({"sub": "7", "role": "admin", "aud": "leads", "exp": 9e9}, "", "none")
FORGED = jwt.encode({"sub": "7", "role": "admin", "aud": "leads", "exp": 9e9}, PUBLIC_KEY[:40], "HS256")


@pytest.mark.parametrize(
    ("scheme", "claims", "expected"),
    [
        ("Bearer", {"rank": Role.ADMIN}, 200),
        ("bearer", {"rank": Role.SUPERVISOR}, 200),
        ("Bearer", {"rank": Role.SALESPERSON}, 403),
        ("Bearer", {"rank": Role.ADMIN, "aud": "intake"}, 401),
        ("Bearer", {"rank": Role.ADMIN, "exp": datetime(2026, 1, 1, tzinfo=UTC)}, 401),
        ("Bearer", {"rank": Role.ADMIN, "exp": None}, 401),
        ("Bearer", {"rank": Role.ADMIN, "role": "owner"}, 401),
        ("Bearer", {"rank": Role.ADMIN, "sub": "somebody"}, 401),
        ("Basic", {"rank": Role.ADMIN}, 401),
    ],
)
async def test_which_people_may_call(
    client: httpx2.AsyncClient, scheme: str, claims: dict[str, Any], expected: int
) -> None:
    """Only a valid token for this service with at least the role is let through."""
    answer = await client.get("/supervised", headers={"Authorization": f"{scheme} {person(**claims)}"})
    assert expected == answer.status_code
    if expected != 200:
        assert "application/problem+json" == answer.headers["content-type"]


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        (f"Bearer {SERVICE_TOKEN}", 200),
        (f"Bearer {UNSIGNED}", 401),
        (f"Bearer {FORGED}", 401),
        ("Bearer ", 401),
        ("Basic Zm9vOmJhcg==", 401),
        (None, 401),
    ],
)
async def test_what_else_may_call(client: httpx2.AsyncClient, authorization: str | None, expected: int) -> None:
    """The service token is let through; what is not signed by the console's key is not."""
    headers = {"Authorization": authorization} if authorization else {}
    assert expected == (await client.get("/supervised", headers=headers)).status_code


async def test_a_minted_token_is_accepted(client: httpx2.AsyncClient) -> None:
    """What the console mints is what services accept, and it names the member."""
    token = mint_person_token(PRIVATE_KEY, member_id=7, role=Role.SUPERVISOR, audience="leads")
    answer = await client.get("/supervised", headers={"Authorization": f"Bearer {token}"})
    assert {"actor": "member:7"} == answer.json()


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        (b'{"text": "12345678901"}', "text", "string_too_long"),
        (b'{"text": "a", "invented": 1}', "invented", "extra_forbidden"),
        (b"{}", "text", "missing"),
        (b'{"text": "a\\u0000"}', "body", "value_error"),
        (b'{"text": "\\ud800"}', "body", "value_error"),
        (b'{"text": "a", "extra": {"deep": ["\\u0000"]}}', "body", "value_error"),
    ],
)
async def test_a_bad_field_is_named(client: httpx2.AsyncClient, body: bytes, field: str, rule: str) -> None:
    """A refused body tells the field and the rule."""
    answer = await client.post("/notes", content=body, headers={"Content-Type": "application/json"})
    assert (422, field, rule) == (
        answer.status_code,
        answer.json()["errors"][0]["field"],
        answer.json()["errors"][0]["rule"],
    )


@pytest.mark.parametrize("body", [b"{", b"[" * 900, b"\xff\xfe", b"null", b"NaN"])
async def test_a_body_that_is_no_object_is_refused(client: httpx2.AsyncClient, body: bytes) -> None:
    """What cannot be read is the client's error, not ours."""
    answer = await client.post("/notes", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert "application/problem+json" == answer.headers["content-type"]


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000])
async def test_nothing_is_read_without_a_token(client: httpx2.AsyncClient, body: bytes) -> None:
    """On REST paths a missing token is a 401 whatever the body is."""
    assert 401 == (await client.post("/rest/notes", content=body)).status_code


async def test_a_body_without_length_is_limited(client: httpx2.AsyncClient) -> None:
    """A chunked body is counted while it comes in."""

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 100

    answer = await client.post("/notes", content=endless(), headers={"Content-Type": "application/json"})
    assert 413 == answer.status_code


async def test_text_that_cannot_be_stored_is_refused_in_queries(client: httpx2.AsyncClient) -> None:
    """NUL in a query string is a 422."""
    assert 422 == (await client.get("/search", params={"q": "a\x00"})).status_code


async def test_an_absent_server_is_a_503_without_its_words(client: httpx2.AsyncClient) -> None:
    """The client is told to come back; what the error said stays here."""
    answer = await client.get("/away")
    assert 503 == answer.status_code
    assert "example.com" not in answer.text


async def test_unknown_paths_are_problems_too(client: httpx2.AsyncClient) -> None:
    """A 404 of the framework has the same shape as all errors."""
    answer = await client.get("/nowhere")
    assert (404, 404) == (answer.status_code, answer.json()["status"])
