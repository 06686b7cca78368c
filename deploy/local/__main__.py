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
    servers.add_argument("--free-ports", action="store_true", help="ports that nobody uses now")
    servers.add_argument("--with-parent", action="store_true", help="end when the parent ends")
    servers.add_argument("--no-fsync", action="store_true", help="for data that may be lost")
    arguments = parser.parse_args()
    try:
        settings = LocalSettings.read()
        if arguments.command == "servers":
            from deploy.local.only_servers import run_servers

            asyncio.run(
                run_servers(
                    settings,
                    free_ports=arguments.free_ports,
                    with_parent=arguments.with_parent,
                    durable=not arguments.no_fsync,
                )
            )
        else:
            from deploy.local.launcher import run_everything

            asyncio.run(run_everything(settings))
    except LaunchError as error:
        print(f"\nLeadline cannot run: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
