"""The company's accounts, connected to the Graph API that the demo plays itself."""

import asyncio
import time
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2

from deploy.demo.errors import DemoFailed
from deploy.demo.graph import FakeGraph
from deploy.demo.messenger import PAGE
from deploy.demo.rest import Rest
from deploy.demo.whatsapp import BUSINESS, MAIN_LINE

APP_SECRET: Final = "app of vereda, in the demo".replace(" ", "-")
_ACCESS: Final = "access of vereda, in the demo".replace(" ", "-")
ACCOUNTS: Final = (
    {"channel": "whatsapp", "account_id": MAIN_LINE, "name": "Main line", "parent_id": BUSINESS},
    {"channel": "messenger", "account_id": PAGE, "name": "Vereda's page"},
)


async def connect_accounts(rest: Rest, graph: FakeGraph) -> None:
    """Connect number and page; raises `DemoFailed` with the step that failed and what to do about it."""
    for account in ACCOUNTS:
        graph.add_account(account["account_id"], _ACCESS, APP_SECRET, account.get("parent_id", account["account_id"]))
        try:
            secrets = {"app_secret": APP_SECRET, "access_token": _ACCESS}
            made = await rest.post("intake", "/rest/channels", {**account, **secrets})
            if made.status_code == 201:
                await _is_known(rest, made.json())
            (row,) = [one async for one in rest.list("intake", "/rest/channels") if _is(account, one)]
            answer = await rest.post("intake", f"/rest/channels/{row['id']}/connect", {})
            answer.raise_for_status()
        except (httpx2.HTTPError, ValueError) as error:
            raise DemoFailed(f"{account['name']} could not be connected: {type(error).__name__}.") from None
        for step in answer.json()["steps"]:
            if step["state"] == "failed":
                raise DemoFailed(f"{account['name']} could not be connected: {step['step']}. {step['advice']}")


async def _is_known(rest: Rest, account: dict[str, Any], seconds: float = 10.0) -> None:
    """Return when the account's door shakes hands: it looks every second for accounts that are new."""
    asked = {"hub.mode": "subscribe", "hub.challenge": "1", "hub.verify_token": account["verify_token"]}
    url = f"{rest.target.urls['intake']}/webhooks/{urlsplit(account['callback_url']).path.rpartition('/')[2]}"
    deadline = time.monotonic() + seconds
    while (await rest.client.get(url, params=asked)).status_code != 200:
        if time.monotonic() > deadline:
            raise DemoFailed(f"{account['name']} was connected, and its webhook does not know it.")
        await asyncio.sleep(0.1)


async def read_states(rest: Rest) -> dict[str, str]:
    """How far each of the accounts is, by its name."""
    rows = [one async for one in rest.list("intake", "/rest/channels")]
    return {row["name"]: row["state"] for row in rows if any(_is(account, row) for account in ACCOUNTS)}


async def count_files(rest: Rest) -> dict[str, int]:
    """How many files are in each state."""
    counts = dict.fromkeys(("waiting", "stored", "failed"), 0)
    for item in (await rest.get("intake", "/rest/attachments/reasons"))["items"]:
        counts[item["state"]] += item["count"]
    return counts


def _is(account: dict[str, str], row: dict[str, Any]) -> bool:
    return all(row[name] == account[name] for name in ("channel", "account_id"))
