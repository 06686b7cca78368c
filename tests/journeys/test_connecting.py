"""An account is connected while everything runs, by the command line, against a Graph API of our own."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import urlsplit

import httpx2
import pytest

from deploy.demo.graph import FakeGraph
from tests.support.senders import messenger, messenger_text, signed
from tests.support.system import System
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("system")

PAGE: Final = "209000000000777"
APP: Final = "309000000000777"
SECRET: Final = "the-secret-of-a-new-app"
TOKEN: Final = "EAAG-a-page-token"


@pytest.fixture
async def graph(system: System) -> AsyncIterator[FakeGraph]:
    """The Graph API where the running system looks for it."""
    async with FakeGraph(urlsplit(system.settings["INTAKE_GRAPH_URL"]).port or 0) as graph:
        graph.add_account(PAGE, TOKEN, SECRET, APP)
        yield graph


async def test_a_page_is_connected_by_command(system: System, graph: FakeGraph) -> None:
    """The command says what it needs, subscribes, waits, and ends when a message has really arrived."""
    body = messenger(messenger_text("psid-of-ines", "m_connected_1", "Is this the right page?"), page=PAGE)
    assert 401 == (await _deliver(system, body)).status_code
    connecting = asyncio.create_task(
        _leadline(system, "channels", "connect", "messenger", PAGE, "--app", APP, "--name", "New page", "--wait", "60")
    )
    await eventually(lambda: PAGE in graph.subscribed, within=40)
    # A second app beside the one of the environment: its deliveries are good now, without a restart.
    assert 200 == (await _deliver(system, body)).status_code
    code, said = await connecting
    assert 0 == code, said
    assert f"http://127.0.0.1:{system.ports['intake']}/webhooks/messenger" in said
    assert "connected" in said
    assert [] == [secret for secret in (SECRET, TOKEN) if secret in said]

    code, said = await _leadline(system, "channels", "check", PAGE)
    assert 0 == code, said
    assert "last delivery" in said
    assert 0 == (await _leadline(system, "channels", "remove", PAGE))[0]
    page = await system.get("intake", "/rest/channels")
    assert PAGE not in json.dumps(page)


async def _deliver(system: System, body: bytes) -> httpx2.Response:
    url = f"http://127.0.0.1:{system.ports['intake']}/webhooks/messenger"
    return await system.client.post(url, content=body, headers=signed(body, SECRET))


async def _leadline(system: System, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "deploy.cli",
        *arguments,
        env={
            "PATH": os.environ["PATH"],
            "LEADLINE_DATA": str(system.data),
            "LEADLINE_CHANNEL_APP_SECRET": SECRET,
            "LEADLINE_CHANNEL_ACCESS_TOKEN": TOKEN,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()
