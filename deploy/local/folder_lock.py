"""The lock that keeps two stacks from working on the same data."""

import asyncio
import fcntl
import os
import time
from pathlib import Path
from typing import Final, Self

from deploy.local.errors import FolderInUse

# Servers of a launcher that was killed need a moment to end; they hold the lock until then.
PATIENCE: Final = 15.0


class FolderLock:
    """An exclusive claim on a data folder, held until the last process that inherited it ends.

    Pass `descriptor` to every child: a server that outlives its launcher by a second then still
    keeps the next launcher waiting.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def take(cls, folder: Path) -> Self:
        """Claim the folder; waits for dying servers, raises `FolderInUse` while a launcher lives."""
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = _recorded_pid(descriptor)
                if _lives(holder) or time.monotonic() > deadline:
                    os.close(descriptor)
                    raise FolderInUse(folder, holder) from None
                time.sleep(0.05)
            else:
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, str(os.getpid()).encode(), 0)
                return cls(descriptor)

    def release(self) -> None:
        """Give the folder up; it stays locked while a child lives."""
        os.close(self.descriptor)


async def lock_of_orphans(path: Path) -> int:
    """Wait until the last process that inherited this lock has ended, and return it locked anew.

    For one server's children: a killed Postgres leaves sessions behind for a moment, and starting
    beside them would corrupt the data. The descriptor goes to the new server; close it here after.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(0.02)
        else:
            return descriptor


def _recorded_pid(descriptor: int) -> int:
    return int(os.pread(descriptor, 20, 0) or b"0")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0) if pid else None
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid != 0
