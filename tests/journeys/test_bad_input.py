"""Whatever is sent, there is a clear answer, no 5xx, and nothing that was signed is lost."""

import gzip
from collections.abc import AsyncIterator

import pytest

from tests.journeys.test_inquiries import new_id, new_phone, one_lead
from tests.support.senders import encoded, messenger, messenger_text, signed, whatsapp, whatsapp_text
from tests.support.system import System
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("system")

BODY = whatsapp(whatsapp_text("4917600000001", "wamid.never"))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Hub-Signature-256": ""},
        {"X-Hub-Signature-256": "sha256=" + "0" * 64},
        {"X-Hub-Signature-256": "sha1=" + "0" * 40},
        {"X-Hub-Signature": "sha1=" + "0" * 40},
        {"X-Hub-Signature-256": signed(BODY, "another secret")["X-Hub-Signature-256"]},
        {"X-Hub-Signature-256": signed(BODY + b" ", "another secret")["X-Hub-Signature-256"].upper()},
    ],
)
@pytest.mark.parametrize("body", [BODY, b"not json", b""])
async def test_what_is_not_signed_is_refused_unread(system: System, headers: dict[str, str], body: bytes) -> None:
    """Without the right signature the answer is 401, whatever the body is, and no receipt is written."""
    before = (await system.summary())["received"]
    answer = await system.client.post(f"{system.url('intake')}/webhooks/whatsapp", content=body, headers=headers)
    assert 401 == answer.status_code
    assert before == (await system.summary())["received"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "right"}, (200, "1158201444")),
        ({"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "wrong"}, (403, None)),
        ({"hub.mode": "unsubscribe", "hub.challenge": "1158201444", "hub.verify_token": "right"}, (403, None)),
        ({}, (403, None)),
    ],
)
@pytest.mark.parametrize("channel", ["whatsapp", "messenger"])
async def test_the_handshake(system: System, channel: str, query: dict[str, str], expected: tuple[int, str]) -> None:
    """Only the right token gets exactly its challenge back, as plain text."""
    token = system.settings[f"INTAKE_{channel.upper()}_VERIFY_TOKEN"]
    query = {name: token if value == "right" else value for name, value in query.items()}
    answer = await system.client.get(f"{system.url('intake')}/webhooks/{channel}", params=query)
    status, body = expected
    assert status == answer.status_code
    if body is None:
        assert "1158201444" not in answer.text
    else:
        assert body == answer.text
        assert answer.headers["content-type"].startswith("text/plain")


ODD = {
    "truncated": b'{"object":"whatsapp_business_account","entry":[{',
    "not an object": b"[1, 2]",
    "empty": b"",
    "not utf-8": b"\xff\xfe\x00",
    "deep": b"[" * 100_000,
    "huge number": b'{"object": ' + b"9" * 5000 + b"}",
    "nan": b'{"object": NaN}',
    "unknown object": encoded({"object": "smart_fridge", "entry": []}),
    "entry is an object": encoded({"object": "whatsapp_business_account", "entry": {}}),
    "nothing within": encoded({"object": "page", "entry": [{"messaging": [{}]}]}),
    "gzip": gzip.compress(BODY),
}


@pytest.mark.parametrize("what", ODD)
@pytest.mark.parametrize("channel", ["whatsapp", "messenger"])
async def test_a_signed_oddity_is_kept(system: System, channel: str, what: str) -> None:
    """What is signed and cannot be understood is answered 200, since a retry would not help, and is kept."""
    before = await system.summary()
    # Two deliveries of the same bytes are one, so each test makes its bytes its own.
    body = ODD[what] + b" " * (1 + abs(hash((channel, what))) % 1000)
    answer = await system.deliver(channel, body)
    assert 200 == answer.status_code

    async def kept() -> bool:
        now = await system.summary()
        parts = ("ignored", "quarantined")
        return sum(now[part] for part in parts) > sum(before[part] for part in parts)

    await eventually(kept, within=20)


async def test_a_bad_item_does_not_take_its_neighbours_along(system: System) -> None:
    """Between items that are wrong in every way the good one becomes a lead."""
    phone = new_phone()
    good = whatsapp_text(phone, new_id(), "Good \x00 neighbour \ud800 here")
    good["messages"] = [{"type": "text"}, {"id": 7, "text": None}, None, *good["messages"], {"type": "invented"}]
    assert 200 == (await system.deliver("whatsapp", whatsapp(good))).status_code
    await one_lead(system, phone)


async def test_a_large_body_is_refused(system: System) -> None:
    """Over three megabytes the answer is 413, also when the length is not told."""
    body = b"x" * 3_200_000
    assert 413 == (await system.deliver("whatsapp", body)).status_code

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield body[:65_536]

    headers = signed(body, "any")
    answer = await system.client.post(f"{system.url('intake')}/webhooks/whatsapp", content=chunks(), headers=headers)
    assert 413 == answer.status_code


async def test_a_chunked_body_is_read(system: System) -> None:
    """A delivery without Content-Length is as good as any."""
    phone = new_phone()
    body = whatsapp(whatsapp_text(phone, new_id()))
    secret = system.settings["INTAKE_WHATSAPP_APP_SECRET"]

    async def chunks() -> AsyncIterator[bytes]:
        yield body[:100]
        yield body[100:]

    url = f"{system.url('intake')}/webhooks/whatsapp"
    answer = await system.client.post(url, content=chunks(), headers=signed(body, secret))
    assert 200 == answer.status_code
    await one_lead(system, phone)


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "/forms/nobody-has-this", {"name": "Ada"}, 404),
        ("POST", "/rest/forms", {"form_key": "x", "name": "x", "invented": 1}, 422),
        ("GET", "/rest/receipts?limit=0", None, 422),
        ("GET", "/rest/receipts/not-an-id", None, 422),
    ],
)
async def test_intake_refuses_clearly(
    system: System, method: str, path: str, body: dict[str, object] | None, expected: int
) -> None:
    """A wrong request is told what is wrong, as a problem document."""
    answer = await system.ask("intake", method, path, json=body)
    assert expected == answer.status_code, answer.text
    assert expected == answer.json()["status"]


@pytest.mark.parametrize("service", ["intake", "leads", "assignment", "notifier"])
async def test_rest_needs_a_token(system: System, service: str) -> None:
    """No REST path answers anybody without a token."""
    description = (await system.client.get(f"{system.url(service)}/openapi.json")).json()
    paths = [path for path in description["paths"] if path.startswith("/rest/")]
    assert paths
    for path in paths:
        for method in description["paths"][path]:
            url = system.url(service) + path.replace("{", "").replace("}", "")
            answer = await system.client.request(method, url, json={})
            assert 401 == answer.status_code, (method, path)


async def test_messenger_repeats_nothing_personal_in_logs(system: System) -> None:
    """What people write, and who they are, is in no log line."""
    phone, words = new_phone(), f"a secret wish {new_id('')}"
    await system.deliver("whatsapp", whatsapp(whatsapp_text(phone, new_id(), words)))
    await system.deliver("messenger", messenger(messenger_text("71", new_id("m_"), words)))
    await one_lead(system, phone)
    await eventually(system.settled, within=20)
    log = system.log()
    assert words not in log
    assert phone not in log
