"""The composition root: everything of console, built from settings. Nothing connects at import."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
from fastapi import FastAPI
from redis.asyncio import Redis
from starlette.staticfiles import StaticFiles

from services.console.clients.login_limits import LoginLimits
from services.console.clients.mail_folder import MailFolder
from services.console.clients.services import ServicesClient, build_http
from services.console.domain.passwords import Passwords
from services.console.routes import errors, login, pages
from services.console.routes.backend import Backend
from services.console.routes.headers import SecurityHeaders
from services.console.routes.rendering import STATIC, Pages
from services.console.settings import ConsoleSettings
from services.console.use_cases.create_admin import create_admin
from services.console.use_cases.keep_sessions import Sessions
from services.console.use_cases.read_overview import OverviewReader
from shared.kit.assembly import Assembly, assembling
from shared.kit.clock import Clock
from shared.kit.database import Database
from shared.kit.health import Status
from shared.kit.process import Service
from shared.kit.settings import CommonSettings
from shared.kit.web import build_app

NAME = "console"
MIGRATIONS = Path(__file__).parent / "storage" / "migrations"
_LARGEST_FORM = 16_384


def database_url() -> str:
    """The address of console's database, from the environment."""
    return ConsoleSettings().database(NAME)


@asynccontextmanager
async def wire() -> AsyncIterator[Service]:
    """Build the service from the environment; raises `ValidationError` when a setting is missing or refused."""
    own = ConsoleSettings()
    async with assembling(NAME, own) as assembly:
        common, database = assembly.common, assembly.database
        redis = Redis.from_url(common.redis_url, socket_timeout=1, socket_connect_timeout=1)
        http = build_http()
        try:
            if common.development and own.admin_email and own.admin_password:
                await create_admin(database, own.admin_email, own.admin_password.get_secret_value())
            yield Service(NAME, own.host, own.port, build_web(assembly, own, redis, http))
        finally:
            await http.aclose()
            await redis.aclose()


def build_web(assembly: Assembly, own: ConsoleSettings, redis: Redis, http: httpx2.AsyncClient) -> FastAPI:
    """The pages."""
    common, database = assembly.common, assembly.database
    status = Status(service=NAME, database=database, broker=assembly.broker, consumers=[])
    app = build_app(
        title="Leadline console",
        gate=assembly.gate(),
        routers=[
            login.router,
            pages.router,
            assembly.health(status=status),
        ],
        body_limit=_LARGEST_FORM,
    )
    app.mount("/static", StaticFiles(directory=STATIC))
    errors.install(app)
    app.add_middleware(SecurityHeaders, is_secure=not common.development)
    app.state.backend = build_backend(common, own, database, redis, http, assembly.clock)
    return app


def build_backend(
    common: CommonSettings,
    own: ConsoleSettings,
    database: Database,
    redis: Redis,
    http: httpx2.AsyncClient,
    clock: Clock,
) -> Backend:
    """What the pages need."""
    services = ServicesClient(
        http,
        {
            "intake": common.intake_url,
            "leads": common.leads_url,
            "assignment": common.assignment_url,
            "notifier": common.notifier_url,
        },
        private_key=own.person_token_private_key.get_secret_value(),
        service_token=common.service_token.get_secret_value(),
    )
    sessions = Sessions(
        database=database,
        limits=LoginLimits(redis, common.privacy_key.get_secret_value()),
        passwords=Passwords(),
        services=services,
        clock=clock,
    )
    mails = MailFolder(own.mail_folder) if own.mail_folder else None
    return Backend(
        sessions=sessions,
        services=services,
        overview=OverviewReader(services, clock),
        pages=Pages(common.time_zone, has_mail=mails is not None),
        mails=mails,
        clock=clock,
        is_secure=not common.development,
        trusted_proxies=own.proxies,
    )
