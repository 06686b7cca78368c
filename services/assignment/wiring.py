"""The composition root: everything of assignment, built from settings. Nothing connects at import."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from services.assignment import handlers
from services.assignment.routes import ROUTERS, TRANSLATIONS
from services.assignment.routes.backend import Backend
from services.assignment.schedules import HandoverSweep, QueueSweep, housekeeping
from services.assignment.settings import AssignmentSettings
from shared.contracts.leads import LeadEvent, decode_lead_event
from shared.contracts.topics import LEAD_EVENTS, published_by
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

NAME = "assignment"
MIGRATIONS = Path(__file__).parent / "storage" / "migrations"


def database_url() -> str:
    """The address of assignment's database, from the environment."""
    return AssignmentSettings().database_url or CommonSettings().service_database_url(NAME)


@asynccontextmanager
async def wire(*, has_worker: bool = True) -> AsyncIterator[Service]:
    """Build the service from the environment; raises `ValidationError` when a setting is missing or refused."""
    common, own = CommonSettings(), AssignmentSettings()
    configure_logging(NAME, log_format=common.log_format, level=common.log_level)
    clock = SystemClock()
    database = Database(
        own.database_url or common.service_database_url(NAME),
        pool_size=own.database_pool_size,
    )
    await database.open()
    try:
        worker, status = build_worker(common, own, database, clock)
        checks: dict[str, Check] = {"database": database.ping}
        if has_worker:
            checks["consumers"] = worker.check
        app = build_web(common, database, clock, checks=checks, status=status)
        yield Service(NAME, own.host, own.port, app, worker if has_worker else None)
    finally:
        await database.close()


def build_web(
    common: CommonSettings, database: Database, clock: Clock, *, checks: dict[str, Check], status: Status | None
) -> FastAPI:
    """The HTTP side."""
    gate = Gate(
        service=NAME,
        service_token=common.service_token.get_secret_value(),
        public_key=common.person_token_public_key,
    )
    app = build_app(
        title="Leadline assignment",
        gate=gate,
        routers=[*ROUTERS, health_router(checks=checks, status=status)],
        translations=TRANSLATIONS,
    )
    app.state.backend = Backend(database, clock, common.time_zone.key)
    return app


def build_worker(
    common: CommonSettings, own: AssignmentSettings, database: Database, clock: Clock
) -> tuple[Worker, Status]:
    """Consumers, relay and sweeps, and the status that tells how far they are."""
    broker = Broker(common.kafka_bootstrap_servers)
    lead_events = build_consumer(common, database, clock)
    status = Status(service=NAME, database=database, broker=broker, consumers=[lead_events])
    operations = Operations(
        service=NAME,
        database=database,
        clock=clock,
        key=common.operations_key.get_secret_value(),
        status=status,
        consumers=[lead_events],
        operations={},
    )
    source = OutboxSource(published_by(NAME), database.committed)
    relay = Relay(source=source, database=database, bootstrap_servers=common.kafka_bootstrap_servers, service=NAME)
    worker = Worker(
        service=NAME,
        bootstrap_servers=common.kafka_bootstrap_servers,
        consumers=[lead_events, operations.consumer(group_settings(common))],
        relays=[relay],
        loops=[
            QueueSweep(database, clock, timedelta(seconds=own.queue_sweep_seconds)),
            HandoverSweep(database, clock, timedelta(seconds=own.handover_sweep_seconds)),
            Scheduler(jobs=[housekeeping(database, source)], database=database, clock=clock),
            LagGauge(broker, [lead_events]),
        ],
    )
    return worker, status


def build_consumer(common: CommonSettings, database: Database, clock: Clock) -> Consumer[LeadEvent]:
    """The reader of what happens to leads."""
    return Consumer(
        service=NAME,
        topic=LEAD_EVENTS,
        decode=decode_lead_event,
        handle=partial(handlers.on_lead_events, clock),
        database=database,
        group=group_settings(common),
    )


def group_settings(common: CommonSettings) -> GroupSettings:
    """How assignment's consumer groups behave."""
    session_timeout = timedelta(seconds=common.group_session_timeout_seconds)
    return GroupSettings(instance=common.instance, session_timeout=session_timeout)
