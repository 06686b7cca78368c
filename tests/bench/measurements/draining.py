"""(b) How fast a backlog in Kafka is registered, assigned and told; (f) what that does to memory; (h) with twice the
processes."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final

from shared.contracts.topics import INQUIRIES
from tests.bench import backlog
from tests.bench.inquiries import Source
from tests.bench.machine import describe_cost, megabytes
from tests.bench.rows import Row, at_least, at_most, figure, ratio
from tests.bench.sites import Ours, Site, Theirs
from tests.bench.stand import Stand
from tests.support.waiting import eventually

_OURS: Final = 100_000
_NAIVE: Final = 3_000
_COMPETENT: Final = 20_000
_WARM_UP: Final = 100
_TWICE: Final = 20_000
_WORKERS: Final = ("leads.worker", "assignment.worker")
_TWO_EACH: Final = (*_WORKERS, "leads.worker#2", "assignment.worker#2")
_LOOK_SECONDS: Final = 0.05
_LONGEST_SECONDS: Final = 300.0

Serve = Callable[[], AbstractAsyncContextManager[None]]


@dataclass(slots=True)
class Sight:
    """What was seen at an instant: how far it is, from 0 to 1, and megabytes by process."""

    part: float
    megabytes: dict[str, float]


@dataclass(slots=True)
class Contestant:
    """A way of working off a backlog, and how much it is given in a round."""

    name: str
    site: Site
    topic: str
    serve: Serve
    amount: int
    source: Source = field(default_factory=Source)
    rates: list[float] = field(default_factory=list)
    sights: list[list[Sight]] = field(default_factory=list)

    async def run(self) -> None:
        """One round: processes that are warm, held still while a backlog is written; on the clock until all is done."""
        async with self.serve():
            await self._publish(_WARM_UP)
            await eventually(self._is_done, within=60)
            with self._held_still():
                await self._publish(self.amount)
            before, used = await self.site.outbox_rows("leads"), self.site.cpu()
            seconds = await self._drain(before)
            cost = describe_cost(used, self.site.cpu(), self.amount)
        self.rates.append(self.amount / seconds)
        self.site.stand.say(f"    {self.name}: {self.rates[-1]:,.0f}/s; {cost}")

    async def _publish(self, amount: int) -> None:
        records = self.source.records(amount)
        await backlog.publish(self.site.stand.servers.kafka.bootstrap_servers, self.topic, records)

    @contextmanager
    def _held_still(self) -> Iterator[None]:
        # For a second or two, which no session's timeout notices.
        for pid in self.site.pids.values():
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in self.site.pids.values():
                os.kill(pid, signal.SIGCONT)

    async def _drain(self, before: int) -> float:
        sights: list[Sight] = []
        started = last_look = perf_counter()
        rows = await self.site.outbox_rows("leads")
        while rows - before < self._rows_at_least or not await self._is_done():
            if perf_counter() - last_look > 0.25:
                last_look = perf_counter()
                memory = {name: megabytes(pid) for name, pid in self.site.pids.items()}
                sights.append(Sight((rows - before) / self._rows_at_least, memory))
            if perf_counter() - started > _LONGEST_SECONDS:
                raise RuntimeError(f"{self.name} is not done after {_LONGEST_SECONDS:.0f} s")
            await asyncio.sleep(_LOOK_SECONDS)
            rows = await self.site.outbox_rows("leads")
        self.sights.append(sights)
        return perf_counter() - started

    @property
    def _rows_at_least(self) -> int:
        # Three rows of the outbox for what opens a lead and its owner, two for a repeat: looking closely costs.
        return self.amount * 2

    async def _is_done(self) -> bool:
        return await self.site.is_done(self.source.sent)


async def measure_draining(stand: Stand) -> list[Row]:
    """Ours and both pipelines in turn, every round on top of what the last one left; no intake: nobody sends."""
    sizes = stand.sizes
    async with AsyncExitStack() as stack:
        mine = await stack.enter_async_context(Ours.made(stand))
        naive = await stack.enter_async_context(Theirs.made(stand, counts=True))
        competent = await stack.enter_async_context(Theirs.made(stand))
        contestants = [
            Contestant(name, site, topic, serve, sizes.of(amount // sizes.rounds, at_least=50))
            for name, site, topic, serve, amount in (
                ("ours", mine, INQUIRIES.name, lambda: mine.serving(*_WORKERS), _OURS),
                (
                    "naive",
                    naive,
                    naive.topics.inquiries,
                    lambda: naive.serving("naive_pipeline", "leads", "assignment"),
                    _NAIVE,
                ),
                (
                    "competent",
                    competent,
                    competent.topics.inquiries,
                    lambda: competent.serving("competent_pipeline", "leads", "assignment"),
                    _COMPETENT,
                ),
            )
        ]
        for _ in range(sizes.rounds):
            for one in contestants:
                await one.run()
    ours, theirs, better = (one.rates for one in contestants)
    return [
        figure("b.ours", "backlog registered, assigned and told", ours, "/s"),
        figure("b.naive.rate", "the same by the naive pipeline", theirs, "/s"),
        figure("b.competent.rate", "the same by the competent pipeline", better, "/s"),
        ratio("b.naive", "ours against the naive pipeline", zip(ours, theirs, strict=True), at_least(45)),
        ratio("b.competent", "ours against the competent pipeline", zip(ours, better, strict=True), at_least(10)),
        *memory_rows(contestants[0].sights),
    ]


async def measure_two_each(stand: Stand) -> list[Row]:
    """The same backlog worked off by one and by two processes of each service, in turn."""
    sizes = stand.sizes
    amount = sizes.of(_TWICE // sizes.rounds, at_least=50)
    async with Ours.made(stand) as site:
        one = Contestant("one process each", site, INQUIRIES.name, lambda: site.serving(*_WORKERS), amount)
        two = Contestant("two processes each", site, INQUIRIES.name, lambda: site.serving(*_TWO_EACH), amount)
        # The same stream goes on, so that nobody is given an inquiry twice.
        two.source = one.source
        for _ in range(sizes.rounds):
            await one.run()
            await two.run()
    return [
        figure("h.ours", "backlog with two processes of each service", two.rates, "/s"),
        ratio("h.gain", "two processes of each against one", zip(two.rates, one.rates, strict=True)),
    ]


def memory_rows(rounds: Sequence[Sequence[Sight]]) -> list[Row]:
    """What each process holds in the last tenth of a backlog, against the second."""
    rows = []
    for name in rounds[0][0].megabytes if rounds and rounds[0] else ():
        pairs = []
        for sights in rounds:
            end = max(sight.part for sight in sights)
            early = [sight.megabytes[name] for sight in sights if 0.1 <= sight.part / end < 0.2]
            late = [sight.megabytes[name] for sight in sights if sight.part / end >= 0.9]
            if early and late:
                pairs.append((sum(late) / len(late), sum(early) / len(early)))
        if pairs:
            service = name.partition(".")[0]
            rows.append(figure(f"f.{service}.mb", f"{service}'s worker at the end", [late for late, _ in pairs], "MB"))
            rows.append(
                ratio(f"f.{service}", f"{service}'s worker, last tenth against the second", pairs, at_most(1.1))
            )
    return rows
