"""`make demo`: play an hour of a small company into the system that `make run` started."""

import argparse
import asyncio
import secrets
import sys

import httpx2
from rich.console import Console

from deploy.demo.demo import Wish, run_demo
from deploy.demo.errors import DemoFailed
from deploy.demo.target import Target


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"an hour takes from 1 to 3600 seconds here, not {text!r}")
    return seconds


def parser() -> argparse.ArgumentParser:
    """The arguments; from make, they go into ARGS."""
    root = argparse.ArgumentParser(prog="make demo", description="An hour of a small travel company's traffic.")
    root.add_argument("--seconds", type=_seconds, default=75.0, help="how long the hour lasts, 1 to 3600 (75)")
    root.add_argument("--seed", type=int, default=7, help="who asks what and when (7)")
    root.add_argument("--quiet", action="store_true", help="show the end only")
    return root


def main() -> int:
    """Run the demo; 0 when everything balances, 1 with a sentence when not."""
    arguments = parser().parse_args()
    console = Console(highlight=False)
    wish = Wish(arguments.seconds, arguments.seed, arguments.quiet, run=secrets.token_hex(4))
    try:
        return 0 if asyncio.run(run_demo(Target.find(), wish, console)) else 1
    except DemoFailed as error:
        print(error, file=sys.stderr)
    except httpx2.HTTPError as error:
        print(f"Leadline stopped answering ({type(error).__name__}); is `make run` still there?", file=sys.stderr)
    except KeyboardInterrupt:
        print("Stopped; nothing was checked.", file=sys.stderr)
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main())
