"""`python -m deploy.local` runs all of Leadline; `… servers` runs its three servers alone."""

import argparse
import asyncio
import sys

from deploy.local.errors import LaunchError
from deploy.local.settings import LocalSettings


def main() -> int:
    """Run until stopped; return 1, with the reason on standard error, when the stack cannot run."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    servers = commands.add_parser("servers", help="run PostgreSQL, Valkey and Kafka only")
    servers.add_argument(
        "--temporary", action="store_true", help="free ports, no fsync, and the data is removed at the end"
    )
    servers.add_argument("--with-parent", type=int, metavar="PID", help="end when that parent ends")
    arguments = parser.parse_args()
    try:
        settings = LocalSettings.read()
        if arguments.command == "servers":
            from deploy.local.only_servers import run_servers

            asyncio.run(run_servers(settings, temporary=arguments.temporary, parent=arguments.with_parent))
        else:
            from deploy.local.launcher import run_everything

            asyncio.run(run_everything(settings))
    except LaunchError as error:
        print(f"\nLeadline cannot run: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
