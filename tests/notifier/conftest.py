"""A database with notifier's tables, leads played by an HTTP server, and a sender between them."""

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from services.notifier.clients.leads import LeadsClient, build_http
from services.notifier.clients.mail_server import MailServer, MailServerAddress
from services.notifier.domain.mails import MailComposer
from services.notifier.use_cases.plan_notifications import plan_notifications
from services.notifier.use_cases.send_notifications import NotificationSender
from services.notifier.use_cases.update_members import update_members
from services.notifier.wiring import MIGRATIONS
from shared.contracts.assignment import MemberChanged
from shared.contracts.leads import LeadAssigned
from shared.contracts.words import Role
from shared.kit.clock import SystemClock
from shared.kit.database import Database
from shared.kit.identifiers import new_id
from shared.kit.migrations import upgrade
from tests.support.clock import MovingClock
from tests.support.databases import Databases

TOKEN = "a-service-token-for-tests-of-notifier"
NOON = datetime(2026, 4, 24, 12, 0, tzinfo=UTC)


@dataclass
class FakeLeads:
    """leads' REST as far as notifier asks it; `is_away` makes it answer 503; 404 has the type `not_found_type`."""

    leads: dict[int, dict[str, Any]] = field(default_factory=dict)
    inquiries: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    is_away: bool = False
    not_found_type: str = "application/problem+json"

    def add(self, lead_id: int, owner: int | None, **fields: Any) -> None:
        """Have a lead with one inquiry."""
        self.leads[lead_id] = {
            "id": lead_id,
            "number": f"LEAD-20260424-{lead_id:03d}",
            "first_name": "Ana",
            "last_name": "Gómez",
            "status": 1,
            "assigned_id": owner,
            "source": "whatsapp",
            "is_repeat": False,
            **fields,
        }
        self.inquiries[lead_id] = [{"channel": "whatsapp", "text": "Hola, ¿hay lugar el sábado?"}]

    def answer(self, request: Request) -> Response:
        """Answer as leads does."""
        assert f"Bearer {TOKEN}" == request.headers["Authorization"]
        if self.is_away:
            return Response(status=503)
        parts = request.path.split("/")
        lead_id = int(parts[3])
        if lead_id not in self.leads:
            return Response(b'{"status": 404}', status=404, content_type=self.not_found_type)
        found = {"items": self.inquiries[lead_id]} if len(parts) == 5 else self.leads[lead_id]
        return Response(orjson.dumps(found), content_type="application/json")


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[Database]:
    """An open database with notifier's tables."""
    url = await databases.from_template("notifier", lambda empty: upgrade(empty, MIGRATIONS))
    database = Database(url, pool_size=12)
    await database.open()
    yield database
    await database.close()
    await databases.drop(url)


@pytest.fixture
def clock() -> MovingClock:
    """A clock to move."""
    return MovingClock(NOON)


@pytest.fixture
def leads(httpserver: HTTPServer) -> FakeLeads:
    """leads, played."""
    fake = FakeLeads()
    httpserver.expect_request(re.compile("^/rest/leads/")).respond_with_handler(fake.answer)
    return fake


MakeSender = Callable[[int], NotificationSender]


@pytest.fixture
async def make_sender(
    database: Database, clock: MovingClock, leads: FakeLeads, httpserver: HTTPServer
) -> AsyncIterator[MakeSender]:
    """Make a sender that hands mails to the server on a port."""
    http = build_http(httpserver.url_for("/"), TOKEN)

    def make(port: int) -> NotificationSender:
        composer = MailComposer(sender="Leadline <leadline@shop.example>", console_url="https://console.example/")
        server = MailServer(
            MailServerAddress("127.0.0.1", port, starttls=False), envelope_sender=composer.envelope_sender
        )
        return NotificationSender(
            database=database, leads=LeadsClient(http), mail_server=server, composer=composer, clock=clock
        )

    yield make
    await http.aclose()


def assigned(lead_id: int, member_id: int, decision_number: int = 1, at: datetime = NOON) -> LeadAssigned:
    """leads' word that a member owns a lead since then."""
    return LeadAssigned(
        event_id=new_id(),
        correlation_id=new_id(),
        occurred_at=at,
        lead_id=lead_id,
        version=2,
        decision_id=lead_id * 100 + decision_number,
        decision_number=decision_number,
        member_id=member_id,
    )


def member(member_id: int, version: int = 1, **changes: Any) -> MemberChanged:
    """A state of a member."""
    state: dict[str, Any] = {
        "event_id": new_id(),
        "correlation_id": new_id(),
        "occurred_at": SystemClock().now(),
        "member_id": member_id,
        "version": version,
        "name": "Luz",
        "email": f"member{member_id}@shop.example",
        "role": Role.SALESPERSON,
        "capacity": 30,
        "time_zone": "UTC",
        "is_active": True,
    }
    return MemberChanged(**(state | changes))


async def plan(database: Database, clock: MovingClock, *assignments: LeadAssigned) -> int:
    """Plan notifications in a transaction of their own."""
    async with database.transaction() as connection:
        return await plan_notifications(connection, clock, assignments)


async def know(database: Database, clock: MovingClock, *members: MemberChanged) -> None:
    """Apply members in a transaction of their own."""
    async with database.transaction() as connection:
        await update_members(connection, clock, members)


async def rows(database: Database) -> list[dict[str, Any]]:
    """All notifications in the order of their making."""
    async with database.connection() as connection:
        found = await connection.fetch("SELECT * FROM notifications ORDER BY lead_id, decision_number")
    return [dict(row) for row in found]


async def end_leases(database: Database) -> None:
    """Let all leases have ended a second ago, by the database's clock, which alone decides."""
    async with database.connection() as connection:
        await connection.execute("UPDATE notifications SET leased_until = clock_timestamp() - interval '1 second'")


async def announced(database: Database) -> list[dict[str, Any]]:
    """The events that wait for the relay."""
    async with database.connection() as connection:
        return [orjson.loads(row["body"]) for row in await connection.fetch("SELECT body FROM outbox ORDER BY id")]


async def published(database: Database) -> list[str]:
    """The types of the events that wait for the relay."""
    async with database.connection() as connection:
        return [row["type"] for row in await connection.fetch("SELECT type FROM outbox ORDER BY id")]
