"""Forms that are captured while they are filled in: what the edge takes, refuses, and never tells."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.intake.domain.write_tokens import make_token, read_token
from shared.kit.database import Database
from shared.kit.identifiers import new_id
from tests.support.clock import MovingClock

BEGIN = "/api/v1/leads"
FIELDS = {"first_name": "Noor", "phone": "55 1234 5678"}
Begin = Callable[..., Any]


@pytest.fixture
def form_key() -> str:
    """A key of the test's own, since the limits of all tests are counted in one Redis."""
    return f"b{uuid4().hex}"


@pytest.fixture
def create(inside: httpx2.AsyncClient, form_key: str) -> Callable[..., Any]:
    """Create a form that may be captured, with these rules, and forget the service's token."""

    async def create(**rules: Any) -> None:
        body = {"form_key": form_key, "name": "Booking", "default_region": "MX", "capture_before_submit": True}
        answer = await inside.post("/rest/forms", json=body | rules)
        assert 201 == answer.status_code, answer.text

    return create


@pytest.fixture
def begin(outside: httpx2.AsyncClient, form_key: str) -> Begin:
    """Begin the form with these members."""

    async def begin(headers: dict[str, str] | None = None, **told: Any) -> httpx2.Response:
        return await outside.post(BEGIN, json={"form_key": form_key} | told, headers=headers or {})

    return begin


def path_of(begun: httpx2.Response) -> str:
    """Where a begun form goes on."""
    assert 201 == begun.status_code, begun.text
    return f"{BEGIN}/{begun.json()['lead_uuid']}"


def right(begun: httpx2.Response) -> dict[str, str]:
    """The header that allows to go on."""
    return {"X-Leadline-Token": begun.json()["token"]}


async def kept(database: Database) -> list[dict[str, Any]]:
    """What the receipts hold, in the order of their arrival."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT kind, lead_uuid, body FROM receipts JOIN receipt_bodies USING (id) ORDER BY id"
        )
    return [{**orjson.loads(row["body"]), "kind": row["kind"], "lead_uuid": row["lead_uuid"]} for row in rows]


async def test_a_form_begins_with_a_uuid_and_a_token(create: Begin, begin: Begin, database: Database) -> None:
    """201 tells the lead's uuid and, apart from it, the right to go on; the receipt is there before."""
    await create()
    begun = await begin(fields=FIELDS, step=3)
    assert {"lead_uuid", "token", "expires_at"} == set(begun.json())
    assert begun.json()["token"] == begun.headers["x-leadline-token"]
    assert "no-store" == begun.headers["cache-control"]
    (receipt,) = await kept(database)
    assert (UUID(begun.json()["lead_uuid"]), FIELDS) == (receipt["lead_uuid"], receipt["fields"])
    told = {"sequence": 0, "step": 3, "experiences": None, "is_submitted": False, "is_further": False}
    assert ("form", told) == (receipt["kind"], receipt["progress"])


async def test_it_goes_on_with_what_is_supplied(
    create: Begin, begin: Begin, outside: httpx2.AsyncClient, database: Database
) -> None:
    """A PUT, a POST and a beacon with the token in its body each add what they say; an empty text is something."""
    await create()
    begun = await begin(fields={"first_name": "Noor"})
    path, token = path_of(begun), begun.json()["token"]
    loose = {"email": "noor@example.com", "step": "2", "sequence": 1}
    emptied = {"fields": {"first_name": "", "phone": None}, "sequence": 2}
    answers = [
        await outside.put(path, json=loose, headers=right(begun)),
        await outside.post(path, json=emptied, headers=right(begun)),
        await outside.post(
            path,
            content=json.dumps({"token": token, "message": "Two kayaks?", "sequence": 3}),
            headers={"Content-Type": "text/plain;charset=UTF-8"},
        ),
    ]
    assert [200] * 3 == [answer.status_code for answer in answers], [answer.text for answer in answers]
    further = (await kept(database))[1:]
    assert ["form progress"] * 3 == [receipt["kind"] for receipt in further]
    expected = [{"email": "noor@example.com"}, {"first_name": ""}, {"message": "Two kayaks?"}]
    assert expected == [receipt["fields"] for receipt in further]
    assert [(1, 2), (2, None), (3, None)] == [
        (receipt["progress"]["sequence"], receipt["progress"]["step"]) for receipt in further
    ]
    assert {receipt["lead_uuid"] for receipt in further} == {UUID(begun.json()["lead_uuid"])}
    assert not any(token in str(receipt) for receipt in further)


async def test_only_what_the_form_asks_for_is_captured_before_it_is_sent(
    create: Begin, begin: Begin, outside: httpx2.AsyncClient, database: Database
) -> None:
    """Other fields wait for the submission; passwords and cards are never taken."""
    await create(fields=[{"name": "mail", "maps_to": "email"}, {"name": "hotel"}])
    secret = {"password": "hunter2", "cc-number": "4111111111111111", "hotel": "near 4111 1111 1111 1111"}
    begun = await begin(fields={"mail": "noor@example.com", "age": "33", "first_name": "Noor"} | secret)
    final = {"fields": {"age": "33", "first_name": "Noor"} | secret, "submitted": True}
    assert 200 == (await outside.put(path_of(begun), json=final, headers=right(begun))).status_code
    first, last = await kept(database)
    place = "near [card number removed]"
    assert {"email": "noor@example.com", "hotel": place} == first["fields"]
    assert {"age": "33", "first_name": "Noor", "hotel": place} == last["fields"]
    refused = await begin(fields={"age": "33"})
    assert (422, "fields") == (refused.status_code, refused.json()["errors"][0]["field"])


async def test_capture_is_the_owners_choice(
    create: Begin, begin: Begin, outside: httpx2.AsyncClient, inside: httpx2.AsyncClient, form_key: str
) -> None:
    """Without it only what is submitted is taken, at once; switched off later, it ends at once."""
    await create()
    begun = await begin(fields=FIELDS)
    await inside.put(f"/rest/forms/{form_key}", json={"capture_before_submit": False})
    assert 403 == (await begin(fields=FIELDS)).status_code
    assert 403 == (await outside.put(path_of(begun), json=FIELDS, headers=right(begun))).status_code
    assert 201 == (await begin(fields=FIELDS, submitted=True)).status_code


async def test_a_submitted_form_is_frozen(
    create: Begin, begin: Begin, outside: httpx2.AsyncClient, database: Database
) -> None:
    """Afterwards 409, whatever comes; the same submission again is answered as it was."""
    await create()
    begun = await begin(fields=FIELDS)
    path, final = path_of(begun), {"fields": FIELDS, "submitted": True, "sequence": 9}
    answers = await asyncio.gather(*(outside.put(path, json=final, headers=right(begun)) for _ in range(5)))
    assert {200} == {answer.status_code for answer in answers}
    assert {"lead_uuid": begun.json()["lead_uuid"], "submitted": True} == answers[0].json()
    for late in ({"message": "wait"}, {"message": "wait", "submitted": True}, {"sequence": 1, "first_name": "N"}):
        assert 409 == (await outside.put(path, json=late, headers=right(begun))).status_code
    assert 2 == len(await kept(database))
    at_once = await begin(fields=FIELDS, submitted=True)
    assert 409 == (await outside.put(path_of(at_once), json=FIELDS, headers=right(at_once))).status_code


async def test_only_one_of_two_submissions_counts(
    create: Begin, begin: Begin, outside: httpx2.AsyncClient, database: Database
) -> None:
    """Of different submissions at the same time one is kept, and the others are told so."""
    await create()
    begun = await begin(fields=FIELDS)
    finals = [{"message": f"Question {number}", "submitted": True} for number in range(6)]
    answers = await asyncio.gather(*(outside.put(path_of(begun), json=one, headers=right(begun)) for one in finals))
    assert [200, *[409] * 5] == sorted(answer.status_code for answer in answers)
    assert 2 == len(await kept(database))


class TestWrongTokens:
    """Who has not the right token learns nothing."""

    @pytest.fixture
    async def begun(self, create: Begin, begin: Begin) -> Any:
        """A form that somebody began."""
        await create()
        return await begin(fields=FIELDS)

    async def test_every_wrong_token_is_answered_alike(
        self, begun: httpx2.Response, begin: Begin, outside: httpx2.AsyncClient, clock: MovingClock, form_key: str
    ) -> None:
        """Missing, foreign, spoilt, expired, of another form, for nobody's lead: the same bytes and headers."""
        other = await begin(fields=FIELDS)
        path, token = path_of(begun), begun.json()["token"]
        expired = make_token("development-privacy-key", form_key, UUID(begun.json()["lead_uuid"]), clock.now())
        nowhere = make_token(
            "development-privacy-key", "winter", UUID(begun.json()["lead_uuid"]), clock.now() + timedelta(hours=1)
        )
        tries: list[tuple[str, str | None, Any]] = [
            (path, None, {}),
            (path, "", {}),
            (path, other.json()["token"], {}),
            (path, token[:-1] + ("0" if token[-1] != "0" else "1"), {}),
            (path, token.replace(form_key, "summer"), {}),
            (path, token.upper(), {}),
            (path, expired, {}),
            (path, nowhere, {}),
            (path, "x" * 5000, {}),
            (path, None, {"token": 7}),
            (path, None, {"token": other.json()["token"]}),
            (path, "wrong", {"token": token}),
            (f"{BEGIN}/{new_id()}", token, {}),
            (f"{BEGIN}/{uuid4()}", None, {}),
            (f"{BEGIN}/nobody", token, {}),
            (f"{BEGIN}/%00", token, {}),
        ]
        seen = set()
        for where, shown, told in tries:
            for method in ("PUT", "POST"):
                headers = {} if shown is None else {"X-Leadline-Token": shown}
                answer = await outside.request(method, where, json={"first_name": "x"} | told, headers=headers)
                seen.add((answer.status_code, answer.content, tuple(sorted(answer.headers.items()))))
        for raw in (b"", b"{", b"\xff", b"<a/>"):
            answer = await outside.put(path, content=raw, headers={"Content-Type": "application/json"})
            seen.add((answer.status_code, answer.content, tuple(sorted(answer.headers.items()))))
        ((status, _, _),) = seen
        assert 404 == status

    async def test_a_form_that_is_gone_looks_the_same(
        self, begun: httpx2.Response, outside: httpx2.AsyncClient, inside: httpx2.AsyncClient, form_key: str
    ) -> None:
        """With a form's end the right to go on with it ends."""
        unknown = await outside.put(path_of(begun), json=FIELDS)
        await inside.put(f"/rest/forms/{form_key}", json={"is_active": False})
        inactive = await outside.put(path_of(begun), json=FIELDS, headers=right(begun))
        await inside.delete(f"/rest/forms/{form_key}")
        deleted = await outside.put(path_of(begun), json=FIELDS, headers=right(begun))
        assert (404, unknown.content, unknown.content) == (unknown.status_code, inactive.content, deleted.content)

    async def test_a_token_expires(
        self, begun: httpx2.Response, outside: httpx2.AsyncClient, clock: MovingClock
    ) -> None:
        """A day later nobody can go on, nor submit."""
        clock.advance(timedelta(hours=23, minutes=59))
        assert 200 == (await outside.put(path_of(begun), json=FIELDS, headers=right(begun))).status_code
        clock.advance(timedelta(minutes=1))
        late = FIELDS | {"submitted": True}
        assert 404 == (await outside.put(path_of(begun), json=late, headers=right(begun))).status_code

    @pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "PATCH"])
    async def test_nothing_can_be_read(self, begun: httpx2.Response, outside: httpx2.AsyncClient, method: str) -> None:
        """There is no way to read a form back, even with its token, and answers repeat nothing of it."""
        for path in (path_of(begun), BEGIN):
            answer = await outside.request(method, path, headers=right(begun))
            assert 405 == answer.status_code
        further = await outside.put(path_of(begun), json=FIELDS, headers=right(begun))
        assert not any(value in further.text + begun.text for value in FIELDS.values())


async def test_the_same_key_gets_the_same_answer(
    create: Begin, begin: Begin, outside: httpx2.AsyncClient, database: Database, clock: MovingClock
) -> None:
    """Uuid, token and all; with another body it is refused. Requests without a key are each their own."""
    await create()
    key = {"Idempotency-Key": "visit-1"}
    answers = await asyncio.gather(*(begin(key, fields=FIELDS) for _ in range(5)))
    clock.advance(timedelta(hours=2))
    answers.append(await begin(key, fields=FIELDS))
    assert 1 == len({answer.content for answer in answers})
    assert 422 == (await begin(key, fields={"first_name": "Ines"})).status_code
    assert 1 == len(await kept(database))
    path, step = path_of(answers[0]), right(answers[0]) | {"Idempotency-Key": "step-1"}
    puts = [await outside.put(path, json={"email": "a@example.com"}, headers=step) for _ in range(2)]
    assert (200, puts[0].content) == (puts[1].status_code, puts[1].content)
    assert 422 == (await outside.put(path, json={"email": "b@example.com"}, headers=step)).status_code
    assert 2 == len(await kept(database))
    others = {(await begin(fields={"first_name": "Ana"})).json()["lead_uuid"] for _ in range(3)}
    assert 3 == len(others)


async def test_a_numbered_request_counts_once(
    create: Begin, begin: Begin, outside: httpx2.AsyncClient, database: Database, clock: MovingClock
) -> None:
    """A PUT that is sent again changes nothing; without a number, going back to an earlier value is news."""
    await create()
    begun = await begin(fields=FIELDS)
    for _ in range(3):
        told = {"first_name": "Nour", "sequence": 4}
        assert 200 == (await outside.put(path_of(begun), json=told, headers=right(begun))).status_code
    assert 2 == len(await kept(database))
    for name in ("A", "B", "A"):
        clock.advance(timedelta(seconds=1))
        await outside.put(path_of(begun), json={"first_name": name}, headers=right(begun))
    unnumbered = [receipt["progress"]["sequence"] for receipt in (await kept(database))[2:]]
    assert 3 == len(unnumbered)
    assert unnumbered == sorted(unnumbered)


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"step": 4}, "step"),
        ({"step": True}, "step"),
        ({"step": 2.0}, "step"),
        ({"step": [1]}, "step"),
        ({"sequence": -1}, "sequence"),
        ({"sequence": 2**60}, "sequence"),
        ({"sequence": "x"}, "sequence"),
        ({"fields": ["a"]}, "fields"),
        ({"fields": {"phone": "5" * 65}}, "phone"),
        ({"experiences": "lagoon"}, "experiences"),
        ({"experiences": [{}] * 21}, "experiences"),
    ],
)
async def test_a_bad_member_is_named(
    create: Begin, begin: Begin, outside: httpx2.AsyncClient, database: Database, told: Any, field: str
) -> None:
    """422 names it, at the beginning and later, and nothing is written."""
    await create()
    begun = await begin(fields=FIELDS)
    answers = [
        await begin(**({"fields": FIELDS} | told)),
        await outside.put(path_of(begun), json=told, headers=right(begun)),
    ]
    assert [(422, field)] * 2 == [(answer.status_code, answer.json()["errors"][0]["field"]) for answer in answers]
    assert 1 == len(await kept(database))


@pytest.mark.parametrize(("key", "status"), [("winter", 404), ("", 404), (7, 422), (None, 422)])
async def test_an_unknown_form_cannot_begin(outside: httpx2.AsyncClient, key: Any, status: int) -> None:
    """Without a form there is nothing to begin."""
    assert status == (await outside.post(BEGIN, json={"form_key": key} | FIELDS)).status_code


async def test_experiences_are_read_as_pages_tell_them(create: Begin, begin: Begin, database: Database) -> None:
    """A name, a date that can be read, people or their number; what else there is stays beside it."""
    await create()
    told = [
        {"name": "Lagoon", "date": "2026-12-24", "passengers": [{"first_name": "Ana", "age": 7}, "Ben"]},
        {"name": "Reef", "date": "Christmas", "passengers": "2", "time": "early"},
        "Dunes",
        {"passengers": "Ana, Ben\nCal", "cvv": "123", "card": "4111111111111111"},
        {},
    ]
    await begin(experiences=told)
    (receipt,) = await kept(database)
    expected: list[dict[str, Any]] = [
        {"name": "Lagoon", "date": "2026-12-24", "passengers": [{"first_name": "Ana", "age": 7}, {"name": "Ben"}],
         "passenger_count": 2, "details": {}},
        {"name": "Reef", "date": None, "passengers": [], "passenger_count": 2,
         "details": {"time": "early", "date": "Christmas"}},
        {"name": "Dunes", "date": None, "passengers": [], "passenger_count": None, "details": {}},
        {"name": None, "date": None, "passengers": [{"name": "Ana"}, {"name": "Ben"}, {"name": "Cal"}],
         "passenger_count": 3, "details": {"card": "[card number removed]"}},
    ]  # fmt: skip
    assert expected == receipt["progress"]["experiences"]


async def test_pages_of_other_origins_are_refused(
    create: Begin, outside: httpx2.AsyncClient, form_key: str, database: Database
) -> None:
    """Whether a page may is decided when it asks; every browser may read that, and any preflight passes."""
    await create(allowed_origins=["https://shop.example"])
    shop, evil = {"Origin": "https://shop.example"}, {"Origin": "https://evil.example"}
    preflight = await outside.options(BEGIN, headers=evil | {"Access-Control-Request-Method": "PUT"})
    assert (204, "POST, PUT") == (preflight.status_code, preflight.headers["access-control-allow-methods"])
    assert "x-leadline-token" in preflight.headers["access-control-allow-headers"]
    body = {"form_key": form_key} | FIELDS
    assert 403 == (await outside.post(BEGIN, json=body, headers=evil)).status_code
    begun = await outside.post(BEGIN, json=body, headers=shop)
    assert "X-Leadline-Token" == begun.headers["access-control-expose-headers"]
    assert 403 == (await outside.put(path_of(begun), json=FIELDS, headers=right(begun) | evil)).status_code
    assert 200 == (await outside.put(path_of(begun), json=FIELDS, headers=right(begun) | shop)).status_code
    assert 2 == len(await kept(database))


async def test_changes_have_more_room_than_posts(create: Begin, begin: Begin, outside: httpx2.AsyncClient) -> None:
    """A limit of posts counts forms; what changes while they are filled in is limited apart from them."""
    await create(rate_limit_per_address=1)
    begun = await begin(fields=FIELDS)
    assert 429 == (await begin(fields=FIELDS)).status_code
    puts = [
        (await outside.put(path_of(begun), json={"sequence": number}, headers=right(begun))).status_code
        for number in range(21)
    ]
    assert [*[200] * 20, 429] == puts


async def test_a_robot_freezes_nothing(
    create: Begin, begin: Begin, outside: httpx2.AsyncClient, database: Database
) -> None:
    """A submission that a guard caught is answered like one, marked, and does not end the form."""
    await create(honeypot_field="website", consent_field="agree", consent_text="We write.", consent_version="1")
    begun = await begin(fields=FIELDS)
    caught = {"fields": FIELDS | {"website": "x", "agree": "on"}, "submitted": True}
    answer = await outside.put(path_of(begun), json=caught, headers=right(begun))
    assert (200, True) == (answer.status_code, answer.json()["submitted"])
    real = {"fields": FIELDS | {"agree": "on"}, "submitted": True}
    assert 200 == (await outside.put(path_of(begun), json=real, headers=right(begun))).status_code
    first, robot, person = await kept(database)
    assert [None, "honeypot", None] == [receipt["spam"] for receipt in (first, robot, person)]
    assert (None, True) == (first["consent"], person["consent"]["is_given"])


async def test_consent_names_the_page(create: Begin, begin: Begin, database: Database) -> None:
    """The page is what it says itself: across origins a referrer is a site only."""
    await create(consent_field="agree", consent_text="We write.", consent_version="1")
    page = "https://shop.example/tours"
    await begin({"Referer": "https://shop.example/"}, fields=FIELDS | {"agree": "on"}, page_url=page, submitted=True)
    (receipt,) = await kept(database)
    assert (page, page) == (receipt["consent"]["page_url"], receipt["page_url"])


async def test_the_first_field_is_never_too_quick(
    create: Begin, begin: Begin, outside: httpx2.AsyncClient, database: Database
) -> None:
    """Only what is sent too quickly was sent by a robot."""
    await create(minimum_seconds=3)
    begun = await begin(fields=FIELDS | {"form_seconds": 1})
    quick = {"fields": FIELDS | {"form_seconds": 2}, "submitted": True}
    assert 200 == (await outside.put(path_of(begun), json=quick, headers=right(begun))).status_code
    assert [None, "too quick"] == [receipt["spam"] for receipt in await kept(database)]


def test_tokens_are_bound_to_form_lead_and_time(clock: MovingClock) -> None:
    """Another key, form, lead or time is another token, and only the right one is read."""
    lead, soon = new_id(), clock.now() + timedelta(hours=1)
    token = make_token("key", "summer", lead, soon)
    assert token == make_token("key", "summer", lead, soon)
    assert "summer" == read_token("key", token, lead, clock.now())
    assert None is read_token("other", token, lead, clock.now())
    assert None is read_token("key", token, new_id(), clock.now())
    assert None is read_token("key", token, lead, soon)
    assert None is read_token("key", make_token("other", "summer", lead, soon), lead, clock.now())


@given(st.text(max_size=80))
def test_no_text_is_a_token_by_chance(text: str) -> None:
    """Whatever is sent as a token is read or refused without an error."""
    assert None is read_token("key", text, UUID(int=1), datetime(2026, 11, 20, tzinfo=UTC))


trees: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
members = st.sampled_from(
    ["fields", "step", "sequence", "sent_at", "experiences", "attribution", "page_url", "submitted", "first_name",
     "phone", "email", "passengers", "token", "name", "form_seconds"]
)  # fmt: skip


@given(st.lists(st.dictionaries(members | st.text(max_size=6), trees, max_size=6), min_size=2, max_size=2))
@settings(max_examples=80, suppress_health_check=list(HealthCheck))
async def test_nothing_breaks_the_edge(
    outside: httpx2.AsyncClient, inside: httpx2.AsyncClient, database: Database, told: list[dict[str, Any]]
) -> None:
    """Any members at the beginning and later are taken or refused by name: never a 5xx."""
    body = {"form_key": "any", "name": "Any", "capture_before_submit": True}
    assert (await inside.post("/rest/forms", json=body)).status_code in (201, 409)
    first = await outside.post(BEGIN, content=json.dumps(told[0] | {"form_key": "any"}).encode())
    assert first.status_code in (201, 403, 422), first.text
    begun = await outside.post(BEGIN, json={"form_key": "any", "first_name": "x"})
    further = await outside.put(path_of(begun), content=json.dumps(told[1]).encode(), headers=right(begun))
    assert further.status_code in (200, 422), further.text
    await kept(database)
