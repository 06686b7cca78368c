"""(c) What it costs, and how long it takes, to acknowledge a webhook: ours with a durable receipt, theirs without.

Ours is intake's API as it runs in production, `services.intake.entrypoints.api`, a process of its own; the relay, which
carries receipts on after the 200, is another process there and no part of this.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from deploy.local.ports import free_port
from tests.bench.load import Outcome, Webhooks, closed_loop, open_loop
from tests.bench.machine import cpu_of_tree, cpu_seconds
from tests.bench.rows import Row, at_most, figure, ratio
from tests.bench.stand import Stand
from tests.support.waiting import eventually

_BASELINE: Final = "tests.bench.baselines.idiomatic_endpoint"
_STEADY_RATE: Final = 300
_LATEST_MS: Final = 50.0


@dataclass
class Endpoint:
    """One that takes webhooks, in a process of its own; each request to it is a new message."""

    port: int
    pid: int
    webhooks: Webhooks
    sent: int = 0

    async def busy(self, seconds: float) -> Outcome:
        """Keep 32 connections busy."""
        return self._taken(await closed_loop(self.port, self.webhooks, first=self.sent, seconds=seconds))

    async def steady(self, rate: float, seconds: float) -> Outcome:
        """Send at a rate."""
        return self._taken(await open_loop(self.port, self.webhooks, first=self.sent, rate=rate, seconds=seconds))

    def _taken(self, outcome: Outcome) -> Outcome:
        outcome.require_all_taken()
        self.sent += len(outcome.exchanges)
        return outcome


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request cost in a closed loop, in microseconds of CPU, and how many a second there were."""

    endpoint: float
    postgres: float
    generator: float
    rate: float


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Ours, and the three ways of the baseline."""

    ours: Endpoint
    checking: Endpoint
    storing: Endpoint
    bare: Endpoint


@asynccontextmanager
async def endpoints(stand: Stand) -> AsyncIterator[Endpoints]:
    """All of them, ready and warm; who is not measured is idle."""
    databases = [await stand.service_database("intake") for _ in range(2)]
    async with AsyncExitStack() as stack:

        async def start(database: str, way: str | None = None) -> Endpoint:
            port = free_port()
            command = ["-m", _BASELINE, str(port), way] if way else ["-m", "services.intake.entrypoints.api"]
            settings = {"INTAKE_PORT": str(port), "INTAKE_DATABASE_URL": database}
            pid = await stack.enter_async_context(stand.process(command, settings))
            endpoint = Endpoint(port, pid, Webhooks(stand.environment["INTAKE_WHATSAPP_APP_SECRET"]))
            await eventually(lambda: _is_up(endpoint), within=60, what=f"{way or 'intake'} takes webhooks")
            await endpoint.busy(stand.sizes.scale)
            return endpoint

        ours, theirs = databases
        yield Endpoints(
            await start(ours), await start(theirs, "checking"), await start(theirs, "storing"), await start("", "bare")
        )
    for database in databases:
        await stand.drop(database)


async def _is_up(endpoint: Endpoint) -> bool:
    try:
        return (await closed_loop(endpoint.port, endpoint.webhooks, requests=1, connections=1)).statuses == {200: 1}
    except ConnectionError:
        return False


async def measure_acknowledging(stand: Stand) -> list[Row]:
    """The rows of (c)."""
    async with endpoints(stand) as them:
        rows = await measure_cpu(stand, them)
        rows += await measure_latency(stand, them)
        rows += await measure_highest_rate(stand, them)
    return rows


async def measure_cpu(stand: Stand, them: Endpoints) -> list[Row]:
    """CPU for each request in a closed loop of 32 connections."""
    seconds = 3 * stand.sizes.scale
    rounds = [
        [await _cost(stand, one, seconds) for one in (them.ours, them.checking, them.storing, them.bare)]
        for _ in range(stand.sizes.pairs)
    ]
    ours, checking, storing, bare = zip(*rounds, strict=True)
    only_checking = "the endpoint that only checks and answers"
    return [
        ratio(
            "c.cpu",
            f"CPU of a request with its durable receipt, against {only_checking}",
            [(one.endpoint, other.endpoint) for one, other in zip(ours, checking, strict=True)],
            at_most(1 / 3),
        ),
        figure("c.cpu.ours", "CPU of intake for a request", [one.endpoint for one in ours], "µs"),
        figure("c.cpu.postgres", "CPU of Postgres for a request, beside it", [one.postgres for one in ours], "µs"),
        figure("c.cpu.checking", f"CPU of {only_checking}", [one.endpoint for one in checking], "µs"),
        figure("c.cpu.storing", "CPU of the endpoint that also commits a row", [one.endpoint for one in storing], "µs"),
        figure("c.cpu.storing.postgres", "CPU of Postgres for it, beside it", [one.postgres for one in storing], "µs"),
        figure("c.cpu.bare", "CPU of the bare server, which only reads the body", [one.endpoint for one in bare], "µs"),
        figure("c.cpu.generator", "CPU of the generator for a request of ours", [one.generator for one in ours], "µs"),
        figure("c.busy.ours", "answers of 32 busy connections, ours", [one.rate for one in ours], "/s"),
        figure("c.busy.checking", f"the same of {only_checking}", [one.rate for one in checking], "/s"),
        figure(
            "c.busy.storing", "the same of the endpoint that also commits a row", [one.rate for one in storing], "/s"
        ),
    ]


async def _cost(stand: Stand, endpoint: Endpoint, seconds: float) -> Cost:
    postgres = stand.servers.postgres.pid
    assert postgres is not None
    own, beside = cpu_seconds(endpoint.pid), cpu_of_tree(postgres)
    outcome = await endpoint.busy(seconds)
    requests = len(outcome.exchanges) / 1e6
    return Cost(
        endpoint=(cpu_seconds(endpoint.pid) - own) / requests,
        postgres=(cpu_of_tree(postgres) - beside) / requests,
        generator=outcome.cpu_seconds / requests,
        rate=outcome.rate,
    )


async def measure_latency(stand: Stand, them: Endpoints) -> list[Row]:
    """p50 and p99 at a steady rate, beside the endpoint that commits one row."""
    seconds = 5 * stand.sizes.scale
    pairs = [
        (await them.ours.steady(_STEADY_RATE, seconds), await them.storing.steady(_STEADY_RATE, seconds))
        for _ in range(stand.sizes.pairs)
    ]
    rows = []
    for name, part in (("p50", 0.5), ("p99", 0.99)):
        found = [(ours.percentile(part), theirs.percentile(part)) for ours, theirs in pairs]
        against = f"{name} at {_STEADY_RATE}/s, against the endpoint that also commits a row"
        rows += [
            ratio(f"c.{name}", against, found, at_most(1.1)),
            figure(f"c.{name}.ours", f"{name} at {_STEADY_RATE}/s", [ours for ours, _ in found], "ms"),
            figure(f"c.{name}.storing", "the same of that endpoint", [theirs for _, theirs in found], "ms"),
        ]
    return rows


async def measure_highest_rate(stand: Stand, them: Endpoints) -> list[Row]:
    """The highest steady rate of which 99 % are answered within 50 ms."""
    what = f"highest rate with p99 under {_LATEST_MS:.0f} ms"
    return [
        figure("c.highest.ours", what, [await _highest_rate(stand, them.ours)], "/s"),
        figure("c.highest.storing", f"{what}, also commits a row", [await _highest_rate(stand, them.storing)], "/s"),
    ]


async def _highest_rate(stand: Stand, endpoint: Endpoint) -> float:
    """By going up from what a closed loop reaches to what is too much, and halving between the two, to 5 %."""
    seconds = 2 * stand.sizes.scale

    async def keeps_up(rate: float) -> bool:
        return (await endpoint.steady(rate, seconds)).percentile(0.99) < _LATEST_MS

    low, high = 0.0, (await endpoint.busy(seconds)).rate
    most = 4 * high
    while high < most and await keeps_up(high):
        low, high = high, high * 1.25
    while high - low > high * 0.05:
        rate = (low + high) / 2 if low else high * 0.75
        if await keeps_up(rate):
            low = rate
        else:
            high = rate
    return low
