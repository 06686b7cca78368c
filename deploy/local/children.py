"""Child processes that die with their parent and hear nothing of the terminal's Ctrl-C."""

import asyncio
import ctypes
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Final

PR_SET_PDEATHSIG: Final = 1
POLL: Final = 0.01
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def die_with_parent(death_signal: signal.Signals, parent: int) -> None:
    """Ask the kernel to signal this process once its parent ends; to be called in the child.

    The request belongs to the thread that forked: the parent must fork from a thread that lives
    as long as the process. A parent that is already gone ends the child at once.
    """
    _LIBC.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def dying_with_us(death_signal: signal.Signals) -> Callable[[], None]:
    """Make the function that `Popen(preexec_fn=…)` calls between fork and exec."""
    me = os.getpid()

    def in_child() -> None:
        die_with_parent(death_signal, me)

    return in_child


def spawn(
    command: Sequence[str],
    *,
    output: IO[bytes] | int,
    death_signal: signal.Signals,
    environment: Mapping[str, str] | None = None,
    keep: Sequence[int] = (),
    user: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own; `keep` are descriptors that it inherits.

    `user` drops root's rights to that user and group, before the death signal is asked for:
    changing the user afterwards would cancel it.
    """
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environment,
        pass_fds=keep,
        preexec_fn=dying_with_us(death_signal),  # noqa: PLW1509 (two system calls, no locks)
        start_new_session=True,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )


async def ended(process: subprocess.Popen[bytes]) -> int:
    """Wait for a child's end and return its code.

    Polls, since a watcher thread of asyncio would make every later fork a fork with threads.
    """
    while (code := process.poll()) is None:
        await asyncio.sleep(POLL)
    return code


async def end(process: subprocess.Popen[bytes], with_signal: signal.Signals, patience: float) -> int:
    """Signal a child, wait up to `patience` seconds, then kill it; returns its exit code."""
    if process.poll() is None:
        process.send_signal(with_signal)
        try:
            return await asyncio.wait_for(ended(process), patience)
        except TimeoutError:
            process.kill()
    return await ended(process)


async def run(command: Sequence[str], *, user: int | None = None) -> tuple[int, str]:
    """Run a short command to its end and return its code and everything that it printed."""
    with tempfile.TemporaryFile() as output:
        process = spawn(command, output=output, death_signal=signal.SIGKILL, user=user)
        try:
            code = await ended(process)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        output.seek(0)
        return code, output.read().decode(errors="replace")
