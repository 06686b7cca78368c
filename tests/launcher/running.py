"""Running `python -m deploy.local` from a test."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from deploy.local.ports import Ports


def environment(data: Path, ports: Ports) -> dict[str, str]:
    """The settings of a stack of the test's own; servers that pytest was given are left out."""
    return {
        "PATH": os.environ["PATH"],
        "LEADLINE_DATA": str(data),
        "LEADLINE_POSTGRES_PORT": str(ports.postgres),
        "LEADLINE_VALKEY_PORT": str(ports.valkey),
        "LEADLINE_KAFKA_PORT": str(ports.kafka),
    }


def start(*arguments: str, environment: dict[str, str]) -> "subprocess.Popen[str]":
    """Start the launcher as a terminal would, with its output kept."""
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.local", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


async def refusal(*arguments: str, environment: dict[str, str]) -> str:
    """Start the launcher, which must refuse to run, and return what it says."""
    process = start(*arguments, environment=environment)
    output, _ = await asyncio.to_thread(process.communicate, timeout=30)
    assert 1 == process.returncode, output
    return output


def descendants(pid: int) -> set[int]:
    """The process's children, their children, and so on."""
    found: set[int] = set()
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            found |= {int(child)} | descendants(int(child))
    return found


def lives(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1]
    except FileNotFoundError:
        return False
    return not state.startswith("Z")
