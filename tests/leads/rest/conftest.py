"""leads' app over a database of the test's own, and people with tokens who call it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest

from services.leads.clients.assignment import AssignmentAway, Decision, DecisionRefused
from services.leads.routes import ROUTERS, TRANSLATIONS, Backend
from services.leads.use_cases.apply_assignments import apply_assignments
from shared.contracts.assignment import AssignmentDecided
from shared.contracts.inquiries import Identity
from shared.contracts.words import Role
from shared.kit.database import Database
from shared.kit.identifiers import new_id
from shared.kit.security import Gate, mint_person_token
from shared.kit.web import build_app
from tests.leads.makers import NOON, inquiry, register
from tests.support.keys import PRIVATE_KEY, PUBLIC_KEY

SERVICE_TOKEN = "a service's token"


class Now:
    """A clock that a test sets; each look moves it on by a millisecond."""

    def __init__(self) -> None:
        self.instant = NOON

    def now(self) -> datetime:
        """The present instant."""
        self.instant += timedelta(milliseconds=1)
        return self.instant


@dataclass
class FakeAssignment:
    """Decides as it is asked, with numbers from 1 for each lead, until it is told to refuse or to be away."""

    asked: list[tuple[int, int, int | None]] = field(default_factory=list)
    refusal: DecisionRefused | AssignmentAway | None = None
    decisions: dict[int, int] = field(default_factory=dict)
    before_answer: Callable[[Decision], Awaitable[None]] | None = None

    async def assign(self, lead_id: int, member_id: int, decided_by: int | None) -> Decision:
        """Decide, or refuse."""
        self.asked.append((lead_id, member_id, decided_by))
        if self.refusal is not None:
            raise self.refusal
        number = self.decisions[lead_id] = self.decisions.get(lead_id, 0) + 1
        decision = Decision(
            id=lead_id * 100 + number, lead_id=lead_id, decision_number=number, chosen_member_id=member_id
        )
        if self.before_answer is not None:
            await self.before_answer(decision)
        return decision


@pytest.fixture
def now() -> Now:
    """The clock of the app."""
    return Now()


@pytest.fixture
def assignment() -> FakeAssignment:
    """The assignment that the app asks."""
    return FakeAssignment()


@pytest.fixture
async def http(database: Database, now: Now, assignment: FakeAssignment) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the app without a token. Errors that the app does not answer are the test's."""
    app = build_app(
        title="leads",
        gate=Gate(service="leads", service_token=SERVICE_TOKEN, public_key=PUBLIC_KEY),
        routers=ROUTERS,
        translations=TRANSLATIONS,
    )
    app.state.backend = Backend(
        database=database,
        clock=now,
        time_zone=ZoneInfo("America/Mexico_City"),
        privacy_key="a key",
        assignment=assignment,
        default_region="MX",
    )
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://leads") as client:
        yield client


class Person:
    """Somebody with a token: `await person.get("/1")`."""

    def __init__(self, http: httpx2.AsyncClient, token: str) -> None:
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}"}

    async def call(
        self, method: str, path: str = "", *, headers: dict[str, str] | None = None, **more: Any
    ) -> httpx2.Response:
        """Send a request below /rest/leads."""
        return await self._http.request(method, f"/rest/leads{path}", headers=self._headers | (headers or {}), **more)

    async def get(self, path: str = "", **params: Any) -> Any:
        """The body of a GET that succeeds."""
        response = await self.call("GET", path, params=params)
        assert 200 == response.status_code, response.text
        return response.json()

    async def post(self, path: str, body: Any, **headers: str) -> httpx2.Response:
        """Send JSON."""
        return await self.call("POST", path, json=body, headers=_names(headers))

    async def put(self, path: str, body: Any, **headers: str) -> httpx2.Response:
        """Send JSON."""
        return await self.call("PUT", path, json=body, headers=_names(headers))

    async def delete(self, path: str, **headers: str) -> httpx2.Response:
        """Delete."""
        return await self.call("DELETE", path, headers=_names(headers))


def _names(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture
def person(http: httpx2.AsyncClient) -> Callable[[Role, int], Person]:
    """Make somebody with a role and a member id."""

    def make(role: Role, member_id: int) -> Person:
        return Person(http, mint_person_token(PRIVATE_KEY, member_id=member_id, role=role, audience="leads"))

    return make


@pytest.fixture
def supervisor(person: Callable[[Role, int], Person]) -> Person:
    """Member 1, who may see everything."""
    return person(Role.SUPERVISOR, 1)


@pytest.fixture
def salesperson(person: Callable[[Role, int], Person]) -> Person:
    """Member 7."""
    return person(Role.SALESPERSON, 7)


@pytest.fixture
def service(http: httpx2.AsyncClient) -> Person:
    """Another service."""
    return Person(http, SERVICE_TOKEN)


@pytest.fixture
def opened(database: Database) -> Callable[..., Any]:
    """Open a lead by a form, for an owner if one is given, and return its id."""

    async def open_lead(name: str, *identities: Identity, owner: int | None = None, **more: Any) -> int:
        (answer,) = await register(database, inquiry(name, *identities, first_name=name, **more))
        assert answer.lead_id is not None
        if owner is not None:
            await own(database, answer.lead_id, owner)
        return answer.lead_id

    return open_lead


async def own(
    database: Database, lead_id: int, member_id: int, number: int = 1, decision_id: int | None = None
) -> None:
    """Let assignment decide for a member, as its event does."""
    decided = AssignmentDecided(
        event_id=new_id(),
        occurred_at=NOON,
        correlation_id=new_id(),
        decision_id=decision_id or lead_id * 1000 + number,
        decision_number=number,
        lead_id=lead_id,
        member_id=member_id,
    )
    async with database.transaction() as connection:
        await apply_assignments(connection, [decided], NOON)
