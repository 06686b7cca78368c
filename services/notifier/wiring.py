"""The composition root: everything of notifier, built from settings. Nothing connects at import."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import APIRouter, FastAPI

from services.notifier import routes
from services.notifier.clients.leads import LeadsClient, build_http
from services.notifier.clients.mail_server import MailServer, MailServerAddress
from services.notifier.domain.mails import MailComposer
from services.notifier.handlers import Handlers
from services.notifier.schedules import AbandonedLoop, SendingLoop
from services.notifier.settings import NotifierSettings
from services.notifier.use_cases.send_notifications import NotificationSender
from shared.contracts.assignment import decode_member
from shared.contracts.leads import decode_lead_event
from shared.contracts.topics import LEAD_EVENTS, TEAM_MEMBERS
from shared.kit.assembly import Assembly, assembling
from shared.kit.clock import Clock
from shared.kit.database import Database
from shared.kit.health import Status
from shared.kit.process import Service, Worker
from shared.kit.web import build_app

NAME = "notifier"
MIGRATIONS = Path(__file__).parent / "storage" / "migrations"


def database_url() -> str:
    """The address of notifier's database, from the environment."""
    return NotifierSettings().database(NAME)


@asynccontextmanager
async def wire(*, has_worker: bool = True) -> AsyncIterator[Service]:
    """Build the service from the environment; raises `ValidationError` when a setting is missing or refused."""
    own = NotifierSettings()
    async with assembling(NAME, own) as assembly:
        http = build_http(assembly.common.leads_url, assembly.common.service_token.get_secret_value())
        try:
            sender = build_sender(own, assembly.database, LeadsClient(http), assembly.clock)
            worker, status = build_worker(assembly, sender)
            running = worker if has_worker else None
            health = assembly.health(running, status)
            yield Service(NAME, own.host, own.port, build_web(assembly, health), running, health)
        finally:
            await http.aclose()


def build_web(assembly: Assembly, health: APIRouter) -> FastAPI:
    """The HTTP side."""
    app = build_app(
        title="Leadline notifier",
        gate=assembly.gate(),
        routers=[routes.router, health],
        translations=routes.REFUSALS,
    )
    app.state.database = assembly.database
    app.state.clock = assembly.clock
    return app


def build_sender(own: NotifierSettings, database: Database, leads: LeadsClient, clock: Clock) -> NotificationSender:
    """What sends mails."""
    composer = MailComposer(sender=own.mail_from, console_url=own.console_url)
    address = MailServerAddress(
        host=own.smtp_host,
        port=own.smtp_port,
        username=own.smtp_username,
        password=own.smtp_password.get_secret_value() if own.smtp_password else None,
        starttls=own.smtp_starttls,
        implicit_tls=own.implicit_tls,
    )
    return NotificationSender(
        database=database,
        leads=leads,
        mail_server=MailServer(address, envelope_sender=composer.envelope_sender),
        composer=composer,
        clock=clock,
    )


def build_worker(assembly: Assembly, sender: NotificationSender) -> tuple[Worker, Status]:
    """What happens to leads and who there is on the way in, mails on the way out."""
    handlers = Handlers(clock=assembly.clock)
    return assembly.worker(
        [
            assembly.consumer(LEAD_EVENTS, decode_lead_event, handlers.on_lead_events),
            assembly.consumer(TEAM_MEMBERS, decode_member, handlers.on_members),
        ],
        loops=[SendingLoop(sender, assembly.database.committed), AbandonedLoop(sender)],
    )
