"""The composition root: everything of leads, built from settings. Nothing connects at import."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from services.leads.clients.assignment import Assignment, AssignmentOverHttp, connect
from services.leads.domain.hand_over import HandOverPolicy
from services.leads.handlers import Handlers
from services.leads.routes import ROUTERS
from services.leads.routes.backend import Backend
from services.leads.routes.refusals import TRANSLATIONS
from services.leads.schedules import HandOverSweep, prune_job
from services.leads.settings import LeadsSettings
from shared.contracts.assignment import decode_assignment_event, decode_member
from shared.contracts.inquiries import decode_inquiry
from shared.contracts.topics import ASSIGNMENT_EVENTS, INQUIRIES, TEAM_MEMBERS, published_by
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
from shared.kit.web import build_app

NAME = "leads"
MIGRATIONS = Path(__file__).parent / "storage" / "migrations"


def database_url() -> str:
    """The address of leads' database, from the environment."""
    return LeadsSettings().database_url or CommonSettings().service_database_url(NAME)


@asynccontextmanager
async def wire(*, has_worker: bool = True) -> AsyncIterator[Service]:
    """Build the service from the environment; raises `ValidationError` when a setting is missing or refused."""
    common, own = CommonSettings(), LeadsSettings()
    configure_logging(NAME, log_format=common.log_format, level=common.log_level)
    clock = SystemClock()
    database = Database(own.database_url or common.service_database_url(NAME), pool_size=own.database_pool_size)
    http = connect(common.assignment_url, common.service_token.get_secret_value())
    await database.open()
    try:
        worker, status = build_worker(common, own, database, clock)
        checks: dict[str, Check] = {"database": database.ping}
        if has_worker:
            checks["consumers"] = worker.check
        app = build_web(common, own, database, clock, AssignmentOverHttp(http), checks=checks, status=status)
        yield Service(NAME, own.host, own.port, app, worker if has_worker else None)
    finally:
        await http.aclose()
        await database.close()


def build_web(
    common: CommonSettings,
    own: LeadsSettings,
    database: Database,
    clock: Clock,
    assignment: Assignment,
    *,
    checks: Mapping[str, Check],
    status: Status | None,
) -> FastAPI:
    """The HTTP side."""
    gate = Gate(
        service=NAME,
        service_token=common.service_token.get_secret_value(),
        public_key=common.person_token_public_key,
    )
    app = build_app(
        title="Leadline leads",
        gate=gate,
        routers=[*ROUTERS, health_router(checks=checks, status=status)],
        translations=TRANSLATIONS,
    )
    app.state.backend = Backend(
        database=database,
        clock=clock,
        time_zone=common.time_zone,
        privacy_key=common.privacy_key.get_secret_value(),
        assignment=assignment,
        default_region=own.default_region,
        hand_over=hand_over_policy(own),
    )
    return app


def hand_over_policy(own: LeadsSettings) -> HandOverPolicy:
    """How patiently leads waits for an owner."""
    return HandOverPolicy(
        first=timedelta(seconds=own.hand_over_seconds), longest=timedelta(seconds=own.hand_over_longest_seconds)
    )


def build_consumers(
    common: CommonSettings, own: LeadsSettings, database: Database, clock: Clock
) -> list[Consumer[Any]]:
    """Inquiries, decisions and the team, each in a group of its own."""
    handlers = Handlers(clock, hand_over_policy(own))
    group = group_settings(common, own)
    return [
        Consumer(
            service=NAME,
            topic=INQUIRIES,
            decode=decode_inquiry,
            handle=handlers.on_inquiries,
            database=database,
            group=group,
        ),
        Consumer(
            service=NAME,
            topic=ASSIGNMENT_EVENTS,
            decode=decode_assignment_event,
            handle=handlers.on_assignment_events,
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


def group_settings(common: CommonSettings, own: LeadsSettings) -> GroupSettings:
    """How leads' consumer groups behave."""
    return GroupSettings(
        instance=common.instance,
        session_timeout=timedelta(seconds=common.group_session_timeout_seconds),
        max_records=own.batch_size,
    )


def build_worker(common: CommonSettings, own: LeadsSettings, database: Database, clock: Clock) -> tuple[Worker, Status]:
    """Consumers, relay and sweeps, and the status that tells how far they are."""
    broker = Broker(common.kafka_bootstrap_servers)
    consumers = build_consumers(common, own, database, clock)
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
    relay = Relay(source=source, database=database, bootstrap_servers=common.kafka_bootstrap_servers, service=NAME)
    worker = Worker(
        service=NAME,
        bootstrap_servers=common.kafka_bootstrap_servers,
        consumers=[*consumers, operations.consumer(group_settings(common, own))],
        relays=[relay],
        loops=[
            HandOverSweep(database, clock, hand_over_policy(own)),
            Scheduler(jobs=[prune_job(database, source, clock, common.time_zone)], database=database, clock=clock),
            LagGauge(broker, consumers),
        ],
    )
    return worker, status
