"""Webhooks as fast as a server takes them (closed loop) or at a rate of their own (open loop).

Raw protocols on kept-alive connections, and requests that are put together from parts: a request costs the generator
some tens of microseconds, so that it is not what limits a result. It runs in the bench's own event loop, and says
what of the CPU it used.
"""

import asyncio
import hashlib
import hmac
import itertools
import os
import re
import threading
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol, cast
from uuid import uuid4

from tests.support.senders import whatsapp, whatsapp_text

_CLOSED_CONNECTIONS: Final = 32
# More than are in flight at any rate that a server keeps up with.
_OPEN_CONNECTIONS: Final = 128
_PATIENCE_SECONDS: Final = 30.0
_SENDER, _NUMBER = "@SENDER@", "@NUMBER@"
_WORDS: Final = "¡Hola! ¿Todavía tienen dos lugares para la laguna el sábado? Somos dos adultos y salimos de Mérida."


class Exchange(NamedTuple):
    """A request and its answer. Instants are of `time.perf_counter`, in seconds.

    `due_at` is when the request had to leave: in an open loop by its schedule, whether or not a connection was free,
    so that a server that stalls is charged for all that it held up; in a closed loop it is when it did leave.
    """

    number: int
    due_at: float
    answered_at: float
    status: int


@dataclass(slots=True)
class Outcome:
    """What a loop saw, in the order of the answers; `seconds` is its length and `cpu_seconds` the generator's own."""

    exchanges: list[Exchange] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    @property
    def statuses(self) -> Counter[int]:
        """How many answers there were of each status."""
        return Counter(one.status for one in self.exchanges)

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.exchanges) / self.seconds

    def percentile(self, part: float) -> float:
        """The latency within which a part (0.5, 0.99) of the requests was answered, in milliseconds."""
        latencies = sorted(one.answered_at - one.due_at for one in self.exchanges)
        return latencies[min(len(latencies) - 1, int(part * len(latencies)))] * 1000

    def require_all_taken(self) -> None:
        """Raise RuntimeError when anything was not answered with 200, for then no figure means anything."""
        if set(self.statuses) != {200}:
            raise RuntimeError(f"not everything was taken: {dict(self.statuses)}")


class Requests(Protocol):
    """What a loop sends."""

    def request(self, number: int) -> bytes:
        """The whole HTTP request of a number."""
        ...


class Webhooks:
    """Signed WhatsApp deliveries of one text message each; no two of them have the same message id.

    `people` is how many senders take turns; without it each message is of somebody new. A number below 10^8 makes the
    same request each time, as a platform does that delivers again.
    """

    def __init__(self, secret: str, *, path: str = "/webhooks/whatsapp", people: int | None = None) -> None:
        self._keyed = hmac.new(secret.encode(), digestmod=hashlib.sha256)
        self._run = uuid4().hex
        self._people = people
        # The marks are as long as the eight digits that replace them, so that all requests have the same length.
        message = whatsapp_text(f"52155{_SENDER}", f"wamid.{self._run}{_NUMBER}", _WORDS, name="Lupe Ríos")
        body = whatsapp(message)
        self._parts = [part.encode() for part in re.split(f"{_SENDER}|{_NUMBER}", body.decode())]
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: leadline.example\r\nUser-Agent: bench\r\nAccept: */*\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nX-Hub-Signature-256: sha256="
        ).encode()

    def message_id(self, number: int) -> str:
        """The id of a number's message."""
        return f"wamid.{self._run}{number:08d}"

    def sender(self, number: int) -> str:
        """Who sends a number's message: a WhatsApp id in Mexico."""
        return f"52155{self._person(number):08d}"

    def request(self, number: int) -> bytes:
        """The whole HTTP request of a number."""
        contact, sender, message, tail = self._parts
        person = b"%08d" % self._person(number)
        body = b"".join((contact, person, sender, person, message, b"%08d" % number, tail))
        signature = self._keyed.copy()
        signature.update(body)
        return b"".join((self._head, signature.hexdigest().encode(), b"\r\n\r\n", body))

    def _person(self, number: int) -> int:
        return number % self._people if self._people else number


async def closed_loop(
    port: int,
    webhooks: Webhooks,
    *,
    first: int = 0,
    seconds: float | None = None,
    requests: int | None = None,
    connections: int = _CLOSED_CONNECTIONS,
) -> Outcome:
    """Send on each connection the next request as soon as the last is answered, for a time or up to an amount.

    Numbers go on from `first`. Raises ConnectionError when the server hangs up, TimeoutError when it falls silent.
    """
    numbers = itertools.count(first) if requests is None else iter(range(first, first + requests))

    def send_next(client: _Client) -> None:
        now = time.perf_counter()
        number = next(numbers, None) if now < ends_at else None
        if number is not None:
            client.send(webhooks.request(number), number, now)

    async with _Clients.connected(port, connections, send_next) as clients:
        with clients.measured():
            ends_at = float("inf") if seconds is None else time.perf_counter() + seconds
            for client in clients.all:
                send_next(client)
            await clients.until_quiet()
    return clients.outcome


async def open_loop(
    port: int,
    requests: Requests,
    *,
    rate: float,
    seconds: float,
    first: int = 0,
    connections: int = _OPEN_CONNECTIONS,
) -> Outcome:
    """Send `rate` requests a second, evenly, whatever the server does; latencies count from the schedule.

    Numbers go on from `first`. A request that is due while no connection is free waits for one, at the server's
    expense. Raises ConnectionError when the server hangs up, TimeoutError when it falls silent.
    """
    free: deque[_Client] = deque()
    due: deque[int] = deque()
    count = max(1, int(rate * seconds))

    def send_due(client: _Client) -> None:
        if due:
            number = due.popleft()
            client.send(requests.request(first + number), first + number, starts_at + number / rate)
        else:
            free.append(client)

    async with _Clients.connected(port, connections, send_due) as clients:
        free.extend(clients.all)
        starts_at = time.perf_counter() + 0.01
        with clients.measured():
            async with _ticking(starts_at, rate, count) as tick:
                released = 0
                while released < count:
                    await tick.wait()
                    tick.clear()
                    # A trifle more, since the product may fall a trifle short of a whole number.
                    until = min(count, int((time.perf_counter() - starts_at) * rate + 1e-6) + 1)
                    due.extend(range(released, until))
                    released = max(released, until)
                    while due and free:
                        send_due(free.popleft())
            await clients.until_quiet()
    return clients.outcome


@asynccontextmanager
async def _ticking(starts_at: float, rate: float, count: int) -> AsyncIterator[asyncio.Event]:
    """An event that is set whenever the instants of `count` requests come, the last one's always.

    A thread keeps the time, since uvloop's timers are in whole milliseconds.
    """
    loop = asyncio.get_running_loop()
    ticks = os.eventfd(0, os.EFD_NONBLOCK)
    ticked = asyncio.Event()
    stopped = threading.Event()

    def keep_time() -> None:
        # Not more than one in half a millisecond: what is due by then leaves together.
        for number in (*range(0, count, max(1, int(rate * 0.0005))), count - 1):
            time.sleep(max(0.0, starts_at + number / rate - time.perf_counter()))
            if stopped.is_set():
                return
            os.eventfd_write(ticks, 1)

    def on_tick() -> None:
        os.eventfd_read(ticks)
        ticked.set()

    loop.add_reader(ticks, on_tick)
    keeper = threading.Thread(target=keep_time, name="schedule")
    keeper.start()
    try:
        yield ticked
    finally:
        stopped.set()
        await asyncio.to_thread(keeper.join)
        loop.remove_reader(ticks)
        os.close(ticks)


class _Clients:
    """The connections of one loop. `on_free` is called with each whose request was answered."""

    def __init__(self, on_free: Callable[["_Client"], None]) -> None:
        self.on_free = on_free
        self.all: list[_Client] = []
        self.outcome = Outcome()
        self.in_flight = 0
        self.failure: ConnectionError | None = None
        self.changed = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def connected(cls, port: int, count: int, on_free: Callable[["_Client"], None]) -> AsyncIterator["_Clients"]:
        """Connect to a port of this machine, and hang up in the end."""
        clients = cls(on_free)
        try:
            for _ in range(count):
                await asyncio.get_running_loop().create_connection(lambda: _Client(clients), "127.0.0.1", port)
            yield clients
        finally:
            for client in clients.all:
                client.close()

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Note how long what is done takes, and how much of the CPU this process uses for it."""
        started, used = time.perf_counter(), time.process_time()
        yield
        self.outcome.seconds = time.perf_counter() - started
        self.outcome.cpu_seconds = time.process_time() - used

    async def until_quiet(self) -> None:
        """Return when nothing is in flight any more."""
        answered = -1
        while self.in_flight and self.failure is None:
            if answered == len(self.outcome.exchanges):
                raise TimeoutError(f"no answer within {_PATIENCE_SECONDS:.0f} s")
            answered = len(self.outcome.exchanges)
            self.changed.clear()
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await self.changed.wait()
            except TimeoutError:
                continue
        if self.failure is not None:
            raise self.failure


class _Client(asyncio.Protocol):
    """One kept-alive connection with at most one request in flight."""

    def __init__(self, clients: _Clients) -> None:
        self._clients = clients
        self._transport: asyncio.Transport | None = None
        self._answer = b""
        self._number, self._due_at, self._is_waiting = 0, 0.0, False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none by inheritance.
        self._transport = cast("asyncio.Transport", transport)
        self._clients.all.append(self)

    def send(self, request: bytes, number: int, due_at: float) -> None:
        assert self._transport is not None
        if self._transport.is_closing():
            raise ConnectionError("the server hung up on a connection that it had left idle for too long")
        self._number, self._due_at, self._is_waiting = number, due_at, True
        self._clients.in_flight += 1
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._answer = self._answer + data if self._answer else data
        if not _is_whole(self._answer):
            return
        status, self._answer, self._is_waiting = int(self._answer[9:12]), b"", False
        clients = self._clients
        clients.outcome.exchanges.append(Exchange(self._number, self._due_at, time.perf_counter(), status))
        clients.in_flight -= 1
        clients.on_free(self)
        if not clients.in_flight:
            clients.changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._is_waiting:
            self._clients.failure = ConnectionError("the server hung up")
            self._clients.changed.set()

    def close(self) -> None:
        self._is_waiting = False
        if self._transport is not None:
            self._transport.close()


_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def _is_whole(answer: bytes) -> bool:
    """Whether an answer has its head and all of the body that the head announces."""
    end = answer.find(b"\r\n\r\n")
    length = _LENGTH.search(answer, 0, end) if end > 0 else None
    return end > 0 and len(answer) >= end + 4 + (int(length[1]) if length else 0)
