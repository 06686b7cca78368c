"""The composition root: everything of assignment, built from settings. Nothing connects at import."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI

from services.assignment import handlers
from services.assignment.routes import ROUTERS, TRANSLATIONS
from services.assignment.routes.backend import Backend
from services.assignment.schedules import HandoverSweep, QueueSweep
from services.assignment.settings import AssignmentSettings
from services.assignment.use_cases.apply_lead_events import RELEVANT
from shared.contracts.events import decoder
from shared.contracts.topics import LEAD_EVENTS
from shared.kit.assembly import Assembly, assembling
from shared.kit.consumer import Consumer
from shared.kit.health import Status
from shared.kit.process import Service, Worker
from shared.kit.web import build_app

NAME = "assignment"
MIGRATIONS = Path(__file__).parent / "storage" / "migrations"


def database_url() -> str:
    """The address of assignment's database, from the environment."""
    return AssignmentSettings().database(NAME)


@asynccontextmanager
async def wire(*, has_worker: bool = True) -> AsyncIterator[Service]:
    """Build the service from the environment; raises `ValidationError` when a setting is missing or refused."""
    own = AssignmentSettings()
    async with assembling(NAME, own) as assembly:
        worker, status = build_worker(assembly, own)
        running = worker if has_worker else None
        health = assembly.health(running, status)
        yield Service(NAME, own.host, own.port, build_web(assembly, health), running, health)


def build_web(assembly: Assembly, health: APIRouter) -> FastAPI:
    """The HTTP side."""
    app = build_app(
        title="Leadline assignment",
        gate=assembly.gate(),
        routers=[*ROUTERS, health],
        translations=TRANSLATIONS,
    )
    app.state.backend = Backend(assembly.database, assembly.clock, assembly.common.time_zone.key)
    return app


def build_worker(assembly: Assembly, own: AssignmentSettings) -> tuple[Worker, Status]:
    """The reader of what happens to leads, and the sweeps."""
    database, clock = assembly.database, assembly.clock
    return assembly.worker(
        [build_consumer(assembly)],
        loops=[
            QueueSweep(database, clock, timedelta(seconds=own.queue_sweep_seconds)),
            HandoverSweep(database, clock, timedelta(seconds=own.handover_sweep_seconds)),
        ],
    )


def build_consumer(assembly: Assembly) -> Consumer[Any]:
    """The reader of what happens to leads."""
    return assembly.consumer(LEAD_EVENTS, decoder(RELEVANT), partial(handlers.on_lead_events, assembly.clock))
