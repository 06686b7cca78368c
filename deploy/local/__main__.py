"""`python -m deploy.local` runs all of Leadline; `… servers` runs its three servers alone."""

import argparse
import asyncio
import signal
import sys

from deploy.local.children import die_with_parent
from deploy.local.errors import LaunchError
from deploy.local.folder_lock import FolderLock
from deploy.local.settings import LocalSettings


def main() -> int:
    """Run until stopped; return 1, with the reason on standard error, when the stack cannot run."""
    arguments = _arguments()
    if sys.platform != "linux":
        print("The embedded stack runs on Linux; elsewhere, use a container or a virtual machine.", file=sys.stderr)
        return 1
    if arguments.with_parent is not None:
        die_with_parent(signal.SIGTERM, arguments.with_parent)
    try:
        if arguments.command == "train":
            from deploy.local.aot_training import train

            asyncio.run(train(gently=False))
            return 0
        settings = LocalSettings.read()
        # Before there is a loop: waiting for a lock blocks, and Ctrl-C has to end the wait.
        lock = FolderLock.take(settings.data)
        if arguments.command == "servers":
            from deploy.local.only_servers import run_servers

            asyncio.run(run_servers(settings, lock, temporary=arguments.temporary))
        else:
            from deploy.local.launcher import run_everything

            asyncio.run(run_everything(settings, lock))
    except LaunchError as error:
        print(f"\nLeadline cannot run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    parser.add_argument("--with-parent", type=int, metavar="PID", help="end when that parent ends")
    commands = parser.add_subparsers(dest="command")
    servers = commands.add_parser("servers", help="run PostgreSQL, Valkey and Kafka only")
    servers.add_argument(
        "--temporary", action="store_true", help="free ports, no fsync, and the data is removed at the end"
    )
    commands.add_parser("train", help="fetch Kafka now and halve the time of its later starts")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
