"""Read the status page: everything at once, nothing longer than a second."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from services.console.clients.services import Reply, ServicesClient, Unanswered
from services.console.domain.accounts import Person
from services.console.domain.overview import (
    Equation,
    Items,
    Lead,
    Member,
    Notification,
    Overview,
    Panel,
    Progress,
    QueuedLead,
    ServiceHealth,
    read_failures,
)
from shared.kit.clock import Clock

M = TypeVar("M", bound=BaseModel)

_HEALTH_SECONDS = 4.0


class OverviewReader:
    """Asks all services side by side.

    Health is read once in 4 s for everybody who looks, since telling its lag costs a service several connections.
    """

    def __init__(self, services: ServicesClient, clock: Clock) -> None:
        self._services = services
        self._clock = clock
        self._lock = asyncio.Lock()
        self._health: Sequence[ServiceHealth] = ()
        self._health_until = float("-inf")

    async def read(self, person: Person | None) -> Overview:
        """The page as this person may see it."""
        ask = self._services.ask
        latest = {"sort": "-created_at", "limit": "12"}
        health, equation, leads, team, queue, notifications = await asyncio.gather(
            self._read_health(),
            ask(person, "intake", "/rest/receipts/summary", Equation),
            ask(person, "leads", "/rest/leads", Items[Lead], latest),
            ask(person, "assignment", "/rest/team", Items[Member], {"limit": "200"}),
            ask(person, "assignment", "/rest/assignments", Items[QueuedLead], {"queued": "true", "limit": "10"}),
            ask(person, "notifier", "/rest/notifications", Items[Notification], {"limit": "10"}),
        )
        return Overview(
            now=self._clock.now(),
            services=health,
            equation=panel(equation),
            leads=panel(leads),
            team=panel(team),
            queue=panel(queue),
            notifications=panel(notifications),
        )

    async def _read_health(self) -> Sequence[ServiceHealth]:
        async with self._lock:
            if time.monotonic() >= self._health_until:
                self._health = await asyncio.gather(*(self._read_service(name) for name in self._services.urls))
                self._health_until = time.monotonic() + _HEALTH_SECONDS
            return self._health

    async def _read_service(self, name: str) -> ServiceHealth:
        ready, progress = await asyncio.gather(self._ready(name), self._progress(name))
        word, problem = ready
        if problem is None and progress is None and word == "ready":
            problem = "its progress is not told"
        return ServiceHealth(name, word, problem, progress)

    async def _ready(self, name: str) -> tuple[str, str | None]:
        try:
            status, ready = await self._services.get_health(name, "ready")
        except Unanswered as problem:
            text = str(problem)
            return "away", None if text == "away" else text
        return ("ready", None) if status == 200 else ("not ready", read_failures(ready))

    async def _progress(self, name: str) -> Progress | None:
        try:
            status, progress = await self._services.get_health(name, "status")
            return Progress.model_validate(progress) if status == 200 else None
        except (Unanswered, ValidationError):
            return None


def panel(reply: Reply[Any]) -> Panel[Any]:
    """A reply as a part of a page."""
    return Panel(reply.value, reply.problem)
