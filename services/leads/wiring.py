"""The composition root: everything of leads, built from settings. Nothing connects at import."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from fastapi import APIRouter, FastAPI

from services.leads.clients.assignment import Assignment, AssignmentOverHttp, connect
from services.leads.domain.hand_over import HandOverPolicy
from services.leads.handlers import Handlers
from services.leads.routes import ROUTERS
from services.leads.routes.backend import Backend
from services.leads.routes.refusals import TRANSLATIONS
from services.leads.schedules import HandOverSweep, ParkedSweep, TellingSweep
from services.leads.settings import LeadsSettings
from services.leads.storage.answers import prune_answers
from services.leads.storage.form_drafts import prune_drafts
from services.leads.storage.updates import prune_parked
from shared.contracts.assignment import decode_assignment_event, decode_member
from shared.contracts.inquiries import decode_inquiry
from shared.contracts.notifications import decode_notification
from shared.contracts.topics import ASSIGNMENT_EVENTS, INQUIRIES, NOTIFIER_EVENTS, TEAM_MEMBERS
from shared.kit.assembly import Assembly, assembling
from shared.kit.health import Status
from shared.kit.process import Service, Worker
from shared.kit.web import build_app

NAME = "leads"
MIGRATIONS = Path(__file__).parent / "storage" / "migrations"
# Much longer than a form can be gone on with: nothing of it is in transit any more.
_DRAFTS_KEPT = timedelta(days=60)
# How long a client may ask again with the same Idempotency-Key.
_ANSWERS_KEPT = timedelta(days=7)
# Platforms deliver again for a week; what has not come a month later comes no more.
_UPDATES_WAIT = timedelta(days=30)


def database_url() -> str:
    """The address of leads' database, from the environment."""
    return LeadsSettings().database(NAME)


@asynccontextmanager
async def wire(*, has_worker: bool = True) -> AsyncIterator[Service]:
    """Build the service from the environment; raises `ValidationError` when a setting is missing or refused."""
    own = LeadsSettings()
    async with assembling(NAME, own) as assembly:
        http = connect(assembly.common.assignment_url, assembly.common.service_token.get_secret_value())
        try:
            worker, status = build_worker(assembly, own)
            running = worker if has_worker else None
            health = assembly.health(running, status)
            app = build_web(assembly, own, AssignmentOverHttp(http), health)
            yield Service(NAME, own.host, own.port, app, running, health)
        finally:
            await http.aclose()


def build_web(
    assembly: Assembly,
    own: LeadsSettings,
    assignment: Assignment,
    health: APIRouter,
) -> FastAPI:
    """The HTTP side."""
    app = build_app(
        title="Leadline leads",
        gate=assembly.gate(),
        routers=[*ROUTERS, health],
        translations=TRANSLATIONS,
    )
    app.state.backend = Backend(
        database=assembly.database,
        clock=assembly.clock,
        time_zone=assembly.common.time_zone,
        privacy_key=assembly.common.privacy_key.get_secret_value(),
        assignment=assignment,
        default_region=own.default_region,
        hand_over=hand_over_policy(own),
    )
    return app


def build_worker(assembly: Assembly, own: LeadsSettings) -> tuple[Worker, Status]:
    """Inquiries, decisions, the team and what was told, each in a group of its own, and the sweeps."""
    policy, clock = hand_over_policy(own), assembly.clock
    handlers = Handlers(clock, policy)
    size = own.batch_size
    return assembly.worker(
        [
            assembly.consumer(
                INQUIRIES,
                decode_inquiry,
                handlers.on_inquiries,
                max_records=size,
                lanes=own.lanes,
                on_put_aside=handlers.on_inquiry_put_aside,
            ),
            assembly.consumer(
                ASSIGNMENT_EVENTS, decode_assignment_event, handlers.on_assignment_events, max_records=size
            ),
            assembly.consumer(TEAM_MEMBERS, decode_member, handlers.on_members, max_records=size),
            assembly.consumer(NOTIFIER_EVENTS, decode_notification, handlers.on_notifications, max_records=size),
        ],
        loops=[
            HandOverSweep(assembly.database, clock, policy),
            TellingSweep(assembly.database, clock),
            ParkedSweep(assembly.database, clock, policy),
        ],
        prunes=[
            lambda connection: prune_answers(connection, clock.now() - _ANSWERS_KEPT),
            lambda connection: prune_parked(connection, clock.now() - _UPDATES_WAIT),
            lambda connection: prune_drafts(connection, clock.now() - _DRAFTS_KEPT),
        ],
    )


def hand_over_policy(own: LeadsSettings) -> HandOverPolicy:
    """How patiently leads waits for an owner."""
    return HandOverPolicy(
        first=timedelta(seconds=own.hand_over_seconds), longest=timedelta(seconds=own.hand_over_longest_seconds)
    )
