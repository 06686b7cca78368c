"""What the processes print: a readable, prefixed line on the terminal, and a file for each of them."""

import asyncio
import os
import sys
from pathlib import Path
from typing import IO, Final

_COLOURS: Final = (36, 33, 35, 32, 34, 96, 93, 95)
_WIDTH: Final = 10
LOG_LIMIT: Final = 8 * 1024 * 1024


class Output:
    """Pipes for the processes' output, one reader for each.

    Keep it open until the last process ended: `drain` waits for what is still in the pipes.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._terminal = Terminal()
        self._readers: list[asyncio.Task[None]] = []

    def open(self, name: str) -> int:
        """Return the writing end of a new pipe; whoever gets it must close it."""
        reading, writing = os.pipe()
        colour = _COLOURS[len(self._readers) % len(_COLOURS)]
        self._readers.append(asyncio.create_task(self._read(name, reading, colour)))
        return writing

    def say(self, text: str) -> None:
        """Print a line of the launcher's own."""
        self._terminal.line("leadline", text, 1)

    def show(self, text: str) -> None:
        """Print a block as it is."""
        self._terminal.write(text)

    async def drain(self) -> None:
        """Wait for the end of all output, at most a second."""
        if self._readers:
            await asyncio.wait(self._readers, timeout=1)

    async def _read(self, name: str, descriptor: int, colour: int) -> None:
        path = self._folder / f"{name}.log"
        if path.exists() and path.stat().st_size > LOG_LIMIT:
            path.replace(path.with_suffix(".log.1"))
        reader = asyncio.StreamReader()
        pipe = os.fdopen(descriptor, "rb", buffering=0)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        try:
            with path.open("ab", buffering=0) as file:
                await self._copy(name, reader, file, colour)
        finally:
            transport.close()

    async def _copy(self, name: str, reader: asyncio.StreamReader, file: IO[bytes], colour: int) -> None:
        rest = b""
        while received := await reader.read(1 << 16):
            *lines, rest = (rest + received).split(b"\n")
            if lines:
                file.write(b"\n".join(lines) + b"\n")
            for line in lines:
                self._terminal.line(name, line.decode(errors="replace"), colour)
        if rest:
            file.write(rest + b"\n")
            self._terminal.line(name, rest.decode(errors="replace"), colour)


class Terminal:
    """Standard output, in colour where it is a terminal; falls silent once nobody reads it."""

    def __init__(self) -> None:
        self._colourful = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._gone = False

    def line(self, name: str, text: str, colour: int) -> None:
        """Print one line with its origin before it."""
        prefix = f"{name:<{_WIDTH}} │"
        self.write(f"\033[{colour}m{prefix}\033[0m {text}\n" if self._colourful else f"{prefix} {text}\n")

    def write(self, text: str) -> None:
        """Print without a prefix."""
        if self._gone:
            return
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except OSError:
            self._gone = True
