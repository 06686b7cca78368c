"""Doors in front of an app: endpoints that must be lean see none of FastAPI's machinery, which costs more than they."""

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Protocol

from prometheus_client import Histogram
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.kit import problems
from shared.kit.metrics import http_seconds


class Door(Protocol):
    """An endpoint with a path of its own, without parameters. It does its own limits, and refuses other methods."""

    @property
    def path(self) -> str:
        """The exact path."""
        ...

    async def answer(self, scope: Scope, receive: Receive) -> Response:
        """The answer to one request; what it raises becomes a problem document, as everywhere."""
        ...


class Front:
    """An ASGI app that answers at its doors by itself, and hands everything else to the app behind it.

    Requests at doors are measured and their errors answered in the same way as those of the app.
    """

    def __init__(
        self,
        app: ASGIApp,
        doors: Sequence[Door],
        translations: Mapping[type[Exception], problems.Translation],
    ) -> None:
        self._app = app
        self._doors = {door.path: door for door in doors}
        self._translations = translations
        # Looking a metric's labels up costs more than the measuring.
        self._seconds: dict[tuple[str, str, int], Histogram] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        door = self._doors.get(scope["path"]) if scope["type"] == "http" else None
        if door is None:
            await self._app(scope, receive, send)
            return
        started, status = perf_counter(), 500
        try:
            try:
                response = await door.answer(scope, receive)
            except Exception as error:
                response = problems.problem_of(error, door.path, self._translations).response()
            status = response.status_code
            await response(scope, receive, send)
        finally:
            self._measure(door.path, scope["method"], status).observe(perf_counter() - started)

    def _measure(self, path: str, method: str, status: int) -> Histogram:
        labels = (path, method, status)
        found = self._seconds.get(labels)
        if found is None:
            found = self._seconds[labels] = http_seconds.labels(*labels)
        return found
