"""Guards of a form: spam is answered like anything else and becomes no inquiry; people lose nothing."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import httpx2
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from services.intake.domain.normalise import normalise
from services.intake.domain.outcomes import Ignored, Inquiry, Outcome
from services.intake.settings import IntakeSettings
from services.intake.storage.receipts import list_waiting, put_away
from shared.kit.database import Database
from tests.support.clock import MovingClock

FIELDS = {"name": "Noor van Dijk", "email": "noor@example.com", "message": "Two kayaks?"}


@pytest.fixture
def form_key() -> str:
    """A key of the test's own, since the limits of all tests are counted in one Redis."""
    return f"f{uuid4().hex}"


@pytest.fixture
def create(inside: httpx2.AsyncClient, form_key: str) -> Callable[..., Any]:
    """Create the form with these rules."""

    async def create(**rules: Any) -> None:
        body = {"form_key": form_key, "name": "Guarded", "default_region": "MX"} | rules
        answer = await inside.post("/rest/forms", json=body)
        assert 201 == answer.status_code, answer.text

    return create


async def outcomes(database: Database) -> list[Outcome]:
    """What becomes of the receipts, in the order of their arrival."""
    async with database.connection() as connection:
        return [normalise(receipt) for receipt in await list_waiting(connection, 1000)]


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({}, None),
        ({"website": ""}, None),
        ({"website": "  "}, None),
        ({"website": "http://buy.example"}, "spam: honeypot"),
        ({"form_seconds": "0.4"}, "spam: too quick"),
        ({"form_seconds": 2}, "spam: too quick"),
        ({"form_seconds": "-5"}, "spam: too quick"),
        ({"form_seconds": "3"}, None),
        ({"form_seconds": "nan"}, None),
        ({"form_seconds": "soon"}, None),
        ({"form_seconds": "1", "website": "x"}, "spam: honeypot"),
    ],
)
async def test_spam_is_answered_and_kept_as_what_it_is(
    inside: httpx2.AsyncClient,
    database: Database,
    form_key: str,
    create: Callable[..., Any],
    extra: dict[str, Any],
    expected: str | None,
) -> None:
    """Whoever fills the field that nobody sees, or is too quick, gets the same answer as a person."""
    await create(honeypot_field="website", minimum_seconds=3)
    answer = await inside.post(f"/forms/{form_key}", json=FIELDS | extra)
    assert (201, ["lead_uuid"]) == (answer.status_code, list(answer.json()))
    (outcome,) = await outcomes(database)
    if expected:
        assert Ignored(expected) == outcome
    else:
        assert isinstance(outcome, Inquiry)
        assert {} == outcome.content


async def test_who_sends_the_same_again_in_peace_is_heard(
    inside: httpx2.AsyncClient, database: Database, form_key: str, create: Callable[..., Any]
) -> None:
    """What was put away as too quick is no earlier post of a person who then takes the time."""
    await create(minimum_seconds=3)
    for seconds in ("0.4", "9", "9"):
        assert 201 == (await inside.post(f"/forms/{form_key}", json=FIELDS | {"form_seconds": seconds})).status_code
    quick, person = await outcomes(database)
    assert (Ignored("spam: too quick"), True) == (quick, isinstance(person, Inquiry))


async def test_an_operator_says_that_it_is_no_spam(
    inside: httpx2.AsyncClient, database: Database, form_key: str, create: Callable[..., Any]
) -> None:
    """Replayed by its reason or its id it becomes an inquiry; replaying all that was ignored leaves it alone."""
    await create(honeypot_field="website")
    await inside.post(f"/forms/{form_key}", json=FIELDS | {"website": "mine"})
    async with database.connection() as connection:
        (receipt,) = await list_waiting(connection, 10)
        await put_away(connection, "ignored", {receipt.id: "spam: honeypot"})
    everything = (await inside.post("/rest/receipts/replay", json={"state": "ignored"})).json()
    spam = (await inside.post("/rest/receipts/replay", json={"reason": "spam: honeypot"})).json()
    assert (0, 1) == (everything["replayed"], spam["replayed"])
    (outcome,) = await outcomes(database)
    assert isinstance(outcome, Inquiry)
    assert FIELDS["message"] == outcome.text


async def test_a_page_is_shown_to_spammers_too(
    inside: httpx2.AsyncClient, form_key: str, create: Callable[..., Any]
) -> None:
    """An HTML post that was caught sees the same page as one that was not."""
    await create(honeypot_field="website")
    person, robot = [
        await inside.post(f"/forms/{form_key}", data=FIELDS | {"website": caught}) for caught in ("", "caught")
    ]
    assert (person.status_code, person.text) == (robot.status_code, robot.text)


class Verifier:
    """Stands in for the service that verifies challenges: each token is good once."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.answers: dict[str, str] = {}
        self.body: str | None = None

    def __call__(self, request: Request) -> Response:
        """Answer as siteverify does."""
        asked = {name: values[0] for name, values in parse_qs(request.get_data(as_text=True)).items()}
        self.asked.append(asked)
        if self.body is not None:
            return Response(self.body)
        known = self.answers.setdefault(asked["response"], asked["idempotency_key"])
        if asked["response"] != "bad" and known == asked["idempotency_key"]:
            return Response(json.dumps({"success": True, "error-codes": []}))
        return Response(json.dumps({"success": False, "error-codes": ["timeout-or-duplicate"]}))


@pytest.fixture
def verifier(httpserver: HTTPServer) -> Verifier:
    """A verifier at an address of this machine."""
    verifier = Verifier()
    httpserver.expect_request("/siteverify").respond_with_handler(verifier)
    return verifier


@pytest.fixture
def own_settings(own_settings: IntakeSettings, httpserver: HTTPServer) -> IntakeSettings:
    """Settings that name the verifier, and a proxy in front of us."""
    news = {"turnstile_url": httpserver.url_for("/siteverify"), "trusted_proxies": "127.0.0.1"}
    return own_settings.model_copy(update=news)


async def test_a_challenge_is_verified_once(
    inside: httpx2.AsyncClient,
    database: Database,
    form_key: str,
    create: Callable[..., Any],
    verifier: Verifier,
) -> None:
    """The verifier is asked with our secret and the client's address; a repeated post is not asked about again."""
    await create(turnstile_secret="our-secret")
    body = FIELDS | {"cf-turnstile-response": "good"}
    headers = {"X-Forwarded-For": "203.0.113.9"}
    answers = [await inside.post(f"/forms/{form_key}", json=body, headers=headers) for _ in range(2)]
    assert [201, 201] == [answer.status_code for answer in answers]
    assert answers[0].json() == answers[1].json()
    (asked,) = verifier.asked
    assert ("our-secret", "good", "203.0.113.9") == (asked["secret"], asked["response"], asked["remoteip"])
    (outcome,) = await outcomes(database)
    assert isinstance(outcome, Inquiry)
    assert {} == outcome.content


async def test_a_double_click_passes_its_challenge(
    inside: httpx2.AsyncClient, database: Database, form_key: str, create: Callable[..., Any], verifier: Verifier
) -> None:
    """The same post several times at once has one effect, and none of its answers is a refusal."""
    await create(turnstile_secret="our-secret")
    body = FIELDS | {"cf-turnstile-response": "good"}
    answers = await asyncio.gather(*(inside.post(f"/forms/{form_key}", json=body) for _ in range(5)))
    assert {201} == {answer.status_code for answer in answers}
    assert 1 == len(await outcomes(database))


@pytest.mark.parametrize("token", [None, "", "bad", "t" * 2049])
async def test_who_fails_the_challenge_is_told(
    inside: httpx2.AsyncClient,
    database: Database,
    form_key: str,
    create: Callable[..., Any],
    verifier: Verifier,
    token: str | None,
) -> None:
    """A person whose challenge has expired can solve it again; nothing is written, and the next try is a new one."""
    await create(turnstile_secret="our-secret")
    fields = FIELDS | ({} if token is None else {"cf-turnstile-response": token})
    answer = await inside.post(f"/forms/{form_key}", json=fields)
    assert (422, "cf-turnstile-response") == (answer.status_code, answer.json()["errors"][0]["field"])
    assert [] == await outcomes(database)
    again = await inside.post(f"/forms/{form_key}", json=FIELDS | {"cf-turnstile-response": "good"})
    assert (201, 1) == (again.status_code, len(await outcomes(database)))


@pytest.mark.parametrize(
    "body", ["<html>", "[]", '{"success": 1}', '{"success": false, "error-codes": ["invalid-input-secret"]}', ""]
)
async def test_a_verifier_that_is_away_loses_no_lead(
    inside: httpx2.AsyncClient,
    database: Database,
    form_key: str,
    create: Callable[..., Any],
    verifier: Verifier,
    body: str,
) -> None:
    """What cannot be verified is kept, and flagged."""
    await create(turnstile_secret="our-secret")
    verifier.body = body
    answer = await inside.post(f"/forms/{form_key}", json=FIELDS | {"cf-turnstile-response": "good"})
    assert 201 == answer.status_code
    (outcome,) = await outcomes(database)
    assert isinstance(outcome, Inquiry)
    assert {"flags": ["challenge not verified"]} == outcome.content


async def test_a_secret_of_another_key_loses_no_lead(
    inside: httpx2.AsyncClient, database: Database, form_key: str, create: Callable[..., Any]
) -> None:
    """A secret that cannot be opened any more is no visitor's fault."""
    await create(turnstile_secret="our-secret")
    async with database.connection() as connection:
        await connection.execute("UPDATE web_forms SET turnstile_secret = 'sealed under another key'")
    assert 201 == (await inside.post(f"/forms/{form_key}", json=FIELDS)).status_code
    (outcome,) = await outcomes(database)
    assert isinstance(outcome, Inquiry)
    assert {"flags": ["challenge not verified"]} == outcome.content


async def post_from(inside: httpx2.AsyncClient, form_key: str, address: str, number: int) -> int:
    """The status that a post of this client address gets."""
    fields = FIELDS | {"message": f"Question {number}"}
    answer = await inside.post(f"/forms/{form_key}", json=fields, headers={"X-Forwarded-For": address})
    return answer.status_code


async def test_one_address_has_its_own_limit(
    inside: httpx2.AsyncClient, form_key: str, create: Callable[..., Any], clock: MovingClock
) -> None:
    """Above it 429 says when to try again; others go on, all of an IPv6 customer count as one, and time passes."""
    await create(rate_limit_per_address=2)
    assert [201, 201, 429] == [await post_from(inside, form_key, "203.0.113.9", number) for number in range(3)]
    assert 201 == await post_from(inside, form_key, "203.0.113.10", 4)
    customer = [await post_from(inside, form_key, f"2001:db8::{number}", number) for number in range(5, 8)]
    assert [201, 201, 429] == customer
    answer = await inside.post(f"/forms/{form_key}", json=FIELDS, headers={"X-Forwarded-For": "203.0.113.9"})
    assert 0 < int(answer.headers["retry-after"]) <= 60
    clock.advance(timedelta(minutes=1))
    assert 201 == await post_from(inside, form_key, "203.0.113.9", 9)


async def test_a_form_has_a_limit_of_its_own(
    inside: httpx2.AsyncClient, form_key: str, create: Callable[..., Any]
) -> None:
    """Everybody together may post so often, wherever they come from."""
    await create(rate_limit=3)
    assert [201, 201, 201, 429] == [await post_from(inside, form_key, f"203.0.113.{n}", n) for n in range(4)]


class TestWithoutRedis:
    """Limits fail open."""

    @pytest.fixture
    def redis_url(self) -> str:
        """An address at which nobody listens."""
        return "redis://127.0.0.1:9/0"

    async def test_every_post_is_taken(
        self, inside: httpx2.AsyncClient, database: Database, form_key: str, create: Callable[..., Any]
    ) -> None:
        """What cannot be counted is not limited."""
        await create(rate_limit=1, rate_limit_per_address=1)
        assert [201] * 5 == [await post_from(inside, form_key, "203.0.113.9", number) for number in range(5)]
        assert 5 == len(await outcomes(database))


async def test_consent_is_recorded_by_its_version(
    inside: httpx2.AsyncClient, database: Database, form_key: str, create: Callable[..., Any], clock: MovingClock
) -> None:
    """A ticked box, and one that was left alone, are kept with the text's version, the time and the page."""
    await create(consent_field="agree", consent_text="We may write.", consent_version="v2")
    page = {"Referer": "https://shop.example/tours"}
    boxes: list[dict[str, Any]] = [{"agree": "on"}, {}, {"agree": False}, {"agree": " No "}]
    for number, agreed in enumerate(boxes):
        fields = FIELDS | {"message": f"Question {number}"} | agreed
        assert 201 == (await inside.post(f"/forms/{form_key}", json=fields, headers=page)).status_code
    found = [outcome.content["consent"] for outcome in await outcomes(database) if isinstance(outcome, Inquiry)]
    told = {"version": "v2", "at": clock.now().isoformat(), "page_url": "https://shop.example/tours"}
    assert [told | {"is_given": given} for given in (True, False, False, False)] == found


async def test_fields_are_mapped_as_the_form_says(
    inside: httpx2.AsyncClient, database: Database, form_key: str, create: Callable[..., Any]
) -> None:
    """The form's own mapping goes before what names usually mean; what it lists without one is extra."""
    mapping = {"vorname": "first_name", "your-mail": "email", "tel": None, "message": None, "anfrage": "message"}
    await create(fields=[{"name": name, "maps_to": to} for name, to in mapping.items()])
    posted = {"vorname": "Noor", "your-mail": "noor@example.com", "tel": "+34 600 111 222", "anfrage": "When?"}
    await inside.post(f"/forms/{form_key}", json=posted | {"message": "subject", "surname": "van Dijk", "hotel": "H"})
    (outcome,) = await outcomes(database)
    assert isinstance(outcome, Inquiry)
    sender = outcome.sender
    assert ("Noor", "van Dijk", "noor@example.com", None) == (
        sender.first_name,
        sender.last_name,
        sender.email,
        sender.phone,
    )
    extra = {"tel": "+34 600 111 222", "hotel": "H", "message (extra)": "subject"}
    assert ("When?", {"extra": extra}) == (outcome.text, outcome.content)


@pytest.mark.parametrize("stray", [{"email": ""}, {"email": "shop@example.com"}], ids=["empty", "filled"])
@pytest.mark.parametrize("is_first", [True, False], ids=["before", "after"])
async def test_a_listed_field_goes_before_a_stray_one(
    inside: httpx2.AsyncClient,
    database: Database,
    form_key: str,
    create: Callable[..., Any],
    stray: dict[str, str],
    is_first: bool,
) -> None:
    """What the form lists is not lost to another field that happens to have our own name."""
    await create(fields=[{"name": "correo", "maps_to": "email"}])
    listed = {"correo": "noor@example.com"}
    await inside.post(f"/forms/{form_key}", json=stray | listed if is_first else listed | stray)
    (outcome,) = await outcomes(database)
    assert isinstance(outcome, Inquiry)
    assert "noor@example.com" == outcome.sender.email


async def test_first_and_last_touch_are_kept(
    inside: httpx2.AsyncClient, database: Database, form_key: str, create: Callable[..., Any]
) -> None:
    """What the page remembers of the first visit stands beside what brought its visitor now; both are bounded."""
    await create()
    first = {"utm_source": "mail", "landing_page": "https://shop.example/", "at": "2026-10-01T10:00:00Z", "x": "y"}
    last: dict[str, Any] = {"utm_source": "ads", "gclid": "g" * 5000, "referrer": [7]}
    attribution = {"first": first, "last": last}
    answer = await inside.post(f"/forms/{form_key}", json=FIELDS | {"attribution": attribution})
    assert 422 == answer.status_code, "more than a field may have"
    last["gclid"] = "g" * 1500
    assert 201 == (await inside.post(f"/forms/{form_key}", json=FIELDS | {"attribution": attribution})).status_code
    (outcome,) = await outcomes(database)
    assert isinstance(outcome, Inquiry)
    told = outcome.attribution
    assert {name: first[name] for name in ("utm_source", "landing_page", "at")} == told.pop("first_touch")
    assert ("ads", "g" * 1000) == (told["utm_source"], told["gclid"])
    assert "referrer" not in told
    assert {} == outcome.content


async def test_no_secret_is_ever_kept(
    inside: httpx2.AsyncClient, database: Database, form_key: str, create: Callable[..., Any]
) -> None:
    """Neither a receipt nor an inquiry has a password or a card's number, whatever the page sends."""
    await create()
    told = {"Password": "hunter2", "cc-number": "4111111111111111", "message": "My card is 4111 1111 1111 1111, ok?"}
    assert 201 == (await inside.post(f"/forms/{form_key}", json=FIELDS | told)).status_code
    async with database.connection() as connection:
        body = await connection.fetchval("SELECT convert_from(body, 'UTF8') FROM receipt_bodies")
    assert "hunter2" not in body
    assert "1111" not in body
    (outcome,) = await outcomes(database)
    assert isinstance(outcome, Inquiry)
    assert "My card is [card number removed], ok?" == outcome.text
