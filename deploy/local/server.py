"""What the embedded servers have in common: start, answer, pause, stop, die."""

import asyncio
import os
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from deploy.local import children, ports
from deploy.local.errors import ServerFailed, ServerSilent
from deploy.local.folder_lock import lock_of_orphans

ANSWER_PATIENCE: Final = 60.0
LOG_LIMIT: Final = 8 * 1024 * 1024
LAST_LINES: Final = 15


class Server(ABC):
    """One server process with its folder and port; it can be killed and started again at will.

    Its output goes to a log file beside the data, never through a pipe, so that a busy launcher
    cannot stall it.
    """

    name: ClassVar[str]
    setting: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    death_signal: ClassVar[signal.Signals] = signal.SIGKILL

    def __init__(self, data: Path, port: int, held: Sequence[int] = ()) -> None:
        self.folder = data / self.name
        self.log = data / "logs" / f"{self.name}.log"
        self.port = port
        self._data = data
        self._held = held
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    async def prepare(self) -> None:
        """Make everything that the start needs; repeated before each start, leaves nothing half-made."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Return the argument vector of the server."""

    @abstractmethod
    async def answers(self) -> bool:
        """Tell whether the server does its job by now."""

    @property
    def user(self) -> int | None:
        """The user to run as, or None for ours."""
        return None

    @property
    def pid(self) -> int:
        """The server's process id; valid while it runs."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether the process lives (a paused one does)."""
        return self._process is not None and self._process.poll() is None

    def require_free_ports(self) -> None:
        """Raise `PortTaken` unless every port of the server can be bound."""
        ports.require_free(self.port, self.name, self.setting)

    async def start(self) -> None:
        """Start the server and return once it answers."""
        self.require_free_ports()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        orphans = await lock_of_orphans(self._data / f"{self.name}.lock")
        await self.prepare()
        with self.log.open("ab") as output:
            self._process = children.spawn(
                self.command(),
                output=output,
                death_signal=self.death_signal,
                keep=[*self._held, orphans],
                user=self.user,
            )
        os.close(orphans)
        await self._until_it_answers()

    async def stop(self, *, patience: float = 10.0) -> None:
        """End the server in good order, by force if that takes more than `patience` seconds."""
        if self._process is not None:
            await children.end(self._process, self.stop_signal, patience)

    async def kill(self) -> None:
        """End the server with SIGKILL, as a crash would."""
        if self._process is not None:
            await children.end(self._process, signal.SIGKILL, patience=10)

    def pause(self) -> None:
        """Freeze the server: connections stay open, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on."""
        self._signal(signal.SIGCONT)

    async def failed(self) -> ServerFailed:
        """Wait for the server's end and return it as an error, with the end of its log."""
        assert self._process is not None, f"{self.name} was never started"
        return self._failure(await children.ended(self._process))

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, f"{self.name} was never started"
        self._process.send_signal(number)

    def _failure(self, code: int) -> ServerFailed:
        lines = self.log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        return ServerFailed(self.name, code, self.log, "\n".join(lines))

    async def _until_it_answers(self) -> None:
        assert self._process is not None
        deadline = asyncio.get_running_loop().time() + ANSWER_PATIENCE
        while not await self.answers():
            if (code := self._process.poll()) is not None:
                raise self._failure(code)
            if asyncio.get_running_loop().time() > deadline:
                raise ServerSilent(self.name, ANSWER_PATIENCE, self.log)
            await asyncio.sleep(0.02)


async def exchange(port: int, request: bytes, size: int) -> bytes:
    """Send bytes to a local port and return `size` bytes of the answer, fewer if it has none."""
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_connection(ports.LOOPBACK, port)
            try:
                writer.write(request)
                return await reader.read(size)
            finally:
                writer.close()
    except OSError:
        return b""
