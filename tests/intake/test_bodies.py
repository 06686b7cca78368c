"""Bodies come whole or in parts, at once, late or never."""

import asyncio

import pytest
from starlette.types import Message

from services.intake.routes import bodies
from services.intake.routes.bodies import read_body
from shared.kit.problems import Problem

SCOPE = {"type": "http", "headers": []}


def part(body: bytes, *, more: bool = False) -> Message:
    """A part of a body as a server hands it over."""
    return {"type": "http.request", "body": body, "more_body": more}


async def reading(*arriving: Message, limit: int = 100) -> bytes:
    """Read a body whose parts arrive one by one while somebody waits for them."""
    arrived: asyncio.Queue[Message] = asyncio.Queue()
    task = asyncio.create_task(read_body(SCOPE, arrived.get, limit))
    for message in arriving:
        await asyncio.sleep(0)
        arrived.put_nowait(message)
    return await task


async def test_a_body_that_is_there_is_read_without_waiting() -> None:
    """Its reader has it before anybody else has a turn."""
    arrived: asyncio.Queue[Message] = asyncio.Queue()
    arrived.put_nowait(part(b"whole"))
    with pytest.raises(StopIteration) as done:
        read_body(SCOPE, arrived.get).send(None)
    assert b"whole" == done.value.value


async def test_a_body_that_comes_later_is_read() -> None:
    """Alone or in parts, whether or not the first is there at once."""
    assert b"late" == await reading(part(b"late"))
    assert b"in parts" == await reading(part(b"in ", more=True), part(b"", more=True), part(b"parts"))
    arrived: asyncio.Queue[Message] = asyncio.Queue()
    for message in (part(b"a", more=True), part(b"b")):
        arrived.put_nowait(message)
    assert b"ab" == await read_body(SCOPE, arrived.get)


@pytest.mark.parametrize("arriving", [(), (part(b"begun", more=True),)])
async def test_a_body_that_does_not_come_is_not_waited_for(
    arriving: tuple[Message, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sender gets 408, and nobody goes on waiting for it."""
    monkeypatch.setattr(bodies, "_PATIENCE_SECONDS", 0.05)
    with pytest.raises(Problem) as refused:
        await reading(*arriving)
    assert 408 == refused.value.status


async def test_a_reader_who_is_stopped_stops_at_once() -> None:
    """Also while it waits for the first part."""
    reader = asyncio.create_task(read_body(SCOPE, asyncio.Queue[Message]().get))
    await asyncio.sleep(0)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader


@pytest.mark.parametrize("sizes", [(101,), (60, 41), (100, 1, 0)])
async def test_a_body_above_the_limit_is_refused(sizes: tuple[int, ...]) -> None:
    """With 413, however it comes; one of just the limit is read."""
    parts = [part(b"x" * size, more=place < len(sizes) - 1) for place, size in enumerate(sizes)]
    with pytest.raises(Problem) as refused:
        await reading(*parts)
    assert 413 == refused.value.status
    assert 101 == len(await reading(*parts, limit=101))


async def test_a_sender_who_hangs_up_is_told_so() -> None:
    """A body that ends too early is a 400."""
    with pytest.raises(Problem) as refused:
        await reading(part(b"begun", more=True), {"type": "http.disconnect"})
    assert 400 == refused.value.status
