"""A migrated database per test, a clock that stands still, and the service's app."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx2
import pytest

from services.intake.settings import IntakeSettings
from services.intake.storage.tables import metadata
from services.intake.use_cases.receive_delivery import Stamp
from services.intake.use_cases.trust_apps import TrustedApps
from services.intake.wiring import MIGRATIONS, build_trust, build_web, reaching
from shared.kit.assembly import Assembly
from shared.kit.database import Database
from shared.kit.migrations import upgrade
from shared.kit.settings import CommonSettings
from tests.intake.deliveries import APP_SECRET, MESSENGER_SECRET, SECOND_SECRET, VERIFY_TOKEN
from tests.support.clock import MovingClock
from tests.support.databases import Databases
from tests.support.keys import PUBLIC_KEY

SERVICE_TOKEN = "development-service-token"


@pytest.fixture
def clock() -> MovingClock:
    """Half past eleven at night in UTC, when it is the next day in Berlin."""
    return MovingClock(datetime(2026, 11, 20, 23, 30, tzinfo=UTC))


@pytest.fixture
def stamp(clock: MovingClock) -> Stamp:
    """What makes receipts of items, for a business in Berlin."""
    return Stamp(clock, ZoneInfo("Europe/Berlin"), "development-privacy-key")


async def _migrate(url: str) -> None:
    await upgrade(url, MIGRATIONS)


@pytest.fixture(scope="session")
async def intake_url(databases: Databases) -> str:
    """The address of a migrated database that this worker's tests use one after the other."""
    return await databases.from_template("intake", _migrate)


@pytest.fixture
async def database(intake_url: str) -> AsyncIterator[Database]:
    """intake's database, empty and open, with room for eight concurrent transactions."""
    database = Database(intake_url, pool_size=8)
    await database.open()
    async with database.connection() as connection:
        await connection.execute(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY")
    yield database
    await database.close()


@pytest.fixture
def common_settings() -> CommonSettings:
    """The settings that all services share, with development secrets."""
    return CommonSettings(
        database_url="postgresql://unused",
        kafka_bootstrap_servers="unused",
        kafka_replication=1,
        development=True,
        service_token=SERVICE_TOKEN,
        privacy_key="development-privacy-key",
        operations_key="development-operations-key",
        person_token_public_key=PUBLIC_KEY,
        time_zone=ZoneInfo("Europe/Berlin"),
        public_url="https://leads.example/",
    )


@pytest.fixture
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> IntakeSettings:
    """intake's settings: two apps deliver to WhatsApp's webhook."""
    monkeypatch.setenv("LEADLINE_DEVELOPMENT", "true")
    return IntakeSettings(
        whatsapp_app_secret=f"{SECOND_SECRET}, {APP_SECRET}",
        whatsapp_verify_token=VERIFY_TOKEN,
        messenger_app_secret=MESSENGER_SECRET,
        messenger_verify_token=VERIFY_TOKEN,
        encryption_key="development-encryption-key",
        files_url=(tmp_path / "files").as_uri(),
    )


@pytest.fixture
async def trusted(database: Database, own_settings: IntakeSettings) -> TrustedApps:
    """Who may deliver; a test that connects an account ticks."""
    trusted = build_trust(own_settings, database)
    await trusted.tick()
    return trusted


@pytest.fixture
async def outside(
    database: Database,
    stamp: Stamp,
    common_settings: CommonSettings,
    own_settings: IntakeSettings,
    redis_url: str,
    trusted: TrustedApps,
) -> AsyncIterator[httpx2.AsyncClient]:
    """The service as the world sees it, without a token."""
    assembly = Assembly("intake", common_settings, database, stamp.clock)
    async with reaching(redis_url) as others:
        app = build_web(assembly, own_settings, others, trusted, assembly.health())
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://intake") as client:
            yield client


@pytest.fixture
def inside(outside: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """The service as another service sees it, with the service token."""
    outside.headers["Authorization"] = f"Bearer {SERVICE_TOKEN}"
    return outside
