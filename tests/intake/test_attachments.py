"""Files that people sent: fetched from the platform only, kept if they are what they should be, served as downloads."""

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from deploy.demo.graph import FakeGraph, Fault
from deploy.local.ports import free_port
from services.intake.clients.files import FileMissing, Files
from services.intake.clients.graph import GraphApi
from services.intake.clients.media import MediaHosts, MediaRefused
from services.intake.domain.media import recognise
from services.intake.handlers import on_retry_attachments_command
from services.intake.settings import IntakeSettings
from services.intake.use_cases.fetch_attachments import FetchAttachments
from services.intake.use_cases.publish_receipts import ReceiptSource
from services.intake.use_cases.receive_delivery import Stamp
from shared.contracts.words import Role
from shared.kit.database import Database
from shared.kit.sealing import Seal
from shared.kit.security import mint_person_token
from tests.intake.deliveries import (
    LINE,
    MESSENGER_SECRET,
    dumped,
    event,
    message,
    messenger,
    sign,
    whatsapp_messages,
)
from tests.support.clock import MovingClock
from tests.support.keys import PRIVATE_KEY

SECRET, TOKEN = "the-secret-of-the-app", "EAAG-token"
JPEG = b"\xff\xd8\xff\xe0" + b"\x00\x10JFIF" * 2000
LARGEST = 50_000


@pytest.fixture
async def fake() -> AsyncIterator[FakeGraph]:
    """A Graph API that has a picture for our number."""
    async with FakeGraph(free_port()) as fake:
        fake.add_account(LINE, TOKEN, SECRET)
        fake.add_media("8001", LINE, JPEG, "image/jpeg")
        yield fake


@pytest.fixture
async def fetch(
    fake: FakeGraph, database: Database, clock: MovingClock, own_settings: IntakeSettings
) -> AsyncIterator[FetchAttachments]:
    """What the worker does again and again."""
    async with httpx2.AsyncClient() as http:
        graph, hosts = GraphApi(http, fake.url, "v26.0"), MediaHosts(http, fake.url, LARGEST)
        seal = Seal("development-encryption-key")
        yield FetchAttachments(database, seal, clock, graph, hosts, Files(own_settings.files_url))


async def connect(client: httpx2.AsyncClient) -> None:
    """Connect our number."""
    number = {"channel": "whatsapp", "account_id": LINE, "name": "Lisbon", "app_secret": SECRET, "access_token": TOKEN}
    assert 201 == (await client.post("/rest/channels", json=number)).status_code


async def send(client: httpx2.AsyncClient, database: Database, stamp: Stamp, *messages: dict[str, Any]) -> str:
    """Deliver WhatsApp messages and have the relay read them; the id of the last receipt."""
    raw = dumped(whatsapp_messages(*messages))
    assert 200 == (await client.post("/webhooks/whatsapp", content=raw, headers=sign(raw))).status_code
    return await relayed(client, database, stamp)


async def relayed(client: httpx2.AsyncClient, database: Database, stamp: Stamp) -> str:
    """Have the relay read what waits; the id of the last receipt."""
    async with database.connection() as connection:
        assert await ReceiptSource(stamp, database.committed).fetch(connection, 100)
    return str((await client.get("/rest/receipts")).json()["items"][0]["id"])


def picture(media_id: str = "8001", kind: str = "image", **more: Any) -> dict[str, Any]:
    """A message with a file."""
    return message(f"wamid.{media_id}", kind=kind) | {kind: {"id": media_id, "mime_type": "image/jpeg"} | more}


async def files_of(client: httpx2.AsyncClient, receipt: str) -> list[dict[str, Any]]:
    """The files of a receipt as REST shows them."""
    items: list[dict[str, Any]] = (await client.get(f"/rest/receipts/{receipt}/attachments")).json()["items"]
    return items


async def make_due(database: Database) -> None:
    """Let the time pass for which files wait."""
    async with database.connection() as connection:
        await connection.execute("UPDATE attachments SET retry_at = now() - interval '1 second'")


async def test_a_picture_is_fetched_kept_and_served_as_a_download(
    inside: httpx2.AsyncClient, database: Database, stamp: Stamp, fetch: FetchAttachments, tmp_path: Path
) -> None:
    """It is on the list at once, then stored under a random name, and no browser opens it by itself."""
    await connect(inside)
    receipt = await send(inside, database, stamp, picture(filename="../../etc/passwd"))
    (waiting,) = await files_of(inside, receipt)
    assert ("waiting", "image", "passwd") == (waiting["state"], waiting["kind"], waiting["file_name"])
    assert 409 == (await inside.get(f"/rest/attachments/{waiting['id']}")).status_code
    assert 1 == await fetch()
    (stored,) = await files_of(inside, receipt)
    assert ("stored", "image/jpeg", len(JPEG)) == (stored["state"], stored["mime_type"], stored["size"])
    answer = await inside.get(f"/rest/attachments/{stored['id']}")
    assert (200, JPEG) == (answer.status_code, answer.content)
    assert answer.headers["content-disposition"].startswith('attachment; filename="image-')
    assert "nosniff" == answer.headers["x-content-type-options"]
    assert "sandbox; default-src 'none'" == answer.headers["content-security-policy"]
    (kept,) = (tmp_path / "files").iterdir()
    assert (32, True) == (len(kept.name), kept.name.isalnum())
    assert 0 == await fetch()


async def test_reading_a_receipt_again_fetches_nothing_twice(
    inside: httpx2.AsyncClient, database: Database, stamp: Stamp, fake: FakeGraph, fetch: FetchAttachments
) -> None:
    """The relay may read a receipt many times before the broker takes it; its file is one."""
    await connect(inside)
    receipt = await send(inside, database, stamp, picture())
    await relayed(inside, database, stamp)
    await fetch()
    await relayed(inside, database, stamp)
    assert 0 == await fetch()
    assert 1 == len(await files_of(inside, receipt))
    assert ["8001"] == fake.asked


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (b"<html><script>alert(1)</script>", "image", "not of a type that is taken"),
        (b"%PDF-1.7", "image", "not of a type that is taken"),
        (b"MZ\x90\x00", "document", "not of a type that is taken"),
        (b"PK\x03\x04 anything", "document", "not of a type that is taken"),
        (b"", "image", "not of a type that is taken"),
        (JPEG + b"x" * LARGEST, "image", "too large"),
    ],
)
async def test_what_is_not_taken_fails_visibly(
    inside: httpx2.AsyncClient,
    database: Database,
    stamp: Stamp,
    fake: FakeGraph,
    fetch: FetchAttachments,
    *,
    content: bytes,
    kind: str,
    reason: str,
) -> None:
    """Whatever it is said to be; the inquiry went on long before, and nothing of the file is kept."""
    await connect(inside)
    fake.add_media("8002", LINE, content, "image/jpeg")
    receipt = await send(inside, database, stamp, picture("8002", kind))
    await fetch()
    (failed,) = await files_of(inside, receipt)
    assert ("failed", reason) == (failed["state"], failed["reason"])
    assert 409 == (await inside.get(f"/rest/attachments/{failed['id']}")).status_code
    assert 0 == await fetch()


async def test_trouble_is_waited_for_and_a_refusal_is_tried_again_on_request(
    inside: httpx2.AsyncClient, database: Database, stamp: Stamp, fake: FakeGraph, fetch: FetchAttachments
) -> None:
    """An account that is not connected, a Graph API that is away, one that forbids it: all end well after the fix."""
    receipt = await send(inside, database, stamp, picture())
    await fetch()
    (failed,) = await files_of(inside, receipt)
    assert ("failed", "the account is not connected") == (failed["state"], failed["reason"])
    await connect(inside)
    place = f"/rest/attachments/{failed['id']}"
    assert 202 == (await inside.post(f"{place}/retry")).status_code
    assert 409 == (await inside.post(f"{place}/retry")).status_code
    fake.fail("8001", *[Fault.AWAY] * 3, Fault.PERMISSION)
    await fetch()
    assert "waiting" == (await files_of(inside, receipt))[0]["state"]
    assert 0 == await fetch()
    await make_due(database)
    await fetch()
    assert "failed" == (await files_of(inside, receipt))[0]["state"]
    assert 1 == (await inside.get("/rest/attachments/reasons")).json()["total"]
    async with database.transaction() as connection:
        assert {"retried": 1} == await on_retry_attachments_command(connection, {"reason": "permission (code 200)"})
    await fetch()
    assert "stored" == (await files_of(inside, receipt))[0]["state"]


async def test_a_page_sends_addresses_and_only_its_platforms_are_asked(
    inside: httpx2.AsyncClient, database: Database, stamp: Stamp, fake: FakeGraph, fetch: FetchAttachments
) -> None:
    """Files of the platform's hosts are fetched without a token; what names another host is refused unasked."""
    ours, gone = fake.add_file(JPEG, "image/jpeg"), f"{fake.url}/files/gone"
    attachments = [
        {"type": "image", "payload": {"url": ours}},
        {"type": "image", "payload": {"url": "http://169.254.169.254/latest/meta-data"}},
        {"type": "image", "payload": {"url": gone}},
        {"type": "fallback", "payload": {"url": "https://example.org/shared"}},
        {"type": "image", "payload": {}},
        {},
    ]
    raw = dumped(messenger(event(message={"mid": "m_1", "attachments": attachments})))
    await inside.post("/webhooks/messenger", content=raw, headers=sign(raw, MESSENGER_SECRET))
    receipt = await relayed(inside, database, stamp)
    await fetch()
    expected = [
        ("stored", None),
        ("failed", "its address is not the platform's"),
        ("failed", "the platform does not give it any more"),
    ]
    assert expected == [(one["state"], one["reason"]) for one in await files_of(inside, receipt)]


@pytest.mark.parametrize(
    "url",
    [
        "http://lookaside.fbsbx.com/a",
        "https://fbsbx.com.example.org/a",
        "https://notfbsbx.com/a",
        "https://lookaside.fbsbx.com:8443/a",
        "https://lookaside.fbsbx.com@example.org/a",
        "https://user@lookaside.fbsbx.com/a",
        "https://127.0.0.1/a",
        "https://[::1]/a",
        "file:///etc/passwd",
        "//lookaside.fbsbx.com/a",
        "https://example.org\\.fbsbx.com/a",
        "",
    ],
)
async def test_no_other_host_is_ever_asked(url: str) -> None:
    """Only https, only the platform's own names, no port, nobody before the host."""
    async with httpx2.AsyncClient() as http:
        hosts = MediaHosts(http, "https://graph.facebook.com", LARGEST)
        with pytest.raises(MediaRefused):
            async with hosts.download(url, None):
                pass


@pytest.mark.parametrize(
    ("head", "kind", "stated", "expected"),
    [
        (JPEG, "image", "image/png", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n....", "sticker", None, "image/png"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "sticker", "image/webp", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio", "audio/wav", None),
        (b"OggS\x00", "voice", "audio/ogg; codecs=opus", "audio/ogg"),
        (b"\x00\x00\x00\x20ftypisom", "video", None, "video/mp4"),
        (b"\x00\x00\x00\x20ftypmp42", "audio", None, "audio/mp4"),
        (b"\x00\x00\x00\x20ftypheic", "image", None, "image/heic"),
        (b"%PDF-1.4", "document", "application/octet-stream", "application/pdf"),
        (b"%PDF-1.4", "file", None, "application/pdf"),
        (
            b"PK\x03\x04",
            "document",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
        (b"PK\x03\x04", "document", "application/zip", None),
        ("Olá, três".encode(), "document", "text/plain; charset=utf-8", "text/plain"),
        ("é".encode() * 2048 + b"", "document", "text/plain", "text/plain"),
        (b"x" + "é".encode() * 2047 + b"\xc3", "document", "text/plain", "text/plain"),
        (b"\xef\xbb\xbf <svg onload=1>", "document", "text/plain", None),
        (b"<svg xmlns=", "image", "image/svg+xml", None),
        (b"a\x00b", "document", "text/plain", None),
        (b"\xff\xfe\x41", "document", "text/plain", None),
        (b"#!/bin/sh", "document", "application/x-sh", None),
    ],
)
def test_types_are_known_by_their_bytes(head: bytes, kind: str, stated: str | None, expected: str | None) -> None:
    """What a file is said to be decides only among things that look alike."""
    found = recognise(head, kind, stated)
    assert expected == (found.mime_type if found else None)


async def test_who_may_have_files(inside: httpx2.AsyncClient, database: Database, stamp: Stamp) -> None:
    """Salespeople have none from here, since intake does not know whose lead it is; unknown ids are 404."""
    receipt = await send(inside, database, stamp, picture())
    (waiting,) = await files_of(inside, receipt)
    assert 404 == (await inside.get(f"/rest/attachments/{receipt}")).status_code
    assert 404 == (await inside.get(f"/rest/receipts/{waiting['id']}/attachments")).status_code
    paths = (f"/rest/receipts/{receipt}/attachments", f"/rest/attachments/{waiting['id']}")
    for role, reads, retries in ((Role.SALESPERSON, {403}, 403), (Role.SUPERVISOR, {200, 409}, 403)):
        token = mint_person_token(PRIVATE_KEY, member_id=7, role=role, audience="intake")
        inside.headers["Authorization"] = f"Bearer {token}"
        assert reads == {(await inside.get(path)).status_code for path in paths}
        assert retries == (await inside.post(f"{paths[1]}/retry")).status_code


@pytest.mark.parametrize("store", ["folder", "memory"])
async def test_a_store_is_chosen_by_its_address(store: str, tmp_path: Path) -> None:
    """A folder and an object store behave alike: whole files, overwritten, read, deleted, missing."""
    files = Files(tmp_path.as_uri() if store == "folder" else "memory:///")
    for content in (JPEG, b""):
        await files.put("a" * 32, io.BytesIO(content))
        assert content == b"".join([chunk async for chunk in await files.read("a" * 32)])
    await files.delete("a" * 32)
    await files.delete("a" * 32)
    with pytest.raises(FileMissing):
        await files.read("a" * 32)
