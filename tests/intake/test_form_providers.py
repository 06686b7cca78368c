"""Form providers: signed bytes, each in its own way, become the lead that a post would have become."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.intake.domain.adapters.form_answers import AnswersUnknown, read_answers
from services.intake.domain.form_rules import Provider
from services.intake.domain.forms import check_fields
from services.intake.domain.normalise import normalise
from services.intake.domain.outcomes import Ignored, Inquiry, Outcome, Quarantined
from services.intake.storage.receipts import list_waiting
from shared.kit.database import Database
from tests.support.clock import MovingClock

SECRET = "what only they and we know"
ASKED = ("Olu Adeyemi", "olu@example.org", "+49 176 12345678", "Is the reef open in May?")

TYPEFORM: dict[str, Any] = {
    "event_id": "01J0000000000000000000001",
    "event_type": "form_response",
    "form_response": {
        "form_id": "Qa1b2c",
        "token": "7d1f0c5e4b3a2918",
        "landed_at": "2026-11-20T23:20:00Z",
        "submitted_at": "2026-11-20T23:24:00Z",
        "hidden": {"utm_source": "reef-news", "shop": "north"},
        "calculated": {"score": 0},
        "definition": {
            "id": "Qa1b2c",
            "title": "Ask us",
            "fields": [
                {"id": "f1", "title": "Who are you?", "type": "short_text", "ref": "full_name"},
                {"id": "f2", "title": "Where may we write?", "type": "email", "ref": "01H-uuid"},
                {"id": "f3", "title": "And call?", "type": "phone_number", "ref": "02H-uuid"},
                {"id": "f4", "title": "What would you like to know?", "type": "long_text", "ref": "03H-uuid"},
                {"id": "f5", "title": "Which reefs?", "type": "multiple_choice", "ref": "04H-uuid"},
                {"id": "f6", "title": "Divers", "type": "number", "ref": "divers"},
                {"id": "f7", "title": "Insured?", "type": "yes_no", "ref": "insured"},
            ],
        },
        "answers": [
            {"type": "text", "text": ASKED[0], "field": {"id": "f1", "type": "short_text", "ref": "full_name"}},
            {"type": "email", "email": ASKED[1], "field": {"id": "f2", "type": "email", "ref": "01H-uuid"}},
            {"type": "phone_number", "phone_number": ASKED[2], "field": {"id": "f3", "type": "phone_number"}},
            {"type": "text", "text": ASKED[3], "field": {"id": "f4", "type": "long_text", "ref": "03H-uuid"}},
            {"type": "choices", "choices": {"labels": ["North", "South"], "other": "East"}, "field": {"id": "f5"}},
            {"type": "number", "number": 2, "field": {"id": "f6", "type": "number", "ref": "divers"}},
            {"type": "boolean", "boolean": True, "field": {"id": "f7", "type": "yes_no", "ref": "insured"}},
        ],
    },
}
TALLY: dict[str, Any] = {
    "eventId": "a1",
    "eventType": "FORM_RESPONSE",
    "createdAt": "2026-11-20T23:24:00.000Z",
    "data": {
        "responseId": "wKx1",
        "submissionId": "wKx1",
        "formId": "mO1",
        "fields": [
            {"key": "question_1", "label": "Name", "type": "INPUT_TEXT", "value": ASKED[0]},
            {"key": "question_2", "label": "Where may we write?", "type": "INPUT_EMAIL", "value": ASKED[1]},
            {"key": "question_3", "label": "And call?", "type": "INPUT_PHONE_NUMBER", "value": ASKED[2]},
            {"key": "question_4", "label": "Anything else?", "type": "TEXTAREA", "value": ASKED[3]},
            {
                "key": "question_5",
                "label": "Which reefs?",
                "type": "CHECKBOXES",
                "value": ["o1", "o3"],
                "options": [{"id": "o1", "text": "North"}, {"id": "o2", "text": "South"}, {"id": "o3", "text": "East"}],
            },
            {"key": "question_6", "label": "Divers", "type": "INPUT_NUMBER", "value": 2},
            {"key": "question_7", "label": "Never answered", "type": "INPUT_TEXT", "value": None},
            {"key": "h_1", "label": "utm_source", "type": "HIDDEN_FIELDS", "value": "reef-news"},
        ],
    },
}
WEBFLOW: dict[str, Any] = {
    "triggerType": "form_submission",
    "payload": {
        "name": "Ask us",
        "siteId": "65427cf4",
        "data": {
            "First Name": "Olu",
            "Last Name": "Adeyemi",
            "Your email": ASKED[1],
            "Phone Number": 17612345678,
            "message": ASKED[3],
            "Which reefs?": "North, East",
            "utm_source": "reef-news",
        },
        "submittedAt": "2026-11-20T23:24:00.000Z",
        "id": "65a5d3c8",
    },
}
PAYLOADS = {"typeform": TYPEFORM, "tally": TALLY, "webflow": WEBFLOW}


def signed(provider: str, raw: bytes, clock: MovingClock, secret: str = SECRET) -> dict[str, str]:
    """The headers of a delivery."""
    mac = hmac.new(secret.encode(), raw, hashlib.sha256)
    if provider == "typeform":
        return {"Typeform-Signature": f"sha256={base64.b64encode(mac.digest()).decode()}"}
    if provider == "tally":
        return {"Tally-Signature": base64.b64encode(mac.digest()).decode()}
    if provider == "webflow":
        stamp = str(int(clock.now().timestamp() * 1000))
        over = hmac.new(secret.encode(), stamp.encode() + b":" + raw, hashlib.sha256).hexdigest()
        return {"x-webflow-timestamp": stamp, "x-webflow-signature": over}
    return {"X-Leadline-Secret": secret}


def dumped(payload: Any) -> bytes:
    """JSON as senders write it: compact, with escapes."""
    return json.dumps(payload).encode()


@pytest.fixture
def create(inside: httpx2.AsyncClient) -> Callable[..., Any]:
    """Create the form `reef`, which a provider delivers to."""

    async def create(provider: str, **rules: Any) -> None:
        body = {"form_key": "reef", "name": "Reef", "default_region": "DE"}
        answer = await inside.post("/rest/forms", json=body | {"provider": provider, "provider_secret": SECRET} | rules)
        assert 201 == answer.status_code, answer.text

    return create


async def outcomes(database: Database) -> list[Outcome]:
    """What becomes of the receipts that wait."""
    async with database.connection() as connection:
        return [normalise(receipt) for receipt in await list_waiting(connection, 1000)]


@pytest.mark.parametrize("provider", PAYLOADS)
async def test_a_delivery_is_the_lead_of_a_post(
    inside: httpx2.AsyncClient, database: Database, clock: MovingClock, create: Callable[..., Any], provider: str
) -> None:
    """Name, mail, phone and message are found, whatever the questions are called; the rest is kept."""
    await create(provider)
    raw = dumped(PAYLOADS[provider])
    answer = await inside.post(f"/webhooks/forms/{provider}/reef", content=raw, headers=signed(provider, raw, clock))
    assert 200 == answer.status_code, answer.text
    (inquiry,) = await outcomes(database)
    assert isinstance(inquiry, Inquiry)
    sender = inquiry.sender
    assert ("Olu", "Adeyemi", ASKED[1], ASKED[3]) == (
        sender.first_name,
        sender.last_name,
        sender.email,
        inquiry.text,
    )
    assert ["4917612345678", "olu@example.org"] == [identity.match_key for identity in sender.identities]
    assert "reef-news" == inquiry.attribution["utm_source"]
    extra = inquiry.content["extra"]
    assert extra["Which reefs?"] in ("North, South, East", "North, East")
    expected = {"typeform": {"Divers": 2, "Insured?": True, "shop": "north"}, "tally": {"Divers": 2}, "webflow": {}}
    assert expected[provider] == {name: value for name, value in extra.items() if name != "Which reefs?"}


async def test_the_forms_own_mapping_goes_first(
    inside: httpx2.AsyncClient, database: Database, clock: MovingClock, create: Callable[..., Any]
) -> None:
    """A question is mapped by its ref, its id or its title; other long texts are no message then."""
    mapping = {"divers": "passengers", "Which reefs?": "message", "f2": None}
    await create("typeform", fields=[{"name": name, "maps_to": to} for name, to in mapping.items()])
    raw = dumped(TYPEFORM)
    await inside.post("/webhooks/forms/typeform/reef", content=raw, headers=signed("typeform", raw, clock))
    (inquiry,) = await outcomes(database)
    assert isinstance(inquiry, Inquiry)
    assert ("North, South, East", None) == (inquiry.text, inquiry.sender.email)
    assert {"f2": ASKED[1], "What would you like to know?": ASKED[3]}.items() <= inquiry.content["extra"].items()


@pytest.mark.parametrize("provider", [*PAYLOADS, "generic"])
async def test_only_signed_bytes_are_taken(
    inside: httpx2.AsyncClient, database: Database, clock: MovingClock, create: Callable[..., Any], provider: str
) -> None:
    """A missing, wrong, foreign or shifted signature is 401 before anything is parsed, and nothing is written."""
    await create(provider)
    raw = dumped(PAYLOADS.get(provider, {"name": "Olu"}))
    right = signed(provider, raw, clock)
    wrong: list[dict[str, Any]] = [
        {},
        signed(provider, raw, clock, "another secret"),
        {name: value.swapcase() + "x" for name, value in right.items()},
        dict.fromkeys(right, ""),
        dict.fromkeys(right, b"\xff\xfe"),
    ]
    for headers in wrong:
        answer = await inside.post(f"/webhooks/forms/{provider}/reef", content=b"{" + raw, headers=headers)
        assert (401, "application/problem+json") == (answer.status_code, answer.headers["content-type"])
    if provider != "generic":
        answer = await inside.post(f"/webhooks/forms/{provider}/reef", content=raw + b" ", headers=right)
        assert 401 == answer.status_code
    assert [] == await outcomes(database)


async def test_webflows_signature_lives_for_five_minutes(
    inside: httpx2.AsyncClient, clock: MovingClock, create: Callable[..., Any]
) -> None:
    """An old delivery cannot be played again, nor one from the future."""
    await create("webflow")
    raw = dumped(WEBFLOW)
    headers = signed("webflow", raw, clock)
    for shift, status in ((4, 200), (1.1, 401), (-11, 401)):
        clock.advance(timedelta(minutes=shift))
        answer = await inside.post("/webhooks/forms/webflow/reef", content=raw, headers=headers)
        assert status == answer.status_code
    signed_words = hmac.new(SECRET.encode(), b"soon:" + raw, hashlib.sha256).hexdigest()
    odd = {"x-webflow-timestamp": "soon", "x-webflow-signature": signed_words}
    assert 401 == (await inside.post("/webhooks/forms/webflow/reef", content=raw, headers=odd)).status_code


@pytest.mark.parametrize("provider", PAYLOADS)
async def test_a_delivery_counts_once(
    inside: httpx2.AsyncClient, database: Database, clock: MovingClock, create: Callable[..., Any], provider: str
) -> None:
    """At once, in a row, and a year later with another event id: one receipt, always 200."""
    await create(provider)
    path, payload = f"/webhooks/forms/{provider}/reef", PAYLOADS[provider]
    raw = dumped(payload)
    headers = signed(provider, raw, clock)
    answers = await asyncio.gather(*(inside.post(path, content=raw, headers=headers) for _ in range(10)))
    clock.advance(timedelta(days=365))
    again = dumped(payload | {"event_id": "another", "eventId": "another"})
    answers.append(await inside.post(path, content=again, headers=signed(provider, again, clock)))
    assert {200} == {answer.status_code for answer in answers}
    assert 1 == len(await outcomes(database))


async def test_halves_of_a_form_are_no_inquiry(
    inside: httpx2.AsyncClient, database: Database, clock: MovingClock, create: Callable[..., Any]
) -> None:
    """What somebody did not send is kept and ignored, and does not stand in the way of the whole."""
    await create("typeform")
    for payload in (TYPEFORM | {"event_type": "form_response_partial"}, TYPEFORM):
        raw = dumped(payload)
        await inside.post("/webhooks/forms/typeform/reef", content=raw, headers=signed("typeform", raw, clock))
    half, inquiry = await outcomes(database)
    assert Ignored("typeform: no submission") == half
    assert isinstance(inquiry, Inquiry)


@pytest.mark.parametrize("raw", [b"", b"no json", b'{"a":' * 5000, b"\xff", b"NaN"])
async def test_signed_rubbish_is_kept_in_quarantine(
    inside: httpx2.AsyncClient, database: Database, clock: MovingClock, create: Callable[..., Any], raw: bytes
) -> None:
    """The provider is not asked to send it again, and somebody can look at the bytes."""
    await create("tally")
    for _ in range(2):
        answer = await inside.post("/webhooks/forms/tally/reef", content=raw, headers=signed("tally", raw, clock))
        assert 200 == answer.status_code
    (receipt,) = (await inside.get("/rest/receipts")).json()["items"]
    assert ("quarantined", "reef") == (receipt["state"], receipt["account"])


@pytest.mark.parametrize(
    ("provider", "payload"),
    [
        ("typeform", {"event_type": "form_response"}),
        ("tally", {"eventType": "FORM_RESPONSE", "data": {"fields": "none"}}),
        ("webflow", {"triggerType": "form_submission", "payload": []}),
    ],
)
async def test_another_shape_is_seen_by_somebody(
    inside: httpx2.AsyncClient,
    database: Database,
    clock: MovingClock,
    create: Callable[..., Any],
    provider: str,
    payload: dict[str, Any],
) -> None:
    """A submission in a shape that nobody knows is quarantined, to be read again after a fix."""
    await create(provider)
    raw = dumped(payload)
    await inside.post(f"/webhooks/forms/{provider}/reef", content=raw, headers=signed(provider, raw, clock))
    (outcome,) = await outcomes(database)
    assert isinstance(outcome, Quarantined)


async def test_a_server_with_a_secret_posts_in_any_encoding(
    inside: httpx2.AsyncClient, database: Database, create: Callable[..., Any]
) -> None:
    """The generic provider needs no form of ours; guards for browsers do not concern it; its key makes it one."""
    await create("generic", provider_header="X-Shop", turnstile_secret="s", honeypot_field="website")
    fields = {"name": ASKED[0], "email": ASKED[1], "website": "https://olu.example"}
    headers = {"X-Shop": SECRET, "Idempotency-Key": "order-1"}
    for _ in range(2):
        answer = await inside.post("/webhooks/forms/generic/reef", json=fields, headers=headers)
        assert 200 == answer.status_code, answer.text
    assert (
        200 == (await inside.post("/webhooks/forms/generic/reef", data=fields, headers={"X-Shop": SECRET})).status_code
    )
    first, second = await outcomes(database)
    assert isinstance(first, Inquiry)
    assert isinstance(second, Inquiry)
    assert (first.sender, {"website": "https://olu.example"}) == (second.sender, first.content["extra"])
    bad = await inside.post("/webhooks/forms/generic/reef", json={"phone": "5" * 99}, headers={"X-Shop": SECRET})
    assert (422, "phone") == (bad.status_code, bad.json()["errors"][0]["field"])


async def test_a_form_has_one_provider(inside: httpx2.AsyncClient, create: Callable[..., Any]) -> None:
    """Another provider's path, an unknown one and a form without any look like no form."""
    await create("tally")
    for path in ("typeform/reef", "wufoo/reef", "tally/lagoon", "tally/%00"):
        assert 404 == (await inside.post(f"/webhooks/forms/{path}", content=b"{}")).status_code


trees: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["fields", "answers", "data", "payload", "form_response", "hidden", "field", "type", "value",
                         "id", "label", "labels", "key", "options", "text", "email", "choices", "title"]),
        inner,
        max_size=5,
    ),
    max_leaves=15,
)  # fmt: skip


@given(st.sampled_from([Provider.TYPEFORM, Provider.TALLY, Provider.WEBFLOW]), trees)
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_any_payload_is_read_or_unknown(provider: Provider, tree: Any) -> None:
    """Any JSON in the place of answers gives fields that a post may have, or is said to be unknown."""
    payload = {"form_response": tree, "data": tree, "payload": {"data": tree}}
    try:
        fields = read_answers(provider, payload, {"title": "message"})
    except AnswersUnknown:
        return
    check_fields(fields, {"title": "message"})
