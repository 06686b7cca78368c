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
        module = [sys.executable, "-m", "deploy.local"]
        with errors_of(self.folder).open("wb") as errors:
            self._process = subprocess.Popen(
                [*module, "--with-parent", str(os.getpid()), "servers", "--temporary"],
                env={**os.environ, "LEADLINE_DATA": str(self.folder)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )

    def stop(self) -> None:
        """Stop the servers; their data goes with them."""
        self._process.terminate()
        self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
        errors_of(self.folder).unlink()


def errors_of(folder: Path) -> Path:
    """Where the stack on this folder says why it cannot run; empty while all is well."""
    return folder.with_suffix(".errors")


def wait_for_addresses(folder: Path) -> Addresses:
    """Wait until the stack on this folder answers; raises RuntimeError when it cannot."""
    deadline = time.monotonic() + PATIENCE
    file = folder / "environment"
    while not file.exists():
        reason = errors_of(folder).read_text()
        if reason or time.monotonic() > deadline:
            raise RuntimeError(reason or f"The embedded servers did not answer within {PATIENCE:.0f} s.")
        time.sleep(0.05)
    return Addresses.read(read_assignments(file))
