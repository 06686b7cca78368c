"""The composition root: everything of intake, built from settings. Nothing connects at import."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from fastapi import FastAPI
from starlette.routing import BaseRoute

from services.intake import handlers
from services.intake.routes import ROUTERS, TRANSLATIONS
from services.intake.routes.backend import Backend
from services.intake.routes.bodies import LIMIT
from services.intake.routes.public_forms import PublicForms
from services.intake.routes.webhooks import Webhook
from services.intake.schedules import EquationGauge, SilenceSweep, housekeeping
from services.intake.settings import IntakeSettings, app_secrets
from services.intake.storage.receipt_writer import ReceiptWriter
from services.intake.use_cases.publish_receipts import ReceiptSource
from services.intake.use_cases.receive_delivery import ReceiveDelivery, Stamp
from services.intake.use_cases.republish_receipts import RepublishReceipts
from services.intake.use_cases.submit_form import SubmitForm
from shared.contracts.inquiries import InquirySettled, decode_settlement
from shared.contracts.topics import OPS_RESULTS, SETTLEMENTS, dead_letter_topics
from shared.contracts.words import Channel
from shared.kit.broker import Broker
from shared.kit.clock import Clock, SystemClock
from shared.kit.consumer import Consumer, GroupSettings
from shared.kit.database import Database
from shared.kit.health import Check, LagGauge, Status, health_router
from shared.kit.logging import configure_logging
from shared.kit.operations import Operations
from shared.kit.process import Service, Worker
from shared.kit.relay import OutboxSource, Relay, RelaySource
from shared.kit.schedule import Scheduler
from shared.kit.security import Gate
from shared.kit.settings import CommonSettings
from shared.kit.web import build_app

NAME = "intake"
MIGRATIONS = Path(__file__).parent / "storage" / "migrations"
# Settling is one statement for any number of receipts; bigger batches cost less each.
_SETTLEMENTS_AT_ONCE = 1000


def database_url() -> str:
    """The address of intake's database, from the environment."""
    return IntakeSettings().database_url or CommonSettings().service_database_url(NAME)


@asynccontextmanager
async def wire(*, has_worker: bool = True) -> AsyncIterator[Service]:
    """Build the service from the environment; raises `ValidationError` when a setting is missing or refused."""
    common, own = CommonSettings(), IntakeSettings()
    configure_logging(NAME, log_format=common.log_format, level=common.log_level)
    database = Database(
        own.database_url or common.service_database_url(NAME),
        pool_size=own.database_pool_size,
    )
    await database.open()
    try:
        stamp = Stamp(SystemClock(), common.time_zone, common.privacy_key.get_secret_value())
        worker, status = build_worker(common, own, database, stamp)
        # An API needs its database only: webhooks are taken while Kafka is down.
        checks: dict[str, Check] = {"database": database.ping}
        if has_worker:
            checks["consumers"] = worker.check
        app = build_web(common, own, database, stamp, checks=checks, status=status)
        yield Service(NAME, own.host, own.port, app, worker if has_worker else None)
    finally:
        await database.close()


def build_web(
    common: CommonSettings,
    own: IntakeSettings,
    database: Database,
    stamp: Stamp,
    *,
    checks: dict[str, Check],
    status: Status | None,
) -> FastAPI:
    """The HTTP side: the public edge in front, REST behind it."""
    gate = Gate(
        service=NAME,
        service_token=common.service_token.get_secret_value(),
        public_key=common.person_token_public_key,
    )
    app = build_app(
        title="Leadline intake",
        gate=gate,
        routers=[*ROUTERS, health_router(checks=checks, status=status)],
        edge=build_edge(own, database, stamp),
        translations=TRANSLATIONS,
        body_limit=LIMIT,
    )
    app.state.backend = Backend(database, stamp.clock)
    return app


def build_edge(own: IntakeSettings, database: Database, stamp: Stamp) -> list[BaseRoute]:
    """The public routes; both webhooks share one writer and with it each other's commits."""
    writer = ReceiptWriter(database)
    whatsapp = Webhook(
        "/webhooks/whatsapp",
        ReceiveDelivery(Channel.WHATSAPP, stamp, writer),
        app_secrets(own.whatsapp_app_secret),
        own.whatsapp_verify_token.get_secret_value().encode(),
    )
    messenger = Webhook(
        "/webhooks/messenger",
        ReceiveDelivery(Channel.MESSENGER, stamp, writer),
        app_secrets(own.messenger_app_secret),
        own.messenger_verify_token.get_secret_value().encode(),
    )
    forms = PublicForms(database, SubmitForm(stamp, database))
    return [*whatsapp.routes(), *messenger.routes(), *forms.routes()]


def build_worker(
    common: CommonSettings, own: IntakeSettings, database: Database, stamp: Stamp
) -> tuple[Worker, Status]:
    """Relays, consumers and sweeps, and the status that tells how far they are."""
    clock: Clock = stamp.clock
    broker = Broker(common.kafka_bootstrap_servers)
    session_timeout = timedelta(seconds=common.group_session_timeout_seconds)
    group = GroupSettings(instance=common.instance, session_timeout=session_timeout)
    settlements = Consumer[InquirySettled](
        service=NAME,
        topic=SETTLEMENTS,
        decode=decode_settlement,
        handle=handlers.on_settlements,
        database=database,
        group=GroupSettings(
            instance=common.instance, session_timeout=session_timeout, max_records=_SETTLEMENTS_AT_ONCE
        ),
    )
    status = Status(service=NAME, database=database, broker=broker, consumers=[settlements])
    operations = Operations(
        service=NAME,
        database=database,
        clock=clock,
        key=common.operations_key.get_secret_value(),
        status=status,
        consumers=[settlements],
        operations={"receipts.replay": handlers.on_replay_command},
    )
    own_dead_letters = [topic for topic in dead_letter_topics() if topic.producer == NAME]
    source = OutboxSource([OPS_RESULTS, *own_dead_letters], database.committed)
    sources: list[RelaySource] = [ReceiptSource(stamp, database.committed), source]
    worker = Worker(
        service=NAME,
        bootstrap_servers=common.kafka_bootstrap_servers,
        consumers=[settlements, operations.consumer(group)],
        relays=[
            Relay(
                source=one,
                database=database,
                bootstrap_servers=common.kafka_bootstrap_servers,
                service=NAME,
            )
            for one in sources
        ],
        loops=[
            SilenceSweep(RepublishReceipts(database, broker), timedelta(seconds=own.sweep_seconds)),
            EquationGauge(database),
            Scheduler(jobs=[housekeeping(database, source)], database=database, clock=clock),
            LagGauge(broker, [settlements]),
        ],
    )
    return worker, status
