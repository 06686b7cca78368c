"""The composition root: everything of notifier, built from settings. Nothing connects at import."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from services.notifier import routes
from services.notifier.clients.leads import LeadsClient, build_http
from services.notifier.clients.mail_server import MailServer, MailServerAddress
from services.notifier.domain.mails import MailComposer
from services.notifier.handlers import Handlers
from services.notifier.schedules import AbandonedLoop, SendingLoop, prune_job
from services.notifier.settings import NotifierSettings
from services.notifier.use_cases.send_notifications import NotificationSender
from shared.contracts.assignment import decode_member
from shared.contracts.leads import decode_lead_event
from shared.contracts.topics import LEAD_EVENTS, TEAM_MEMBERS, published_by
from shared.kit.broker import Broker
from shared.kit.clock import Clock, SystemClock
from shared.kit.consumer import Consumer, GroupSettings
from shared.kit.database import Database
from shared.kit.health import Check, LagGauge, Status, health_router
from shared.kit.logging import configure_logging
from shared.kit.operations import Operations
from shared.kit.process import Service, Worker
from shared.kit.relay import OutboxSource, Relay
from shared.kit.schedule import Scheduler
from shared.kit.security import Gate
from shared.kit.settings import CommonSettings
from shared.kit.signals import Signal
from shared.kit.web import build_app

NAME = "notifier"
MIGRATIONS = Path(__file__).parent / "storage" / "migrations"


def database_url() -> str:
    """The address of notifier's database, from the environment."""
    return NotifierSettings().database_url or CommonSettings().service_database_url(NAME)


@asynccontextmanager
async def wire(*, has_worker: bool = True) -> AsyncIterator[Service]:
    """Build the service from the environment; raises `ValidationError` when a setting is missing or refused."""
    common, own = CommonSettings(), NotifierSettings()
    configure_logging(NAME, log_format=common.log_format, level=common.log_level)
    clock = SystemClock()
    database = Database(own.database_url or common.service_database_url(NAME))
    http = build_http(common.leads_url, common.service_token.get_secret_value())
    await database.open()
    try:
        sender = build_sender(own, database, LeadsClient(http), clock)
        worker, status = build_worker(common, database, sender, clock)
        checks: dict[str, Check] = {"database": database.ping}
        if has_worker:
            checks["consumers"] = worker.check
        app = build_web(common, database, clock, checks=checks, status=status)
        yield Service(NAME, own.host, own.port, app, worker if has_worker else None)
    finally:
        await http.aclose()
        await database.close()


def build_web(
    common: CommonSettings, database: Database, clock: Clock, *, checks: Mapping[str, Check], status: Status | None
) -> FastAPI:
    """The HTTP side."""
    gate = Gate(
        service=NAME,
        service_token=common.service_token.get_secret_value(),
        public_key=common.person_token_public_key,
    )
    app = build_app(
        title="Leadline notifier",
        gate=gate,
        routers=[routes.router, health_router(checks=checks, status=status)],
        translations=routes.REFUSALS,
    )
    app.state.database = database
    app.state.clock = clock
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


def build_consumers(database: Database, group: GroupSettings, handlers: Handlers) -> list[Consumer[Any]]:
    """What reads the topics of the business."""
    return [
        Consumer(
            service=NAME,
            topic=LEAD_EVENTS,
            decode=decode_lead_event,
            handle=handlers.on_lead_events,
            database=database,
            group=group,
        ),
        Consumer(
            service=NAME,
            topic=TEAM_MEMBERS,
            decode=decode_member,
            handle=handlers.on_members,
            database=database,
            group=group,
        ),
    ]


def build_worker(
    common: CommonSettings, database: Database, sender: NotificationSender, clock: Clock
) -> tuple[Worker, Status]:
    """Consumers, relay and loops, and the status that tells how far they are."""
    servers = common.kafka_bootstrap_servers
    broker, planned = Broker(servers), Signal()
    group = GroupSettings(
        instance=common.instance, session_timeout=timedelta(seconds=common.group_session_timeout_seconds)
    )
    consumers = build_consumers(database, group, Handlers(clock=clock, planned=planned))
    status = Status(service=NAME, database=database, broker=broker, consumers=consumers)
    operations = Operations(
        service=NAME,
        database=database,
        clock=clock,
        key=common.operations_key.get_secret_value(),
        status=status,
        consumers=consumers,
        operations={},
    )
    source = OutboxSource(published_by(NAME), database.committed)
    worker = Worker(
        service=NAME,
        bootstrap_servers=servers,
        consumers=[*consumers, operations.consumer(group)],
        relays=[Relay(source=source, database=database, bootstrap_servers=servers, service=NAME)],
        loops=[
            SendingLoop(sender, planned),
            AbandonedLoop(sender),
            Scheduler(jobs=[prune_job(database, source, common.time_zone)], database=database, clock=clock),
            LagGauge(broker, consumers),
        ],
    )
    return worker, status
