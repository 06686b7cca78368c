"""Reading a request's body as bytes, within limits of size and time."""

import asyncio
from collections.abc import Awaitable, Generator, Iterable
from typing import Any

from starlette.types import Message, Receive, Scope

from shared.kit.problems import Problem

LIMIT = 3 * 1024 * 1024
_PATIENCE_SECONDS = 20.0


async def read_body(scope: Scope, receive: Receive, limit: int = LIMIT) -> bytes:
    """The whole body; a `Problem` with 413 above the limit, announced or not, and with 408 when it does not come."""
    announced = find_header(scope, b"content-length")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    first = _Asked(receive())
    # Most bodies are there with their headers; a timer would cost more than all else that is done here.
    if first.message is not None and not first.message.get("more_body"):
        body = _chunk(first.message)
        if len(body) > limit:
            raise _too_large(limit)
        return body
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            message, chunks = await first, bytearray()
            while True:
                chunks += _chunk(message)
                if len(chunks) > limit:
                    raise _too_large(limit)
                if not message.get("more_body"):
                    return bytes(chunks)
                message = await receive()
    except TimeoutError:
        raise Problem(408, "The body did not arrive in time.") from None


def find_header(scope: Scope, name: bytes) -> bytes:
    """The first header of a name in lower case; empty when there is none."""
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    for found, value in headers:
        if found == name:
            return value
    return b""


class _Asked:
    """A message that was asked for: `message` is there at once, or else it is None and has to be awaited."""

    def __init__(self, asked: Awaitable[Message]) -> None:
        self.message: Message | None = None
        self._steps = asked.__await__()
        try:
            self._waits_for = next(self._steps)
        except StopIteration as answer:
            self.message = answer.value

    def __await__(self) -> Generator[Any, Any, Message]:
        if self.message is not None:
            return self.message
        try:
            # What the first step found itself waiting for is what the task has to wait for now.
            yield self._waits_for
        except BaseException:
            self._steps.close()
            raise
        return (yield from self._steps)


def _chunk(message: Message) -> bytes:
    if message["type"] == "http.disconnect":
        raise Problem(400, "The body ended too early.")
    chunk: bytes = message.get("body", b"")
    return chunk


def _too_large(limit: int) -> Problem:
    return Problem(413, f"A body may have {limit} bytes.")
