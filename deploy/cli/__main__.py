"""`./leadline`: prepare, operate, connect accounts of the platforms, and make the first account of a person.

Beside a system that `make run` started it finds that system's settings by itself; elsewhere the environment
names the servers, as for the services.
"""

import argparse
import asyncio
import getpass
import os
import sys
from pathlib import Path

from aiokafka.errors import KafkaError
from asyncpg import PostgresError

from deploy import prepare
from deploy.cli.channels import add_channels, run_channels
from deploy.cli.ops import Command, consumers_status, run_command
from deploy.cli.receipts import add_receipts, run_receipts
from deploy.local.assignments import read_assignments
from deploy.local.servers import KAFKA, POSTGRES, VALKEY
from shared.kit.operations import OperationRefused


def parser() -> argparse.ArgumentParser:
    """The commands and their arguments."""
    root = argparse.ArgumentParser(prog="leadline", description="Operate Leadline.")
    commands = root.add_subparsers(dest="command", required=True)
    commands.add_parser("prepare", help="create databases and topics, and migrate; repeatable")
    admin = commands.add_parser("admin", help="people who may sign in at the console").add_subparsers(required=True)
    create = admin.add_parser("create", help="make an account with the role admin; asks for the password")
    create.add_argument("--email", required=True)
    create.set_defaults(command="admin create")
    add_channels(commands.add_parser("channels", help="accounts of the platforms"))
    _add_ops(commands.add_parser("ops", help="commands to running services, over Kafka"))
    return root


def _add_ops(ops: argparse.ArgumentParser) -> None:
    ops.add_argument("--timeout", type=float, default=15.0, metavar="SECONDS", help="how long to wait for an answer")
    actions = ops.add_subparsers(dest="action", required=True)
    actions.add_parser("status", help="what waits, lags or stands still; also while Kafka is away")
    letters = actions.add_parser("dlq", help="dead letters").add_subparsers(dest="verb", required=True)
    for verb, text in (("list", "the oldest that wait"), ("replay", "run them through their consumer again")):
        one = letters.add_parser(verb, help=text)
        one.add_argument("service", choices=prepare.SERVICES[:4])
        one.add_argument("--consumer", help="only those of this consumer")
        one.add_argument("--limit", type=int, default=100)
        if verb == "replay":
            one.add_argument("--id", type=int, help="only this one")
    receipts = actions.add_parser("receipts", help="what arrived").add_subparsers(dest="verb", required=True)
    add_receipts(receipts)
    replay = receipts.add_parser("replay", help="read receipts again, after a fix in an adapter")
    replay.add_argument("--id", help="only this receipt")
    replay.add_argument("--state", choices=("quarantined", "ignored"), help="quarantined, unless a reason is given")
    replay.add_argument("--reason", help="only those with this reason; spam is replayed by its reason alone")
    replay.add_argument("--limit", type=int, default=1000)
    files = actions.add_parser("attachments", help="files that people sent").add_subparsers(dest="verb", required=True)
    again = files.add_parser("retry", help="try files again that could not be fetched")
    again.add_argument("--reason", help="only those with this reason")
    actions.add_parser("reseal", help="seal all secrets with the first of INTAKE_ENCRYPTION_KEY's keys")
    resume = actions.add_parser("resume", help="let consumers go on that stopped after too many dead letters")
    resume.add_argument("service", choices=prepare.SERVICES[:4])
    resume.add_argument("--consumer", help="only this one")


def to_command(arguments: argparse.Namespace) -> Command:
    """The message that an `ops` line stands for."""
    given = {name: getattr(arguments, name, None) for name in ("consumer", "limit", "id", "state", "reason")}
    values = {name: value for name, value in given.items() if value is not None}
    if "id" in values:
        values = {"id": values["id"]}
    if arguments.action == "resume":
        return Command(arguments.service, "consumers.resume", values)
    if arguments.action == "reseal":
        return Command("intake", "secrets.reseal")
    if arguments.action == "attachments":
        return Command("intake", "attachments.retry", values)
    if arguments.action == "receipts":
        if not values.keys() & {"id", "reason", "state"}:
            values["state"] = "quarantined"
        return Command("intake", "receipts.replay", values)
    return Command(arguments.service, f"dlq.{arguments.verb}", values)


def main() -> int:
    """Run one command; 0 when it was carried out, 1 with a sentence when not."""
    arguments = parser().parse_args()
    adopt_running_system()
    try:
        if arguments.command == "prepare":
            prepare.main()
        elif arguments.command == "admin create":
            # Importing the console takes longer than all other commands run.
            from deploy.cli.accounts import create_admin

            password = os.environ.get("CONSOLE_ADMIN_PASSWORD") or getpass.getpass("Password: ")
            asyncio.run(create_admin(arguments.email, password))
        elif arguments.command == "channels":
            return asyncio.run(run_channels(arguments))
        elif arguments.action == "status":
            return asyncio.run(consumers_status())
        elif arguments.action == "receipts" and arguments.verb != "replay":
            return asyncio.run(run_receipts(arguments))
        else:
            return asyncio.run(run_command(to_command(arguments), arguments.timeout))
    except (OperationRefused, KafkaError, PostgresError, OSError, TimeoutError, ValueError) as error:
        print(f"leadline: {error}", file=sys.stderr)
        return 1
    return 0


def adopt_running_system() -> None:
    """Take the settings of the system that `make run` started here, unless the environment names servers itself.

    All of them or none: a mixture would migrate one system with the secrets of another.
    """
    if any(os.environ.get(name) for name in (POSTGRES, VALKEY, KAFKA)):
        return
    folder = Path(os.environ.get("LEADLINE_DATA") or ".leadline")
    os.environ.update(read_assignments(folder / "environment"))


if __name__ == "__main__":
    sys.exit(main())
