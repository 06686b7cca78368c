"""Places on the stand where leads are worked on: ours and the baselines', each with databases and topics of its own."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Self

import asyncpg
import httpx2

from deploy.local.ports import free_port
from services.assignment.use_cases.add_member import add_member
from shared.kit.database import Connection, Database
from tests.bench import backlog
from tests.bench.baselines.hops import Topics
from tests.bench.machine import cpu_of_tree
from tests.bench.stand import Stand
from tests.support.waiting import eventually

_UNSENT: Final = "SELECT EXISTS (SELECT FROM outbox WHERE published_at IS NULL)"
_UNSETTLED: Final = "SELECT EXISTS (SELECT FROM receipts WHERE state IN ('received', 'published'))"


@dataclass
class Site:
    """Fresh databases with a team of twenty, for processes that come and go; `connections` are for looking on.

    `pids` has the processes that run, by name.
    """

    stand: Stand
    urls: dict[str, str]
    connections: dict[str, Connection]
    pids: dict[str, int] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def made(cls, stand: Stand, services: Iterable[str] = ("leads", "assignment")) -> AsyncIterator[Self]:
        """Make the databases, and drop them in the end."""
        urls = {service: await stand.service_database(service) for service in services}
        if "assignment" in urls:
            await hire(urls["assignment"])
        connections = {service: await asyncpg.connect(url) for service, url in urls.items()}
        try:
            yield cls(stand, urls, connections)
        finally:
            for connection in connections.values():
                await connection.close()
            for url in urls.values():
                await stand.drop(url)

    @property
    def settings(self) -> dict[str, str]:
        """Where the databases are, as processes are told."""
        return {f"{service.upper()}_DATABASE_URL": url for service, url in self.urls.items()}

    @asynccontextmanager
    async def running(self, commands: Mapping[str, tuple[list[str], dict[str, str]]]) -> AsyncIterator[None]:
        """Run processes, each by its arguments and settings."""
        async with AsyncExitStack() as stack:
            for name, (arguments, settings) in commands.items():
                process = self.stand.process(arguments, self.settings | settings)
                self.pids[name] = await stack.enter_async_context(process)
            try:
                yield
            finally:
                self.pids.clear()

    async def outbox_rows(self, service: str) -> int:
        """How many rows a service's outbox has been given so far; a sequence is asked, which costs nothing."""
        return int(await self.connections[service].fetchval("SELECT last_value FROM outbox_id_seq"))

    async def is_quiet(self) -> bool:
        """Whether everything is published, and every receipt settled."""
        for service, connection in self.connections.items():
            if await connection.fetchval(_UNSENT):
                return False
            if service == "intake" and await connection.fetchval(_UNSETTLED):
                return False
        return True

    def cpu(self) -> dict[str, float]:
        """Seconds of CPU that each process and server has used so far, by its name."""
        servers = self.stand.servers
        return {
            "postgres": cpu_of_tree(servers.postgres.pid),
            "kafka": cpu_of_tree(servers.kafka.pid),
            **{name: cpu_of_tree(pid) for name, pid in self.pids.items()},
        }

    async def is_done(self, inquiries: int) -> bool:
        """Whether so many inquiries are registered, every lead has its owner, and everything is published."""
        leads = self.connections["leads"]
        if not await self.is_quiet():
            return False
        if inquiries > await leads.fetchval("SELECT count(*) FROM inquiries"):
            return False
        return not await leads.fetchval("SELECT EXISTS (SELECT FROM leads WHERE assigned_id IS NULL)")


@dataclass
class Ours(Site):
    """Leadline itself; `ports` has where its processes listen, by the same names as `pids`."""

    ports: dict[str, int] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def made(
        cls, stand: Stand, services: Iterable[str] = ("intake", "leads", "assignment")
    ) -> AsyncIterator[Self]:
        """Make the databases and topics."""
        await backlog.fresh_topics(stand.servers.kafka.bootstrap_servers)
        async with super().made(stand, services) as site:
            yield site

    @asynccontextmanager
    async def serving(self, *entrypoints: str) -> AsyncIterator[None]:
        """Run processes such as `leads.worker`, or `leads.worker#2` for a second one, from when all are ready."""
        commands: dict[str, tuple[list[str], dict[str, str]]] = {}
        for name in entrypoints:
            service, _, kind = name.partition("#")[0].partition(".")
            port = self.ports[name] = free_port(excluding=set(self.ports.values()))
            place = {f"{service.upper()}_PORT": str(port), "LEADLINE_INSTANCE": name.replace("#", "-")}
            commands[name] = (["-m", f"services.{service}.entrypoints.{kind}"], place)
        async with self.running(commands), httpx2.AsyncClient(timeout=5) as client:

            async def ready() -> bool:
                for port in self.ports.values():
                    try:
                        answer = await client.get(f"http://127.0.0.1:{port}/health/ready")
                    except httpx2.TransportError:
                        return False
                    if answer.status_code != 200:
                        return False
                return True

            await eventually(ready, within=60)
            try:
                yield
            finally:
                self.ports.clear()


@dataclass
class Theirs(Site):
    """A baseline's site; `topics` are its own."""

    prefix: str = ""

    @classmethod
    @asynccontextmanager
    async def made(
        cls, stand: Stand, services: Iterable[str] = ("leads", "assignment"), *, counts: bool = False
    ) -> AsyncIterator[Self]:
        """Make the databases and topics, and an index for who `counts` a member's leads."""
        async with super().made(stand, services) as site:
            site.prefix = stand.name("bench")
            await backlog.own_topics(stand.servers.kafka.bootstrap_servers, *site.topics)
            # Who was hired: nobody here tells, and nobody reads it.
            await site.connections["assignment"].execute("UPDATE outbox SET published_at = now()")
            if counts:
                await site.connections["assignment"].execute("CREATE INDEX ON leads (chosen_id)")
            try:
                yield site
            finally:
                await backlog.drop_topics(stand.servers.kafka.bootstrap_servers, site.topics)

    @property
    def topics(self) -> Topics:
        """The topics of its hops."""
        return Topics.of(self.prefix)

    @asynccontextmanager
    async def serving(self, baseline: str, *roles: str, **settings: str) -> AsyncIterator[None]:
        """Run a baseline's processes, one for each role; a role may be followed by a port."""
        commands = {
            role: (
                ["-m", f"tests.bench.baselines.{baseline}", *role.split()],
                {"BENCH_PREFIX": self.prefix, **settings},
            )
            for role in roles
        }
        async with self.running(commands):
            yield


async def hire(url: str) -> None:
    """Give assignment its team."""
    database = Database(url)
    await database.open()
    try:
        for number in range(backlog.TEAM):
            values = {
                "name": f"Noor {number}",
                "email": f"noor{number}@example.org",
                "role": "salesperson",
                "capacity": backlog.CAPACITY,
                "time_zone": "UTC",
                "working_hours": [],
                "is_active": True,
            }
            await add_member(database, datetime.now(UTC), values)
    finally:
        await database.close()
