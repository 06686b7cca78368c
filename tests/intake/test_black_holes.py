"""Connections that lead nowhere: nobody waits for them for long, and nothing is lost on them."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx2
import pytest

from services.intake.clients.turnstile import Turnstile
from services.intake.domain.form_rules import FormRules
from services.intake.domain.items import make_item
from services.intake.domain.submissions import Circumstances
from services.intake.routes import form_desk
from services.intake.storage import receipt_writer
from services.intake.storage.receipt_writer import ReceiptWriter, hurried
from services.intake.use_cases import keep_post
from services.intake.use_cases.pass_challenge import PassChallenge
from services.intake.use_cases.receive_delivery import Stamp
from services.intake.use_cases.submit_form import SubmitForm
from shared.contracts.words import Channel
from shared.kit.database import Database, is_transient
from shared.kit.sealing import Seal


class Tunnel:
    """A way to a server on which connections can fall silent, as they do when a network drops all packets."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._pipes: list[asyncio.Task[None]] = []
        self._ends: list[asyncio.StreamWriter] = []
        self.opened = 0

    def silence(self) -> None:
        """Let nothing through any more, on the connections that there are."""
        for pipe in self._pipes:
            pipe.cancel()
        self._pipes.clear()

    async def close(self) -> None:
        """Cut all connections."""
        self.silence()
        for end in self._ends:
            end.transport.abort()
        await asyncio.gather(*(end.wait_closed() for end in self._ends), return_exceptions=True)

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a client to the server."""
        self.opened += 1
        server_reader, server_writer = await asyncio.open_connection(*self._target)
        self._ends += [writer, server_writer]
        pairs = ((reader, server_writer), (server_reader, writer))
        self._pipes += [asyncio.create_task(self._pass_on(*pair)) for pair in pairs]

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()


@pytest.fixture
async def tunnel(intake_url: str, database: Database) -> AsyncIterator[tuple[Tunnel, Database]]:
    """A tunnel, and intake's database at its other end."""
    parts = urlsplit(intake_url)
    tunnel = Tunnel(parts.hostname or "", parts.port or 5432)
    server = await asyncio.start_server(tunnel.connect, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    through = Database(parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}").geturl())
    await through.open()
    yield tunnel, through
    await through.close()
    await tunnel.close()
    server.close()


async def test_a_silent_connection_is_left_for_another(
    tunnel: tuple[Tunnel, Database], database: Database, stamp: Stamp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A webhook whose connection leads nowhere is durable over the next one, before its sender gives up."""
    monkeypatch.setattr(receipt_writer, "ATTEMPT_SECONDS", 0.3)
    way, through = tunnel
    writer = ReceiptWriter(through)
    first, second = (stamp.receipts([make_item(Channel.WHATSAPP, "1", "text", (key,), {})]) for key in "ab")
    await writer.write(first)
    way.silence()
    await writer.write(second)
    assert 2 == way.opened
    async with database.connection() as connection:
        assert 2 == await connection.fetchval("SELECT count(*) FROM receipts")


async def test_a_form_does_not_wait_for_a_silent_connection(
    tunnel: tuple[Tunnel, Database], stamp: Stamp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A post fails in time with what answers 503, and is good when it comes again."""
    for module in (keep_post, form_desk):
        monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.3)
    way, through = tunnel
    async with httpx2.AsyncClient() as http:
        submit = SubmitForm(stamp, through, PassChallenge(Seal("unused"), Turnstile(http, "http://unused")))
    rules = FormRules("summer")
    await submit(rules, {"message": "one"}, Circumstances())
    way.silence()
    async with asyncio.timeout(2):
        with pytest.raises(Exception) as caught:
            await submit(rules, {"message": "two"}, Circumstances())
    assert is_transient(caught.value)
    await submit(rules, {"message": "two"}, Circumstances())


async def test_what_is_in_time_is_not_cut(database: Database) -> None:
    """The limit ends with the work."""
    for _ in range(3):
        async with hurried(database, 0.2) as connection:
            process = await connection.fetchval("SELECT pg_backend_pid()")
        await asyncio.sleep(0.1)
    async with database.connection() as connection:
        assert process == await connection.fetchval("SELECT pg_backend_pid()")
