"""The launcher's end of the nursery: the process that forks the services (`nursery_process.py`)."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy.local import children
from deploy.local.errors import LaunchError
from deploy.local.output import Output


@dataclass(frozen=True, slots=True)
class Ended:
    """A service ended and will be started again after the pause."""

    name: str
    code: int
    pause: float


@dataclass(frozen=True, slots=True)
class Started:
    """A service was started."""

    name: str
    pid: int


class Nursery:
    """Starts the nursery, opens its gate, and hears how the services fare."""

    def __init__(self, modules: Mapping[str, str], output: Output, held: Sequence[int]) -> None:
        self._socket, theirs = socket.socketpair()
        own = output.open("leadline")
        pipes = {name: output.open(name) for name in modules}
        residents = [f"{name}={module}:{pipes[name]}" for name, module in modules.items()]
        command = [sys.executable, "-m", "deploy.local.nursery_process", str(theirs.fileno()), str(own)]
        self._process: subprocess.Popen[bytes] = children.spawn(
            [*command, *residents],
            output=own,
            death_signal=signal.SIGKILL,
            keep=[*held, theirs.fileno(), own, *pipes.values()],
        )
        theirs.close()
        for descriptor in (own, *pipes.values()):
            os.close(descriptor)
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def imported(self) -> None:
        """Wait until everything is imported; raises `LaunchError` when something cannot be."""
        self._reader, self._writer = await asyncio.open_connection(sock=self._socket)
        await self._expect("imported", "A service could not be imported; the lines above say why.")

    async def prepare(self, environment: Mapping[str, str]) -> None:
        """Create databases and topics, with the settings that the services will get, too."""
        self._say(do="prepare", environment=dict(environment))
        answer = await self._expect("prepared", "The nursery ended.")
        if answer["code"] != 0:
            raise LaunchError("Databases and topics could not be prepared; the lines above say why.")

    def open(self) -> None:
        """Let the services start."""
        self._say(do="open")

    async def news(self) -> AsyncIterator[Started | Ended]:
        """Yield what happens to the services; raises `LaunchError` when the nursery itself ends."""
        while True:
            match await self._next("The process that runs the services ended."):
                case {"event": "started", "name": name, "pid": pid}:
                    yield Started(name, pid)
                case {"event": "ended", "name": name, "code": code, "pause": pause}:
                    yield Ended(name, code, pause)

    async def stop(self) -> None:
        """Stop all services in good order, and the nursery with them."""
        if self._process.poll() is None:
            if self._writer is None:
                self._process.kill()
            else:
                self._say(do="stop")
            await children.ended(self._process)
        if self._writer is not None:
            self._writer.close()
        self._socket.close()

    def kill(self) -> None:
        """End everything at once; the services die with the nursery."""
        self._process.kill()

    def _say(self, **command: Any) -> None:
        assert self._writer is not None, "imported comes first"
        self._writer.write(json.dumps(command).encode() + b"\n")

    async def _next(self, ended: str) -> dict[str, Any]:
        assert self._reader is not None, "imported comes first"
        line = await self._reader.readline()
        if not line:
            await children.ended(self._process)
            raise LaunchError(ended)
        news: dict[str, Any] = json.loads(line)
        return news

    async def _expect(self, event: str, otherwise: str) -> dict[str, Any]:
        while (news := await self._next(otherwise))["event"] != event:
            pass
        return news
