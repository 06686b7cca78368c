"""(d) From a webhook's sending to its owner's commit, beside the floors; (e) what goes through; (g) with full tables.

When an owner was committed is what Postgres itself notes (`track_commit_timestamp`): the commit timestamp of the
transaction that wrote the lead's row last, which is the one that gave it its owner. It is asked for a second after the
last answer and then once a second, so that looking disturbs a steady rate not at all and a burst little, and it comes
from the same clock as the sender's instants, since all of it runs on one machine. Postgres takes it right before it
flushes the commit, for ours and for the floor alike.

Who takes turns has the machine to itself: the next one begins when everything that the last one set off is published
and settled.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import asyncpg
import httpx2

from deploy.local.development_secrets import development_secrets
from deploy.local.ports import free_port
from tests.bench import full_tables
from tests.bench.baselines import floor, guarded_floor
from tests.bench.load import Outcome, Webhooks, closed_loop, open_loop
from tests.bench.machine import describe_cost
from tests.bench.rows import Row, at_least, at_most, figure, ratio
from tests.bench.sites import Ours, Site, Theirs
from tests.bench.stages import STAGES, measure_stages
from tests.bench.stand import Stand
from tests.support.waiting import eventually

_PROCESSES: Final = ("intake.service", "leads.service", "assignment.service")
_SECONDS: Final = 4.0
_BURST: Final = 5_000
# Connections and caches are warm, and code is specialised, before anything counts.
_WARM_UP: Final = 400
_OURS_AT_ONCE: Final = 12_000
_NAIVE_AT_ONCE: Final = 300
_CONNECTIONS: Final = 64
_LOOK_SECONDS: Final = 1.0

# The owner's commit by the sender's eight digits.
_OURS: Final = """
SELECT right(phone_key, 8)::bigint AS number, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS at
FROM leads
WHERE created_at > now() - interval '1 hour' AND assigned_id IS NOT NULL AND right(phone_key, 8)::bigint >= $1
"""
_FLOOR: Final = """
SELECT id AS number, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS at
FROM floor_leads WHERE assigned_id IS NOT NULL AND id >= $1
"""


@dataclass(slots=True)
class Way:
    """A pipeline that runs, from its webhook to its table of leads.

    `latest` is when the last webhooks were sent, `generator` what sending one has cost in µs of CPU, and `cost` says
    what it has cost everybody else.
    """

    name: str
    site: Site
    port: int
    webhooks: Webhooks
    commits: str
    sent: int = 0
    latest: dict[int, float] = field(default_factory=dict)
    generator: float = 0.0
    cost: str = ""

    async def steady(self, rate: float, seconds: float) -> list[float]:
        """Milliseconds from each webhook's instant to its owner, at a rate of its own."""
        return await self._owned(
            lambda: open_loop(self.port, self.webhooks, rate=rate, seconds=seconds, first=self.sent)
        )

    async def at_once(self, amount: int, connections: int = _CONNECTIONS) -> list[float]:
        """The same for webhooks that are sent as fast as they are taken, counted from the first one's sending."""
        return await self._owned(
            lambda: closed_loop(self.port, self.webhooks, first=self.sent, requests=amount, connections=connections),
            from_first=True,
        )

    async def _owned(self, send: Callable[[], Awaitable[Outcome]], *, from_first: bool = False) -> list[float]:
        offset = time.time() - time.perf_counter()
        first, used = self.sent, self.site.cpu()
        outcome = await send()
        outcome.require_all_taken()
        self.sent = first + len(outcome.exchanges)
        sent_at = {one.number: one.due_at + offset for one in outcome.exchanges}
        commits = await self._until_owned(first, len(sent_at))
        await eventually(self.site.is_quiet, within=60, what=f"{self.name} is quiet")
        self.cost = describe_cost(used, self.site.cpu(), len(sent_at))
        self.generator = outcome.cpu_seconds / len(sent_at) * 1e6
        start = min(sent_at.values())
        self.latest = sent_at
        return sorted((commits[number] - (start if from_first else at)) * 1000 for number, at in sent_at.items())

    async def _until_owned(self, first: int, amount: int) -> dict[int, float]:
        connection = self.site.connections["leads"]
        deadline = time.monotonic() + 120
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            rows = await connection.fetch(self.commits, first)
            if len(rows) >= amount:
                return {row["number"]: row["at"] for row in rows}
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name}: {len(rows)} of {amount} have an owner")


async def measure_latency(stand: Stand) -> list[Row]:
    """Ours and both floors in turn, at a low and a high rate and for a burst; all run all the time, one has work."""
    sizes = stand.sizes
    await track_commits(stand)
    found: dict[str, dict[str, list[float]]] = {}
    stages: dict[int, list[dict[str, float]]] = {}
    generator: dict[int, list[float]] = {}
    async with ours(stand) as mine, floor_way(stand) as theirs, guarded_way(stand) as guarded:
        turns = deque((mine, theirs, guarded))
        for _ in range(sizes.pairs):
            turns.rotate(1)
            for way in turns:
                seen: dict[str, float] = {}
                for rate in (200, 1000):
                    latencies = await way.steady(rate, _SECONDS * max(sizes.scale, 0.25))
                    seen[f"{rate}.p50"] = percentile(latencies, 0.5)
                    seen[f"{rate}.p99"] = percentile(latencies, 0.99)
                    stand.say(f"    {way.name} at {rate:,}/s: {way.cost}")
                    generator.setdefault(rate, []).append(way.generator)
                    if way is mine:
                        stages.setdefault(rate, []).append(await measure_stages(way.site.connections, way.latest))
                seen["burst"] = (await way.at_once(sizes.of(_BURST)))[-1]
                for key, value in seen.items():
                    found.setdefault(key, {}).setdefault(way.name, []).append(value)
                stand.say(f"    {way.name}: " + ", ".join(f"{key} {value:.1f}" for key, value in seen.items()) + " ms")
    rows: list[Row] = []
    for key, what in (
        ("200.p50", "sent to owned at 200/s, p50"),
        ("200.p99", "sent to owned at 200/s, p99"),
        ("1000.p50", "sent to owned at 1,000/s, p50"),
        ("1000.p99", "sent to owned at 1,000/s, p99"),
        ("burst", f"the last of a burst of {sizes.of(_BURST):,}"),
    ):
        rows += compare(found[key], key, what)
    for rate, rounds in stages.items():
        what = f"CPU of the generator for a webhook, at {rate:,}/s"
        rows.append(figure(f"d.{rate}.generator", what, generator[rate], "µs"))
        for stage, what in STAGES:
            rows.append(figure(f"d.{rate}.{stage}", f"{what}, at {rate:,}/s", [one[stage] for one in rounds], "ms"))
    return rows


async def measure_throughput(stand: Stand) -> list[Row]:
    """Many webhooks at once, as fast as they are taken, until the last has its owner; beside the naive pipeline.

    They are taken faster than they are registered, so that most of it is a backlog, and its beginning and end count.
    """
    sizes = stand.sizes
    await track_commits(stand)
    mine: list[float] = []
    theirs: list[float] = []
    async with naive(stand) as slow, ours(stand) as quick:
        for _ in range(sizes.rounds):
            for way, rates, amount in ((quick, mine, _OURS_AT_ONCE), (slow, theirs, _NAIVE_AT_ONCE)):
                count = sizes.of(amount, at_least=50)
                rates.append(count / (await way.at_once(count))[-1] * 1000)
                stand.say(f"    {way.name}: {rates[-1]:,.0f}/s")
    return [
        figure("e.ours", f"{sizes.of(_OURS_AT_ONCE):,} webhooks at once, all processes on these cores", mine, "/s"),
        figure("e.naive.rate", "the same by the naive pipeline", theirs, "/s"),
        ratio("e.naive", "ours against the naive pipeline", zip(mine, theirs, strict=True), at_least(15)),
    ]


async def measure_full_latency(stand: Stand) -> list[Row]:
    """Ours at 1,000/s on empty tables and on full ones in turn: a million leads, receipts and decisions.

    Both are read from the same topics, so that the processes of one are started when those of the other have ended.
    """
    sizes = stand.sizes
    await track_commits(stand)
    found: dict[str, list[tuple[float, float]]] = {"full": [], "empty": []}
    async with Ours.made(stand) as full, Ours.made(stand) as empty:
        await fill(full, sizes.of(full_tables.MILLION))
        stand.say("    tables are full")
        sent = dict.fromkeys(found, 0)
        for _ in range(sizes.pairs):
            for name, site in (("empty", empty), ("full", full)):
                async with _serving(stand, site, sent[name]) as way:
                    latencies = await way.steady(1000, _SECONDS * max(sizes.scale, 0.25))
                    sent[name] = way.sent
                    # What the services told one another is read, too, before those of the other site read on.
                    await asyncio.sleep(_LOOK_SECONDS)
                p50, p99 = percentile(latencies, 0.5), percentile(latencies, 0.99)
                found[name].append((p50, p99))
                stand.say(f"    {name}: p50 {p50:.1f}, p99 {p99:.1f} ms")
    rows = []
    for place, name in enumerate(("p50", "p99")):
        pairs = [(ours[place], theirs[place]) for ours, theirs in zip(found["full"], found["empty"], strict=True)]
        rows.append(
            ratio(f"g.latency.{name}", f"sent to owned at 1,000/s, {name}, full against empty", pairs, at_most(1.3))
        )
    return rows


def compare(found: Mapping[str, Sequence[float]], key: str, what: str) -> list[Row]:
    """What each way took, one right after the other; ours against the floor, and how far the guarantees let it down."""
    mine, theirs, guarded = (found[name] for name in ("ours", "floor", "guarded floor"))
    return [
        figure(f"d.{key}.ours", f"{what}, ours", mine, "ms"),
        figure(f"d.{key}.floor", f"{what}, floor", theirs, "ms"),
        figure(f"d.{key}.guarded", f"{what}, floor that loses nothing", guarded, "ms"),
        ratio(f"d.{key}", f"{what}, against the floor", zip(mine, theirs, strict=True), at_most(2)),
        ratio(f"d.{key}.rules", f"{what}, against the floor that loses nothing", zip(mine, guarded, strict=True)),
    ]


def percentile(latencies: list[float], part: float) -> float:
    """The latency within which a part of sorted ones lies."""
    return latencies[min(len(latencies) - 1, int(part * len(latencies)))]


async def track_commits(stand: Stand) -> None:
    """Let Postgres note when each transaction was committed; it must be started anew for that, once."""
    connection = await asyncpg.connect(f"{stand.servers.postgres.url}/postgres")
    try:
        if await connection.fetchval("SELECT current_setting('track_commit_timestamp')") == "on":
            return
        await connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    finally:
        await connection.close()
    await stand.servers.postgres.stop()
    await stand.servers.postgres.start()


@asynccontextmanager
async def ours(stand: Stand) -> AsyncIterator[Way]:
    """Leadline's services as `make run` starts them, a process each, warm."""
    async with Ours.made(stand) as site, _serving(stand, site) as way:
        yield way


@asynccontextmanager
async def _serving(stand: Stand, site: Ours, sent: int = 0) -> AsyncIterator[Way]:
    secret = development_secrets(stand.folder)["INTAKE_WHATSAPP_APP_SECRET"]
    async with site.serving(*_PROCESSES):
        way = Way("ours", site, site.ports["intake.service"], Webhooks(secret), _OURS, sent)
        await way.steady(200, _WARM_UP / 200)
        yield way


async def fill(site: Ours, amount: int) -> None:
    """Put so many leads, receipts and decisions into a site's tables."""
    await full_tables.fill_leads(site.urls["leads"], amount)
    await full_tables.fill_intake(site.urls["intake"], amount)
    await full_tables.fill_assignment(site.urls["assignment"], amount)


def floor_way(stand: Stand) -> AbstractAsyncContextManager[Way]:
    """The floor, warm."""
    return _floor(stand, "floor", "floor", floor.TABLES)


def guarded_way(stand: Stand) -> AbstractAsyncContextManager[Way]:
    """The floor that loses nothing, warm."""
    return _floor(stand, "guarded floor", "guarded_floor", guarded_floor.TABLES)


@asynccontextmanager
async def _floor(stand: Stand, name: str, baseline: str, tables: Mapping[str, str]) -> AsyncIterator[Way]:
    async with Theirs.made(stand, tables) as site:
        for service, statements in tables.items():
            await site.connections[service].execute(statements)
        async with _served(site, baseline, "intake") as port:
            way = Way(name, site, port, Webhooks(""), _FLOOR)
            await way.steady(200, _WARM_UP / 200)
            yield way


@asynccontextmanager
async def naive(stand: Stand) -> AsyncIterator[Way]:
    """The naive pipeline, warm."""
    secret = development_secrets(stand.folder)["INTAKE_WHATSAPP_APP_SECRET"]
    async with Theirs.made(stand, counts=True) as site, _served(site, "naive_pipeline", "endpoint") as port:
        way = Way("naive", site, port, Webhooks(secret), _OURS)
        await way.at_once(20)
        yield way


def _served(site: Theirs, baseline: str, edge: str) -> AbstractAsyncContextManager[int]:
    @asynccontextmanager
    async def serve() -> AsyncIterator[int]:
        port = free_port()
        async with site.serving(baseline, f"{edge} {port}", "leads", "assignment"), httpx2.AsyncClient() as client:

            async def listens() -> bool:
                try:
                    await client.get(f"http://127.0.0.1:{port}/")
                except httpx2.TransportError as error:
                    # Anything but a refused connection comes from a server that is there.
                    return not isinstance(error, httpx2.ConnectError)
                return True

            await eventually(listens, within=60)
            yield port

    return serve()
