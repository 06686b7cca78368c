"""An account is connected while everything runs, by the command line, against a Graph API of our own."""

import asyncio
import json
from typing import Final

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


async def test_a_page_is_connected_by_command(system: System, graph: FakeGraph) -> None:
    """The command says what it needs, subscribes, waits, and ends when a message has really arrived."""
    graph.add_account(PAGE, TOKEN, SECRET, APP)
    body = messenger(messenger_text("psid-of-ines", "m_connected_1", "Is this the right page?"), page=PAGE)
    assert 401 == (await _deliver(system, body)).status_code
    secrets = {"LEADLINE_CHANNEL_APP_SECRET": SECRET, "LEADLINE_CHANNEL_ACCESS_TOKEN": TOKEN}
    arguments = ("channels", "connect", "messenger", PAGE, "--app", APP, "--name", "New page", "--wait", "60")
    connecting = asyncio.create_task(system.leadline(*arguments, **secrets))
    await eventually(lambda: PAGE in graph.subscribed, within=40)
    # A second app beside the one of the environment: its deliveries are good now, without a restart.
    assert 200 == (await _deliver(system, body)).status_code
    code, said = await connecting
    assert 0 == code, said
    assert f"http://127.0.0.1:{system.ports['intake']}/webhooks/messenger" in said
    assert "connected" in said
    assert [] == [secret for secret in (SECRET, TOKEN) if secret in said]

    code, said = await system.leadline("channels", "check", PAGE)
    assert 0 == code, said
    assert "last delivery" in said
    assert 0 == (await system.leadline("channels", "remove", PAGE))[0]
    page = await system.get("intake", "/rest/channels")
    assert PAGE not in json.dumps(page)


async def _deliver(system: System, body: bytes) -> httpx2.Response:
    url = f"http://127.0.0.1:{system.ports['intake']}/webhooks/messenger"
    return await system.client.post(url, content=body, headers=signed(body, SECRET))
