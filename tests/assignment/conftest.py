"""A migrated database per test, a clock that stands still, and the service's app."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import httpx2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.assignment.wiring import MIGRATIONS, build_web
from shared.kit.assembly import Assembly
from shared.kit.database import Database
from shared.kit.migrations import upgrade
from shared.kit.settings import CommonSettings
from tests.assignment.makers import NOON
from tests.support.databases import Databases

SERVICE_TOKEN = "development-service-token"


class StandingClock:
    """A clock that moves only when a test moves it."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        """The instant the test is at."""
        return self.at

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.at += by


@pytest.fixture
def clock() -> StandingClock:
    """Monday noon in UTC."""
    return StandingClock()


async def _migrate(url: str) -> None:
    await upgrade(url, MIGRATIONS)


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[Database]:
    """assignment's database, empty and open, with room for eight concurrent transactions."""
    url = await databases.from_template("assignment", _migrate)
    database = Database(url, pool_size=8)
    await database.open()
    yield database
    await database.close()
    await databases.drop(url)


@pytest.fixture(scope="session")
def private_key() -> str:
    """The console's key, which signs people's tokens."""
    return (
        Ed25519PrivateKey.generate()
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


@pytest.fixture
def common(private_key: str) -> CommonSettings:
    """Settings whose servers are given otherwise, with the public half of the console's key."""
    loaded = serialization.load_pem_private_key(private_key.encode(), None)
    public = loaded.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return CommonSettings(
        database_url="postgresql://unused",
        kafka_bootstrap_servers="unused",
        development=True,
        service_token=SERVICE_TOKEN,
        privacy_key="development-privacy-key",
        operations_key="development-operations-key",
        person_token_public_key=public.decode(),
    )


@pytest.fixture
async def client(database: Database, clock: StandingClock, common: CommonSettings) -> AsyncIterator[httpx2.AsyncClient]:
    """The API as another service sees it, with the service token."""
    assembly = Assembly("assignment", common, database, clock)
    app = build_web(assembly, assembly.health())
    transport = httpx2.ASGITransport(app=app)
    headers = {"Authorization": f"Bearer {SERVICE_TOKEN}"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://assignment", headers=headers) as client:
        yield client
