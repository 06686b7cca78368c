"""How fast leads registers inquiries, from records in memory to committed: (a) beside one transaction per message, and
(g) with a million leads in the tables."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final

import asyncpg
from pydantic import SecretStr

from services.leads.settings import LeadsSettings
from services.leads.wiring import build_worker
from shared.contracts.topics import INQUIRIES
from shared.kit.assembly import Assembly
from shared.kit.clock import SystemClock
from shared.kit.consumer import Consumer
from shared.kit.database import Database
from shared.kit.process import spare_the_collector
from shared.kit.records import Record
from shared.kit.settings import CommonSettings
from tests.bench.baselines import per_lead_lock, per_lead_orm, pgbench
from tests.bench.full_tables import MILLION, fill_leads
from tests.bench.inquiries import DAY, Source, batches
from tests.bench.rows import Row, at_least, at_most, figure, ratio
from tests.bench.stand import Stand

Register = Callable[[str, Sequence[Record]], Awaitable[None]]

INQUIRY_COUNT: Final = 200_000
_LOCK_ROUND: Final = 4_500
_ORM_ROUND: Final = 1_300
_PGBENCH_SECONDS: Final = 6
_FULL_ROUND: Final = 20_000


@dataclass(slots=True)
class Contestant:
    """A way of registering with a database of its own, and how much it is given in a round."""

    name: str
    register: Register
    url: str
    amount: int
    source: Source = field(default_factory=Source)
    rates: list[float] = field(default_factory=list)

    async def run(self) -> None:
        """One round: the next inquiries, on the clock from the first to the last commit, and a look at the rows."""
        records = self.source.records(self.amount)
        await settle(self.url)
        # As a service does; what waits in memory is the bench's, and every collection would walk through it.
        spare_the_collector()
        started = perf_counter()
        await self.register(self.url, records)
        self.rates.append(self.amount / (perf_counter() - started))
        gc.unfreeze()
        await check_rows(self.url, self.source)


async def measure_registration(stand: Stand) -> list[Row]:
    """Ours and each baseline in turn, every round with further inquiries on top of what the last one left."""
    sizes = stand.sizes
    contestants = [
        Contestant(name, register, await stand.service_database("leads"), sizes.of(amount, at_least=50))
        for name, register, amount in (
            ("ours", register_as_leads, INQUIRY_COUNT // sizes.rounds),
            ("lock", per_lead_lock.register, _LOCK_ROUND),
            ("ORM", per_lead_orm.register, _ORM_ROUND),
        )
    ]
    single = await stand.service_database("leads")
    await pgbench.prepare(single)
    singles: list[float] = []
    for _ in range(sizes.rounds):
        for one in contestants:
            await one.run()
            stand.say(f"    {one.name}: {one.rates[-1]:,.0f}/s")
        await settle(single)
        singles.append(await pgbench.rows_per_second(single, stand.folder, sizes.of(_PGBENCH_SECONDS)))
        stand.say(f"    pgbench: {singles[-1]:,.0f}/s")
    ours, lock, orm = (one.rates for one in contestants)
    leads = [rate * contestants[0].source.people / contestants[0].source.sent for rate in ours]
    for url in (*(one.url for one in contestants), single):
        await stand.drop(url)
    return [
        figure("a.ours", "inquiries registered by leads, one process", ours, "/s"),
        figure("a.lock.rate", "the same by per-lead lock, 8 connections", lock, "/s"),
        figure("a.orm.rate", "the same by per-lead ORM, 8 connections", orm, "/s"),
        figure("a.pgbench.rate", "single rows of leads by pgbench, 16 clients", singles, "/s"),
        ratio("a.lock", "ours against the per-lead lock", zip(ours, lock, strict=True), at_least(45)),
        ratio("a.orm", "ours against the per-lead ORM", zip(ours, orm, strict=True), at_least(100)),
        ratio(
            "a.pgbench", "leads opened by ours against pgbench's rows", zip(leads, singles, strict=True), at_least(1.5)
        ),
    ]


async def measure_full_registration(stand: Stand) -> list[Row]:
    """Ours on empty tables and on full ones in turn: what a lead costs when there are a million already."""
    sizes = stand.sizes
    amount = sizes.of(_FULL_ROUND, at_least=50)
    empty = Contestant("empty", register_as_leads, await stand.service_database("leads"), amount)
    full = Contestant("full", register_as_leads, await stand.service_database("leads"), amount)
    await fill_leads(full.url, sizes.of(MILLION, at_least=1000))
    stand.say("    tables are full")
    for _ in range(sizes.rounds):
        for one in (empty, full):
            await one.run()
            stand.say(f"    {one.name}: {one.rates[-1]:,.0f}/s")
    for one in (empty, full):
        await stand.drop(one.url)
    pairs = list(zip(empty.rates, full.rates, strict=True))
    return [
        figure("g.ours", "inquiries registered with a million leads", full.rates, "/s"),
        ratio("g.registration", "time for each, full against empty", pairs, at_most(1.3)),
    ]


async def register_as_leads(url: str, records: Sequence[Record]) -> None:
    """What leads' consumer does with what it has fetched, with the service's own wiring: as in `make run`, one process.

    It has as many lanes as the service, each of which takes one batch after the other of partitions of its own.
    """
    own = LeadsSettings()
    async with leads_consumer(url) as consumer:

        async def work(lane: int) -> None:
            mine = [record for record in records if record.partition % own.lanes == lane]
            for batch in batches(mine, own.batch_size):
                await consumer.process(batch)

        await asyncio.gather(*(work(lane) for lane in range(own.lanes)))


@asynccontextmanager
async def leads_consumer(url: str) -> AsyncIterator[Consumer[Any]]:
    """leads' consumer of inquiries as its composition root builds it, on a database, without a broker."""
    secret = SecretStr("development-secret")
    common = CommonSettings(
        database_url=url,
        kafka_bootstrap_servers="127.0.0.1:9",
        development=True,
        service_token=secret,
        privacy_key=secret,
        operations_key=secret,
    )
    own = LeadsSettings()
    database = Database(url, pool_size=own.database_pool_size)
    await database.open()
    try:
        worker, _ = build_worker(Assembly("leads", common, database, SystemClock()), own)
        yield next(consumer for consumer in worker.consumers if consumer.topic is INQUIRIES)
    finally:
        await database.close()


async def settle(url: str) -> None:
    """Write out what others left dirty, so that everybody starts alike."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def check_rows(url: str, source: Source) -> None:
    """Raise unless everything that was sent has its one effect: numbers 1..n, a lead for each person, all told."""
    expected = {
        "people": source.people,
        "leads": source.people,
        "numbers": source.people,
        "last_number": source.people,
        "last_serial": source.people,
        "claims": source.sent,
        "inquiries": source.sent,
        "history": source.sent,
        "created": source.people,
        "ready": source.people,
        "settled": source.sent,
    }
    connection = await asyncpg.connect(url)
    try:
        # The statistics of full tables know nothing of this day: expecting one row, a plan would read tables for each.
        await connection.execute("SET enable_nestloop = off")
        (row,) = await connection.fetch(_COUNTS, DAY)
    finally:
        await connection.close()
    if (found := dict(row)) != expected:
        raise RuntimeError(f"rows are wrong: {found} instead of {expected}")


_COUNTS: Final = """
WITH mine AS MATERIALIZED (SELECT id, person_id, number FROM leads WHERE business_date = $1)
SELECT
    (SELECT count(DISTINCT person_id) FROM mine JOIN people ON people.id = person_id) AS people,
    (SELECT count(*) FROM mine) AS leads,
    (SELECT count(DISTINCT number) FROM mine) AS numbers,
    (SELECT max(split_part(number, '-', 3)::int) FROM mine) AS last_number,
    (SELECT last_serial FROM day_counters WHERE business_date = $1) AS last_serial,
    (SELECT count(*) FROM claims JOIN mine ON mine.id = lead_id WHERE outcome IS NOT NULL) AS claims,
    (SELECT count(*) FROM inquiries JOIN mine ON mine.id = lead_id) AS inquiries,
    (SELECT count(*) FROM history JOIN mine ON mine.id = lead_id) AS history,
    (SELECT count(*) FROM outbox WHERE type = 'lead.created.v1') AS created,
    (SELECT count(*) FROM outbox WHERE type = 'lead.ready.v1') AS ready,
    (SELECT count(DISTINCT key) FROM outbox WHERE type = 'inquiry.settled.v1') AS settled
"""
