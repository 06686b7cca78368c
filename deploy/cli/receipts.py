"""`./leadline ops receipts`: what stands in quarantine, and what exactly arrived.

Over REST, not over Kafka: what arrived is personal and belongs on no topic.
"""

import argparse
import base64
import sys
from typing import Any

from deploy.cli.intake import Intake


def add_receipts(actions: Any) -> None:
    """The actions that only look; `replay` is a command over Kafka."""
    actions.add_parser("reasons", help="what stands in quarantine, by reason and channel")
    listed = actions.add_parser("list", help="the latest receipts")
    listed.add_argument("--state", default="quarantined", help="quarantined unless said otherwise")
    listed.add_argument("--reason", help="only those with this reason")
    listed.add_argument("--channel", help="only those of this channel")
    listed.add_argument("--limit", type=int, default=20, choices=range(1, 201), metavar="1..200")
    show = actions.add_parser("show", help="one receipt with what arrived; personal")
    show.add_argument("id")
    show.add_argument("--raw", action="store_true", help="only the bytes, exactly as they came")


async def run_receipts(arguments: argparse.Namespace) -> int:
    """Run one action."""
    async with Intake() as intake:
        if arguments.verb == "show":
            return _show(await intake.ask("GET", f"/rest/receipts/{arguments.id}"), raw=arguments.raw)
        if arguments.verb == "reasons":
            page = await intake.ask("GET", "/rest/receipts/reasons")
            for item in page["items"]:
                print(f"{item['count']:>7}  {item['channel']:<10} {item['reason']}  (latest {item['latest_at']})")
            return 0
        names = ("state", "reason", "channel", "limit")
        wanted = {name: value for name in names if (value := getattr(arguments, name)) is not None}
        page = await intake.ask("GET", "/rest/receipts", params=wanted)
        for item in page["items"]:
            print(
                f"{item['id']}  {item['received_at']}  {item['channel']:<10} {item['kind']:<16} {item['reason'] or ''}"
            )
        print(f"{len(page['items'])} of {page['total']}")
    return 0


def _show(receipt: dict[str, Any], *, raw: bool) -> int:
    if raw:
        sys.stdout.buffer.write(base64.b64decode(receipt["body_base64"]))
        return 0
    for name, value in receipt.items():
        if value is not None and not name.startswith("body"):
            print(f"{name:<15}{value}")
    print(f"\n{receipt['body']}")
    return 0
