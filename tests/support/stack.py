"""One embedded stack for a whole run of pytest, shared by all of xdist's workers."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from deploy.local.assignments import read_assignments
from deploy.local.servers import KAFKA, POSTGRES, VALKEY

PATIENCE: Final = 120.0


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the servers of this run are."""

    database_url: str
    redis_url: str
    bootstrap_servers: str

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Take the addresses from the settings that the services read, too."""
        return cls(environment[POSTGRES], environment[VALKEY], environment[KAFKA])

    @property
    def environment(self) -> dict[str, str]:
        """The settings that lead a service to these servers."""
        return {
            POSTGRES: self.database_url,
            VALKEY: self.redis_url,
            KAFKA: self.bootstrap_servers,
        }


class Stack:
    """The servers as a process of pytest's controller, which they cannot outlive."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="leadline-tests-"))
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "deploy.local",
                "servers",
                "--temporary",
                "--with-parent",
                str(os.getpid()),
            ],
            env={**os.environ, "LEADLINE_DATA": str(self.folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def stop(self) -> None:
        """Stop the servers; their data goes with them."""
        self._process.terminate()
        self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def wait_for_addresses(folder: Path) -> Addresses:
    """Wait until the stack on this folder answers; raises TimeoutError when it never does."""
    deadline = time.monotonic() + PATIENCE
    file = folder / "environment"
    while not file.exists():
        if not folder.exists() or time.monotonic() > deadline:
            raise TimeoutError("The embedded servers did not start; their reason is in pytest's output.")
        time.sleep(0.05)
    return Addresses.read(read_assignments(file))
