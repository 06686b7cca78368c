"""A console with its own database, real Valkey, and four services played by one HTTP server."""

import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import jwt
import orjson
import pytest
from fastapi import FastAPI
from pwdlib.hashers.argon2 import Argon2Hasher
from pydantic import SecretStr
from pytest_httpserver import HTTPServer
from redis.asyncio import Redis
from werkzeug import Request, Response

from services.console.clients.services import build_http
from services.console.domain import passwords
from services.console.settings import ConsoleSettings
from services.console.use_cases.create_admin import create_admin
from services.console.wiring import MIGRATIONS, build_web
from shared.kit.assembly import Assembly
from shared.kit.clock import SystemClock
from shared.kit.database import Database
from shared.kit.migrations import upgrade
from shared.kit.settings import CommonSettings
from tests.support.clock import MovingClock
from tests.support.databases import Databases
from tests.support.keys import PRIVATE_KEY, PUBLIC_KEY

EMAIL = "admin@shop.example"
PASSWORD = "correct horse battery staple"
SERVICE_TOKEN = "a-service-token-for-tests-of-console"
NOW = datetime.now(UTC)


def lead(lead_id: int, **fields: Any) -> dict[str, Any]:
    """A lead as leads tells it."""
    at = (NOW - timedelta(minutes=lead_id * 7)).isoformat()
    return {
        "id": lead_id,
        "lead_uuid": f"00000000-0000-4000-8000-{lead_id:012d}",
        "number": f"LEAD-20260424-{lead_id:03d}",
        "first_name": "Ana",
        "last_name": "Gómez",
        "status": 1,
        "assigned_id": 3,
        "source": "whatsapp",
        "is_ready": True,
        "is_repeat": False,
        "repeat_of_id": None,
        "outcome": None,
        "created_at": at,
        "updated_at": at,
        **fields,
    }


def member(member_id: int, **fields: Any) -> dict[str, Any]:
    """A member as assignment tells it."""
    return {
        "id": member_id,
        "name": "Luz Vega",
        "email": "luz@shop.example",
        "role": "salesperson",
        "capacity": 30,
        "active": True,
        "open_leads": 4,
        "on_shift": True,
        "off_shift_until": None,
        **fields,
    }


@dataclass
class FakeServices:
    """What the four services answer, by path, and the claims of the tokens that they were asked with."""

    answers: dict[str, Any] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    claims: list[dict[str, Any]] = field(default_factory=list)
    slow: set[str] = field(default_factory=set)

    def answer(self, request: Request) -> Response:
        """Check the token as a service does, and answer."""
        service, _, path = request.path.lstrip("/").partition("/")
        place = f"{service}/{path}"
        if service in self.slow:
            time.sleep(3)
        if not path.startswith("health/"):
            token = request.headers["Authorization"].removeprefix("Bearer ")
            if token != SERVICE_TOKEN:
                self.claims.append(jwt.decode(token, PUBLIC_KEY, algorithms=["EdDSA"], audience=service))
        status = self.statuses.get(place, 200 if place in self.answers else 404)
        return Response(orjson.dumps(self.answers.get(place, {})), status, content_type="application/json")


def everything_fine() -> dict[str, Any]:
    """The answers of four healthy services with a lead."""
    progress = {"outbox_unsent": 0, "consumers": [{"name": "x", "lag": 0, "dead_letters": 0, "stopped": None}]}
    answers: dict[str, Any] = {}
    for service in ("intake", "leads", "assignment", "notifier"):
        answers[f"{service}/health/ready"] = {"ready": True, "failures": {}}
        answers[f"{service}/health/status"] = {"service": service, **progress}
    told = {
        "id": "00000000-0000-4000-8000-000000000001",
        "lead_id": 1,
        "member_id": 3,
        "state": "sent",
        "reason": None,
        "created_at": NOW.isoformat(),
    }
    return answers | {
        "intake/rest/receipts/summary": {
            "received": 10,
            "new": 4,
            "repeat": 2,
            "update": 1,
            "ignored": 2,
            "quarantined": 1,
            "in_flight": 0,
        },
        "intake/rest/receipts": {"items": [], "next_cursor": None, "total": 0},
        "leads/rest/leads": {"items": [lead(1)], "next_cursor": None, "total": 1},
        "leads/rest/leads/LEAD-20260424-001": lead(1),
        "leads/rest/leads/1/inquiries": {
            "items": [{"channel": "whatsapp", "kind": "text", "text": "Hola", "sent_at": NOW.isoformat()}]
        },
        "leads/rest/leads/1/history": {
            "items": [{"type": 1, "text": "Lead created", "actor": "system", "occurred_at": NOW.isoformat()}]
        },
        "assignment/rest/team": {"items": [member(3)], "total": 1},
        "assignment/rest/team/3": member(3),
        "assignment/rest/assignments": {
            "items": [{"lead_id": 2, "stage": "queued", "reason": "nobody is on shift", "queued_at": NOW.isoformat()}],
            "total": 1,
        },
        "assignment/rest/decisions": {
            "items": [{"decision_number": 1, "sentence": "Luz has room.", "decided_at": NOW.isoformat()}]
        },
        "notifier/rest/notifications": {"items": [told], "total": 1},
    }


async def _prepare(url: str) -> None:
    await upgrade(url, MIGRATIONS)
    database = Database(url)
    await database.open()
    await create_admin(database, EMAIL, PASSWORD)
    await database.close()


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[Database]:
    """An open database with console's tables and an admin."""
    url = await databases.from_template("console", _prepare)
    database = Database(url)
    await database.open()
    yield database
    await database.close()
    await databases.drop(url)


@pytest.fixture
def clock() -> MovingClock:
    """A clock to move."""
    return MovingClock(SystemClock().now())


@pytest.fixture(scope="session", autouse=True)
def _cheap_hashes() -> Iterator[None]:
    """Hashes that cost a thousandth, for tests that sign in again and again."""
    cheap = partial(Argon2Hasher, time_cost=1, memory_cost=64, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "Argon2Hasher", cheap)
        yield


@pytest.fixture(scope="session")
def make_httpserver() -> Iterator[HTTPServer]:
    """One server with a thread per request, since a page asks many things at once."""
    with HTTPServer(threaded=True) as server:
        yield server


@pytest.fixture
def services(httpserver: HTTPServer) -> FakeServices:
    """The four services, played; everything is fine with them."""
    fake = FakeServices(everything_fine())
    httpserver.expect_request(re.compile("^/")).respond_with_handler(fake.answer)
    return fake


@pytest.fixture
def settings(httpserver: HTTPServer, unique: Callable[[str], str]) -> CommonSettings:
    """Settings with a privacy key of the test's own, so that its counters in Valkey are too."""
    return CommonSettings.model_construct(
        intake_url=httpserver.url_for("/intake"),
        leads_url=httpserver.url_for("/leads"),
        assignment_url=httpserver.url_for("/assignment"),
        notifier_url=httpserver.url_for("/notifier"),
        service_token=SecretStr(SERVICE_TOKEN),
        privacy_key=SecretStr(unique("privacy")),
        kafka_bootstrap_servers="127.0.0.1:9",
    )


@pytest.fixture
async def app(
    database: Database,
    clock: MovingClock,
    services: FakeServices,
    settings: CommonSettings,
    redis_url: str,
    tmp_path: Path,
) -> AsyncIterator[FastAPI]:
    """The console."""
    redis = Redis.from_url(redis_url, socket_timeout=1, socket_connect_timeout=1)
    http = build_http()
    own = ConsoleSettings.model_construct(
        person_token_private_key=SecretStr(PRIVATE_KEY), mail_folder=tmp_path / "mail"
    )
    yield build_web(Assembly("console", settings, database, clock), own, redis, http)
    await http.aclose()
    await redis.aclose()


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser that keeps cookies, follows nothing, and has not signed in."""
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(
        transport=transport, base_url="https://console.example", headers={"Accept": "text/html"}
    ) as browser:
        yield browser


async def sign_in(
    browser: httpx2.AsyncClient, email: str = EMAIL, password: str = PASSWORD, path: str = "/", **fields: str
) -> httpx2.Response:
    """Open the form and send it."""
    form = await browser.get("/login", params={"next": path})
    return await browser.post(
        "/login", data={"email": email, "password": password, "next": path, **form_fields(form), **fields}
    )


def form_fields(page: httpx2.Response) -> dict[str, str]:
    """The hidden token of the form on a page."""
    found = re.search(r'name="form_token" value="([^"]+)"', page.text)
    assert found, page.text
    return {"form_token": found[1]}
