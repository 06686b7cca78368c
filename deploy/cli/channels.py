"""`./leadline channels`: connect accounts of the platforms, and see how they are."""

import argparse
import asyncio
import getpass
import os
import time
from collections.abc import Mapping
from typing import Any, Final

from deploy.cli.intake import Intake

_CHANNELS: Final = ("whatsapp", "messenger", "instagram")
# Secrets are asked for, or taken from here: an argument would stay in the shell's history and in the process list.
_APP_SETTING: Final = "LEADLINE_CHANNEL_APP_SECRET"
_ACCESS_SETTING: Final = "LEADLINE_CHANNEL_ACCESS_TOKEN"
_MARKS: Final = {"done": "ok", "failed": "FAILED", "yours": "to do", "waiting": "waiting", "open": "-"}


def add_channels(channels: argparse.ArgumentParser) -> None:
    """The actions and their arguments."""
    actions = channels.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="all connected accounts")
    connect = actions.add_parser(
        "connect", help=f"connect an account; secrets are asked for, or in {_APP_SETTING} and so on"
    )
    connect.add_argument("channel", choices=_CHANNELS)
    connect.add_argument("account", help="phone number id, page id or Instagram account id")
    connect.add_argument("--name", help="what people call it")
    connect.add_argument("--parent", help="WhatsApp business account of the number, or page of the Instagram account")
    connect.add_argument("--app", help="id of the app, whose callback address is then entered for you")
    connect.add_argument("--region", help="where numbers without a country are from, such as MX")
    connect.add_argument("--wait", type=float, default=180.0, metavar="SECONDS", help="for a message to arrive (180)")
    check = actions.add_parser("check", help="whether token and subscription are good, and what came last")
    check.add_argument("account", nargs="?", help="only this account's id")
    remove = actions.add_parser("remove", help="forget an account with its secrets")
    remove.add_argument("account")


async def run_channels(arguments: argparse.Namespace) -> int:
    """Run one action; 1 when an account needs somebody."""
    async with Intake() as intake:
        if arguments.action == "connect":
            return await _connect(intake, arguments)
        accounts = await intake.list_all("/rest/channels")
        chosen = [one for one in accounts if getattr(arguments, "account", None) in (None, one["account_id"])]
        if not chosen and getattr(arguments, "account", None):
            print(f"No account {arguments.account} is connected.")
            return 1
        if arguments.action == "check":
            return max([await _check(intake, one) for one in chosen], default=0)
        for one in chosen:
            if arguments.action == "remove":
                await intake.ask("DELETE", f"/rest/channels/{one['id']}")
            print(_line(one), "removed" if arguments.action == "remove" else "")
        return 0


async def _connect(intake: Intake, arguments: argparse.Namespace) -> int:
    account, token = await _enter(intake, arguments)
    print(f"Callback address  {account['callback_url'] or '(set LEADLINE_PUBLIC_URL)'}")
    if token is not None:
        print(f"Verify token      {token}\n                  shown this once")
    report = await intake.ask("POST", f"/rest/channels/{account['id']}/connect")
    _print_steps(report["steps"])
    if any(step["state"] == "failed" for step in report["steps"]):
        return 1
    return await _wait_for_message(intake, account["id"], arguments.wait)


async def _enter(intake: Intake, arguments: argparse.Namespace) -> tuple[dict[str, Any], str | None]:
    """Add the account, or change the one that is there; with the verify token when it was made now."""
    given = {"name": arguments.name, "parent_id": arguments.parent, "app_id": arguments.app}
    values = {name: value for name, value in {**given, "default_region": arguments.region}.items() if value}
    known = [
        one
        for one in await intake.list_all("/rest/channels")
        if (one["channel"], one["account_id"]) == (arguments.channel, arguments.account)
    ]
    values |= _secrets(known[0] if known else {})
    if known:
        changed: dict[str, Any] = await intake.ask("PUT", f"/rest/channels/{known[0]['id']}", json=values)
        return changed, None
    named = {"name": f"{arguments.channel} {arguments.account}"} | values
    made = await intake.ask(
        "POST", "/rest/channels", json={"channel": arguments.channel, "account_id": arguments.account, **named}
    )
    return made, made["verify_token"]


def _secrets(known: Mapping[str, Any]) -> dict[str, str]:
    """The secrets that are given, and those that are asked for because they are still missing."""
    found = {}
    for name, setting in (("app_secret", _APP_SETTING), ("access_token", _ACCESS_SETTING)):
        value = os.environ.get(setting)
        if value is None and not known.get(f"has_{name}"):
            value = getpass.getpass(f"{name.replace('_', ' ').capitalize()}: ")
        if value:
            found[name] = value.strip()
    return found


async def _wait_for_message(intake: Intake, row_id: int, seconds: float) -> int:
    deadline = time.monotonic() + seconds
    while True:
        account = await intake.ask("GET", f"/rest/channels/{row_id}")
        if account["last_delivery_at"] is not None:
            print(_line(account))
            return 0
        if time.monotonic() > deadline:
            print("No message has arrived yet. `./leadline channels check` says when one has.")
            return 1
        await asyncio.sleep(1)


async def _check(intake: Intake, account: Mapping[str, Any]) -> int:
    report = await intake.ask("POST", f"/rest/channels/{account['id']}/check")
    checked = report["account"]
    print(_line(checked))
    for name in ("subscribed_at", "last_delivery_at", "last_error"):
        print(f"  {name.replace('_', ' '):<18}{checked[name] or 'none'}")
    _print_steps(report["steps"])
    return 1 if checked["state"] in ("failed", "incomplete") or checked["last_error"] else 0


def _print_steps(steps: list[dict[str, Any]]) -> None:
    for step in steps:
        print(f"  {step['step']:<18}{_MARKS[step['state']]}{'  ' + step['advice'] if step['advice'] else ''}")


def _line(account: Mapping[str, Any]) -> str:
    return f"{account['channel']:<10}{account['account_id']:<20}{account['state']:<13}{account['name']}"
