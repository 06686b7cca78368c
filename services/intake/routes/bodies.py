"""Reading a request's body as bytes, within limits of size and time."""

import asyncio

from starlette.requests import ClientDisconnect, Request

from shared.kit.problems import Problem

LIMIT = 3 * 1024 * 1024
_PATIENCE_SECONDS = 20.0


async def read_body(request: Request, limit: int = LIMIT) -> bytes:
    """The whole body; a `Problem` with 413 above the limit, announced or not, and with 408 when it does not come."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise _too_large(limit)
                chunks.append(chunk)
    except TimeoutError:
        raise Problem(408, "The body did not arrive in time.") from None
    except ClientDisconnect:
        raise Problem(400, "The body ended too early.") from None
    return b"".join(chunks)


def _too_large(limit: int) -> Problem:
    return Problem(413, f"A body may have {limit} bytes.")
