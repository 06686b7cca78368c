"""Reading a request's body as bytes, within limits of size and time."""

import asyncio
from collections.abc import Iterable

from starlette.types import Message, Receive, Scope

from shared.kit.problems import Problem

LIMIT = 3 * 1024 * 1024
_PATIENCE_SECONDS = 20.0


async def read_body(scope: Scope, receive: Receive, limit: int = LIMIT) -> bytes:
    """The whole body; a `Problem` with 413 above the limit, announced or not, and with 408 when it does not come."""
    announced = find_header(scope, b"content-length")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                message = await receive()
                chunk = _chunk(message)
                size += len(chunk)
                if size > limit:
                    raise _too_large(limit)
                if not message.get("more_body"):
                    return b"".join((*chunks, chunk)) if chunks else chunk
                chunks.append(chunk)
    except TimeoutError:
        raise Problem(408, "The body did not arrive in time.") from None


def find_header(scope: Scope, name: bytes) -> bytes:
    """The first header of a name in lower case; empty when there is none."""
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    for found, value in headers:
        if found == name:
            return value
    return b""


def _chunk(message: Message) -> bytes:
    if message["type"] == "http.disconnect":
        raise Problem(400, "The body ended too early.")
    chunk: bytes = message.get("body", b"")
    return chunk


def _too_large(limit: int) -> Problem:
    return Problem(413, f"A body may have {limit} bytes.")
