"""The generator of webhooks, against a server of the test's own that notes what it is sent."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import uvloop

from services.intake.domain.signatures import is_signed
from tests.bench.load import Webhooks, closed_loop, open_loop

SECRET = "a secret of the bench's own"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

Seen = list[tuple[bytes, bytes]]


@asynccontextmanager
async def server(before_answer: Callable[[int], Awaitable[bytes]]) -> AsyncIterator[tuple[int, Seen]]:
    """A server that answers what it is told to; its port, and the heads and bodies that it has seen."""
    seen: Seen = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                seen.append((head, await reader.readexactly(length)))
                answer = await before_answer(len(seen))
                if not answer:
                    break
                writer.write(answer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1], seen


async def at_once(_: int) -> bytes:
    """Answer 200 without any delay."""
    return ANSWER


async def test_every_request_is_a_message_of_its_own_and_signed() -> None:
    """A closed loop sends as many different, signed messages as it was told to, each answered once."""
    webhooks = Webhooks(SECRET)
    async with server(at_once) as (port, seen):
        outcome = await closed_loop(port, webhooks, first=7, requests=200, connections=5)
    assert {200: 200} == outcome.statuses
    assert list(range(7, 207)) == sorted(one.number for one in outcome.exchanges)
    sent = [json.loads(body)["entry"][0]["changes"][0]["value"]["messages"][0] for _, body in seen]
    assert {(webhooks.message_id(n), webhooks.sender(n)) for n in range(7, 207)} == {(m["id"], m["from"]) for m in sent}
    for head, body in seen:
        header = head.partition(b"X-Hub-Signature-256: ")[2].partition(b"\r\n")[0]
        assert is_signed(header, body, [SECRET.encode()])


def test_the_bench_runs_it_on_uvloop() -> None:
    """It works in the event loop that the bench has."""

    async def run() -> Counter[int]:
        async with server(at_once) as (port, _):
            return (await closed_loop(port, Webhooks(SECRET), requests=20, connections=2)).statuses

    assert {200: 20} == uvloop.run(run())


async def test_people_take_turns() -> None:
    """With five people a hundred messages are of five senders."""
    webhooks = Webhooks(SECRET, people=5)
    assert 5 == len({webhooks.sender(number) for number in range(100)})
    assert 100 == len({webhooks.message_id(number) for number in range(100)})


async def test_a_closed_loop_ends_after_its_time() -> None:
    """What was sent in the time is answered, and no more is sent."""
    async with server(at_once) as (port, seen):
        outcome = await closed_loop(port, Webhooks(SECRET), seconds=0.2, connections=3)
    assert len(seen) == len(outcome.exchanges) > 10
    assert 0.2 < outcome.seconds < 2


async def test_an_open_loop_keeps_its_rate() -> None:
    """The requests leave at their time, all of them, however many can be in flight."""
    async with server(at_once) as (port, _):
        outcome = await open_loop(port, Webhooks(SECRET), rate=400, seconds=0.5)
    exchanges = sorted(outcome.exchanges)
    assert list(range(200)) == [one.number for one in exchanges]
    assert 199 / 400 == pytest.approx(exchanges[-1].due_at - exchanges[0].due_at)


async def test_a_stall_is_charged_with_all_that_it_held_up() -> None:
    """A server that stops for a third of a second makes everything late that was due meanwhile."""

    async def stalling(number: int) -> bytes:
        if number == 20:
            time.sleep(0.3)  # noqa: ASYNC251 (the stall is the point)
        return ANSWER

    async with server(stalling) as (port, _):
        outcome = await open_loop(port, Webhooks(SECRET), rate=200, seconds=0.5, connections=4)
    assert {200: 100} == outcome.statuses
    late = [one for one in outcome.exchanges if one.answered_at - one.due_at > 0.1]
    assert len(late) >= 35


async def test_a_hang_up_is_an_error() -> None:
    """A server that hangs up without an answer is no result."""

    async def hanging_up(number: int) -> bytes:
        return b"" if number == 5 else ANSWER

    async with server(hanging_up) as (port, _):
        with pytest.raises(ConnectionError, match="hung up"):
            await closed_loop(port, Webhooks(SECRET), requests=50, connections=2)


async def test_what_is_refused_is_no_result() -> None:
    """Figures of requests that were not taken are not given out."""

    async def refusing(_: int) -> bytes:
        return ANSWER.replace(b"200 OK", b"503 Service Unavailable")

    async with server(refusing) as (port, _):
        outcome = await closed_loop(port, Webhooks(SECRET), requests=10, connections=2)
    assert {503: 10} == outcome.statuses
    with pytest.raises(RuntimeError, match="not everything was taken"):
        outcome.require_all_taken()
