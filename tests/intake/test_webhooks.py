"""The webhooks' doors: who gets in, what is kept, and that nothing gets lost on the way."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from services.intake.domain.items import make_item
from services.intake.routes.bodies import LIMIT
from services.intake.storage import receipt_writer
from services.intake.storage.receipt_writer import ReceiptsNotWritten, ReceiptWriter
from services.intake.storage.receipts import add_receipts
from services.intake.use_cases.receive_delivery import Stamp
from shared.contracts.words import Channel
from shared.kit.database import Database
from tests.intake.deliveries import (
    APP_SECRET,
    LINE,
    MESSENGER_SECRET,
    SECOND_SECRET,
    VERIFY_TOKEN,
    change,
    contact,
    dumped,
    event,
    message,
    messenger,
    sign,
    whatsapp,
    whatsapp_messages,
)
from tests.support.clock import MovingClock

WHATSAPP, MESSENGER = "/webhooks/whatsapp", "/webhooks/messenger"


async def rows(database: Database) -> list[dict[str, Any]]:
    """All receipts with their bodies, in order."""
    async with database.connection() as connection:
        found = await connection.fetch("SELECT * FROM receipts JOIN receipt_bodies USING (id) ORDER BY id")
    return [dict(row) for row in found]


async def deliver(client: httpx2.AsyncClient, delivery: Any, *, path: str = WHATSAPP, secret: str = APP_SECRET) -> int:
    """Deliver something signed; the status."""
    raw = delivery if isinstance(delivery, bytes) else dumped(delivery)
    return (await client.post(path, content=raw, headers=sign(raw, secret))).status_code


@pytest.mark.parametrize("path", [WHATSAPP, MESSENGER])
async def test_the_handshake_gives_the_challenge_back(outside: httpx2.AsyncClient, path: str) -> None:
    """Who knows the token gets exactly the challenge, as plain text."""
    asked = {"hub.mode": "subscribe", "hub.challenge": "115 8<b>", "hub.verify_token": VERIFY_TOKEN}
    answer = await outside.get(path, params=asked)
    assert (200, "115 8<b>") == (answer.status_code, answer.text)
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "changes",
    [
        {"hub.verify_token": "wrong"},
        {"hub.verify_token": ""},
        {"hub.verify_token": "ünïcode"},
        {"hub.mode": "unsubscribe"},
        {"hub.mode": None},
        {"hub.challenge": None},
    ],
)
async def test_a_wrong_handshake_is_refused(outside: httpx2.AsyncClient, changes: dict[str, Any]) -> None:
    """Anything else is 403, and the challenge is not echoed."""
    asked = {"hub.mode": "subscribe", "hub.challenge": "secret-challenge", "hub.verify_token": VERIFY_TOKEN} | changes
    answer = await outside.get(WHATSAPP, params={name: value for name, value in asked.items() if value is not None})
    assert 403 == answer.status_code
    assert "secret-challenge" not in answer.text


async def test_a_delivery_becomes_receipts(outside: httpx2.AsyncClient, database: Database) -> None:
    """After the 200 each item is a row with its bytes and the business date of the moment, and no clear id."""
    assert 200 == await deliver(outside, whatsapp_messages(message("wamid.55"), message(kind="reaction")))
    first, second = await rows(database)
    assert ("whatsapp", LINE, "text", "received") == tuple(
        first[name] for name in ("channel", "account", "kind", "state")
    )
    assert "2026-11-21" == first["business_date"].isoformat()
    body = json.loads(first["body"])
    assert ("wamid.55", [contact()]) == (body["message"]["id"], body["contacts"])
    assert "reaction" == second["kind"]
    assert "wamid" not in first["dedupe_key"]


@pytest.mark.parametrize("secret", [APP_SECRET, SECOND_SECRET])
async def test_several_apps_may_deliver(outside: httpx2.AsyncClient, secret: str) -> None:
    """The signature of any of our apps is good."""
    assert 200 == await deliver(outside, whatsapp_messages(message()), secret=secret)


RAW = dumped(whatsapp_messages(message()))
GOOD = sign(RAW)["X-Hub-Signature-256"]


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "sha256=",
        GOOD[7:],
        GOOD[:-1],
        GOOD + "0",
        GOOD.replace("sha256", "sha1"),
        "sha1=" + "a" * 40,
        "sha256=" + "0" * 64,
        "sha256=" + "é" * 64,
        f"{GOOD}, {GOOD}",
        " " + GOOD.replace("=", " = "),
        sign(RAW, MESSENGER_SECRET)["X-Hub-Signature-256"],
        sign(RAW + b" ")["X-Hub-Signature-256"],
    ],
)
async def test_what_is_not_signed_is_refused(
    outside: httpx2.AsyncClient, database: Database, header: str | None
) -> None:
    """A missing, malformed or wrong signature is 401, and nothing is written."""
    headers = {} if header is None else {"X-Hub-Signature-256": header.encode()}
    answer = await outside.post(WHATSAPP, content=RAW, headers=headers)  # type: ignore[arg-type]
    assert 401 == answer.status_code
    assert "application/problem+json" == answer.headers["content-type"]
    assert [] == await rows(database)


async def test_the_bytes_are_signed_not_their_meaning(outside: httpx2.AsyncClient) -> None:
    """Escapes, spaces and order of the body are as the sender wrote them."""
    raw = b'{ "entry":[ ],\n "object":"whatsapp_business_account", "x":"\\u00e4\\/" }'
    assert 200 == await deliver(outside, raw)


async def test_an_uppercase_signature_is_as_good(outside: httpx2.AsyncClient) -> None:
    """Hex digits have no case."""
    headers = {"X-Hub-Signature-256": GOOD[:7] + GOOD[7:].upper()}
    assert 200 == (await outside.post(WHATSAPP, content=RAW, headers=headers)).status_code


async def test_a_batch_keeps_everything(outside: httpx2.AsyncClient, database: Database) -> None:
    """Two entries, two changes each, three messages each, with statuses and an errors-only value: all are kept."""
    entries = [
        {
            "id": f"e{entry}",
            "changes": [
                change(line=f"l{entry}{part}", messages=[message(f"w{entry}{part}{n}") for n in range(3)])
                for part in (1, 2)
            ],
        }
        for entry in (1, 2)
    ]
    entries[0]["changes"] += [change(statuses=[{"id": "s1"}, {"id": "s2"}]), change(errors=[{"code": 1}])]  # type: ignore[operator]
    assert 200 == await deliver(outside, {"object": "whatsapp_business_account", "entry": entries})
    kinds = [row["kind"] for row in await rows(database)]
    assert (12, 2, 1) == tuple(kinds.count(kind) for kind in ("text", "status", "error"))


async def test_a_delivery_repeated_has_one_effect(
    outside: httpx2.AsyncClient, database: Database, clock: MovingClock
) -> None:
    """Three times in a row, twenty times at once, in another batch and a year later: one receipt, always 200."""
    delivery = whatsapp_messages(message("wamid.same"))
    assert [200] * 3 == [await deliver(outside, delivery) for _ in range(3)]
    assert [200] * 20 == list(await asyncio.gather(*(deliver(outside, delivery) for _ in range(20))))
    clock.advance(timedelta(days=365))
    assert 200 == await deliver(outside, whatsapp_messages(message("wamid.new"), message("wamid.same")))
    assert 2 == len(await rows(database))


async def test_twice_in_one_delivery_is_once(outside: httpx2.AsyncClient, database: Database) -> None:
    """A delivery may hold the same message twice."""
    assert 200 == await deliver(outside, whatsapp_messages(message("wamid.x"), message("wamid.x")))
    assert 1 == len(await rows(database))


async def test_the_same_id_under_two_accounts_is_two(outside: httpx2.AsyncClient, database: Database) -> None:
    """Ids are unique within an account only."""
    for line in ("1001", "1002"):
        assert 200 == await deliver(outside, whatsapp(change(line=line, messages=[message("wamid.x")])))
    assert ["1001", "1002"] == [row["account"] for row in await rows(database)]


async def test_messenger_and_instagram_share_a_door(outside: httpx2.AsyncClient, database: Database) -> None:
    """The object of a delivery says which of the two it is."""
    for name in ("page", "instagram"):
        delivery = messenger(event(message={"mid": "m_1", "text": "hi"}), name=name)
        assert 200 == await deliver(outside, delivery, path=MESSENGER, secret=MESSENGER_SECRET)
    assert ["messenger", "instagram"] == [row["channel"] for row in await rows(database)]


DEEP = b'{"object":"whatsapp_business_account","entry":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (b"not json", "not JSON"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"\x00", "not JSON"),
        (b"[NaN]", "NaN is not JSON"),
        (b"[]", "not an object"),
        (b"null", "not an object"),
        (b'"text"', "not an object"),
        (DEEP, "nested too deeply"),
        (gzip.compress(RAW, mtime=0), "not UTF-8"),
        (b'{"object":"something new"}', "unknown object"),
        (b'{"object":{"a":1},"entry":[]}', "unknown object"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value,
)
async def test_what_cannot_be_split_is_kept_whole(
    outside: httpx2.AsyncClient, database: Database, raw: bytes, reason: str
) -> None:
    """Signed bytes of any sort are answered 200, since a retry would not help, and quarantined as they came."""
    assert 200 == await deliver(outside, raw)
    (row,) = await rows(database)
    assert ("quarantined", reason, raw) == (row["state"], row["reason"], row["body"])


HOSTILE: list[Any] = [
    message(text={"body": "nul \x00 and half \ud800"}),
    message("id \x00\udfff"),
    message("i" * 5000),
    message() | {"type": "t\x00" * 100},
    message() | {"type": {"a": []}},
    message() | {"id": 2**80, "timestamp": -(2**80), "from": [1]},
    message() | {"\x00": "\ud800"},
    None,
    [],
    "text",
    1e300,
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
async def test_a_bad_item_does_not_hurt_its_neighbours(
    outside: httpx2.AsyncClient, database: Database, hostile: Any
) -> None:
    """A hostile item among good ones is kept like them."""
    raw = dumped(whatsapp_messages(message("wamid.before"), hostile, message("wamid.after")))
    assert 200 == await deliver(outside, raw)
    assert 3 == len(await rows(database))


@pytest.mark.parametrize("line", ["a\x00b", "\ud800", "x" * 10_000, 17, None, {"a": 1}])
async def test_an_odd_account_is_no_reason_to_lose_a_message(
    outside: httpx2.AsyncClient, database: Database, line: Any
) -> None:
    """Whatever the envelope says, the item is kept."""
    delivery = whatsapp(change(messages=[message()]))
    delivery["entry"][0]["changes"][0]["value"]["metadata"] = {"phone_number_id": line}
    assert 200 == await deliver(outside, delivery)
    assert 1 == len(await rows(database))


async def chunks(size: int) -> AsyncIterator[bytes]:
    """A body without a length."""
    for _ in range(size // 65_536 + 1):
        yield b"x" * 65_536


async def test_a_body_above_the_limit_is_refused(outside: httpx2.AsyncClient, database: Database) -> None:
    """Too much is 413, whether the length is announced or the body just goes on."""
    huge = b"x" * (LIMIT + 1)
    assert 413 == (await outside.post(WHATSAPP, content=huge, headers=sign(huge))).status_code
    assert 413 == (await outside.post(WHATSAPP, content=chunks(LIMIT + 1), headers=sign(huge))).status_code
    assert [] == await rows(database)


async def test_a_body_without_a_length_is_read(outside: httpx2.AsyncClient, database: Database) -> None:
    """A chunked body within the limit is as good as any."""

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(RAW), 7):
            yield RAW[start : start + 7]

    assert 200 == (await outside.post(WHATSAPP, content=pieces(), headers=sign(RAW))).status_code
    assert 1 == len(await rows(database))


async def test_three_megabytes_with_a_thousand_updates_are_taken(
    outside: httpx2.AsyncClient, database: Database
) -> None:
    """The largest delivery that the platform announces is one insert."""
    sent = [message(f"wamid.{n}", text={"body": "x" * 2600}) for n in range(1000)]
    raw = dumped(whatsapp_messages(*sent))
    assert 2_500_000 < len(raw) < LIMIT
    assert 200 == await deliver(outside, raw)
    assert 1000 == len(await rows(database))


async def test_other_methods_are_refused(outside: httpx2.AsyncClient) -> None:
    """The webhook has a handshake and a delivery, and nothing else."""
    answers = [await outside.request(method, WHATSAPP) for method in ("PUT", "DELETE", "PATCH")]
    assert [405] * 3 == [answer.status_code for answer in answers]


async def test_no_200_without_a_durable_receipt(outside: httpx2.AsyncClient, database: Database) -> None:
    """While the database is away the answer is 503, and the delivery is good when it comes again."""
    await database.close()
    assert 503 == await deliver(outside, whatsapp_messages(message()))
    await database.open()
    assert 200 == await deliver(outside, whatsapp_messages(message()))
    assert 1 == len(await rows(database))


async def test_a_database_that_hangs_is_not_waited_for(
    outside: httpx2.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that does not come back in time is a 503, and goes on when the database does."""
    monkeypatch.setattr(receipt_writer, "PATIENCE_SECONDS", 0.2)
    async with database.transaction() as blocker:
        await blocker.execute("LOCK TABLE receipts IN ACCESS EXCLUSIVE MODE")
        answers = await asyncio.gather(
            deliver(outside, whatsapp_messages(message("wamid.1"))),
            deliver(outside, whatsapp_messages(message("wamid.2"))),
        )
        assert [503, 503] == list(answers)
    monkeypatch.undo()
    assert 200 == await deliver(outside, whatsapp_messages(message("wamid.1"), message("wamid.2")))
    assert 2 == len(await rows(database))


async def test_deliveries_at_once_share_inserts(
    outside: httpx2.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty deliveries at once take a few inserts, and each is answered after its own is durable."""
    inserts: list[int] = []

    async def counting(connection: Any, receipts: Any) -> int:
        inserts.append(len(receipts))
        return await add_receipts(connection, receipts)

    monkeypatch.setattr("services.intake.storage.receipt_writer.add_receipts", counting)
    statuses = await asyncio.gather(*(deliver(outside, whatsapp_messages(message(f"wamid.{n}"))) for n in range(60)))
    assert [200] * 60 == statuses
    assert (60, 60) == (sum(inserts), len(await rows(database)))
    assert len(inserts) < 30


async def test_a_submission_that_is_refused_fails_alone(database: Database, stamp: Stamp) -> None:
    """What Postgres refuses for its own sake does not take those with it that share its insert."""
    writer = ReceiptWriter(database)
    good = [stamp.receipts([make_item(Channel.WHATSAPP, "1", "text", (str(n),), {})]) for n in range(4)]
    (bad,) = stamp.receipts([make_item(Channel.WHATSAPP, "1", "text", ("bad",), {})])
    spoiled = [bad._replace(account="nul \x00")]
    answers = await asyncio.gather(
        *map(writer.write, [good[0], good[1], spoiled, good[2], good[3]]), return_exceptions=True
    )
    assert [None, None, ReceiptsNotWritten, None, None] == [answer and type(answer) for answer in answers]
    assert 4 == len(await rows(database))
