"""Read the status page: everything at once, nothing longer than a second."""

import asyncio
import time
from datetime import timedelta
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from services.console.clients.services import AWAY, Reply, ServicesClient, Unanswered
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
    Total,
    read_failures,
)
from shared.contracts.words import Role
from shared.kit.clock import Clock

M = TypeVar("M", bound=BaseModel)

_ASK_EVERY = 4.0
_PATIENCE = 0.5
_LONGEST = 15.0
_KNOWN_FOR = 30.0
# A message is settled within a second or so; what takes longer than this is stuck, or waits for somebody who is away.
_OVERDUE = timedelta(minutes=1)
_IN_FLIGHT = ("received", "published")


class OverviewReader:
    """Asks all services side by side."""

    def __init__(self, services: ServicesClient, clock: Clock) -> None:
        self._services = services
        self._clock = clock
        self._progress = {name: _ProgressReader(services, name) for name in services.urls}

    async def read(self, person: Person | None) -> Overview:
        """The page as this person may see it."""
        ask = self._services.ask
        latest = {"sort": "-created_at", "limit": "12"}
        health, (equation, overdue), leads, team, queue, notifications = await asyncio.gather(
            asyncio.gather(*(self._read_service(name) for name in self._services.urls)),
            asyncio.gather(ask(person, "intake", "/rest/receipts/summary", Equation), self._count_overdue(person)),
            ask(person, "leads", "/rest/leads", Items[Lead], latest),
            ask(person, "assignment", "/rest/team", Items[Member], {"limit": "200"}),
            ask(person, "assignment", "/rest/assignments", Items[QueuedLead], {"queued": "true", "limit": "10"}),
            ask(person, "notifier", "/rest/notifications", Items[Notification], {"limit": "10"}),
        )
        return Overview(
            now=self._clock.now(),
            services=health,
            equation=panel(equation),
            overdue=overdue,
            leads=panel(leads),
            team=panel(team),
            queue=panel(queue),
            notifications=panel(notifications),
        )

    async def _count_overdue(self, person: Person | None) -> int | None:
        """How many receipts have been in flight for more than a minute; salespeople may not ask."""
        if person is None or person.role is Role.SALESPERSON:
            return None
        before = {"received_to": (self._clock.now() - _OVERDUE).isoformat(), "limit": "1"}
        replies = await asyncio.gather(
            *(
                self._services.ask(person, "intake", "/rest/receipts", Total, {"state": state, **before})
                for state in _IN_FLIGHT
            )
        )
        totals = [reply.value.total for reply in replies if reply.value is not None]
        return sum(totals) if len(totals) == len(_IN_FLIGHT) else None

    async def _read_service(self, name: str) -> ServiceHealth:
        (word, problem), progress = await asyncio.gather(self._ready(name), self._progress[name].read())
        return ServiceHealth(name, word, problem, progress)

    async def _ready(self, name: str) -> tuple[str, str | None]:
        try:
            status, ready = await self._services.get_health(name, "ready")
        except Unanswered as problem:
            text = str(problem)
            return "away", None if text == AWAY else text
        return ("ready", None) if status == 200 else ("not ready", read_failures(ready))


class _ProgressReader:
    """Knows how far a service is, some seconds ago.

    To tell its lag a service asks Kafka several times, which lasts: it is asked at most once in 4 s for everybody
    who looks, and a page waits half a second for the answer, then shows the one before.
    """

    def __init__(self, services: ServicesClient, name: str) -> None:
        self._services = services
        self._name = name
        self._asking: asyncio.Task[None] | None = None
        self._asked_at = float("-inf")
        self._known_at = float("-inf")
        self._known: Progress | None = None

    async def read(self) -> Progress | None:
        """The latest progress, or None when it was not told for half a minute."""
        if (self._asking is None or self._asking.done()) and time.monotonic() - self._asked_at >= _ASK_EVERY:
            self._asked_at = time.monotonic()
            self._asking = asyncio.create_task(self._ask())
        if self._asking is not None:
            await asyncio.wait([self._asking], timeout=_PATIENCE)
        return self._known if time.monotonic() - self._known_at < _KNOWN_FOR else None

    async def _ask(self) -> None:
        try:
            status, progress = await self._services.get_health(self._name, "status", _LONGEST)
            if status == 200:
                self._known, self._known_at = Progress.model_validate(progress), time.monotonic()
        except (Unanswered, ValidationError):
            return


def panel(reply: Reply[Any]) -> Panel[Any]:
    """A reply as a part of a page."""
    return Panel(reply.value, reply.problem)
