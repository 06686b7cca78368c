"""The HTTP side that all services share: one way to build an app, limits before parsing, errors as problems."""

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI
from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.kit import problems
from shared.kit.metrics import http_seconds
from shared.kit.problems import Problem
from shared.kit.security import Gate

BODY_LIMIT = 1_048_576


class WriteModel(BaseModel):
    """What a client may write: unknown fields are refused, and so is text that Postgres cannot store."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        if isinstance(value, dict):
            for name, item in value.items():
                # First the name, because it will be part of any message.
                _require_storable("the name of a field", name)
                _require_storable(str(name), item)
        return value


def _require_storable(place: str, value: Any, depth: int = 0) -> None:
    if depth > 32:
        raise ValueError(f"{place} is nested deeper than 32 levels")
    if isinstance(value, str):
        if "\x00" in value:
            raise ValueError(f"{place} holds a NUL character")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{place} holds half of a surrogate pair") from None
    elif isinstance(value, dict):
        for name, item in value.items():
            _require_storable(place, name, depth + 1)
            _require_storable(f"{place}.{name}", item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _require_storable(place, item, depth + 1)


def _query_text(value: str) -> str:
    _require_storable("the text", value)
    return value


QueryText = Annotated[str, AfterValidator(_query_text)]
"""Text in a query string or path that may go to Postgres."""


class BodyLimit:
    """ASGI middleware that answers 413 as soon as a body passes its limit, also without Content-Length."""

    def __init__(self, app: ASGIApp, limit: int = BODY_LIMIT) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a counting `receive`."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received = 0

        async def counting() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                # Not a Problem: FastAPI turns what is no HTTPException into a 400 while it reads a body.
                raise HTTPException(413, f"The body is larger than {self._limit} bytes.")
            return message

        await self._app(scope, counting, send)


class TokenFirst:
    """ASGI middleware that answers 401 on `/rest/` before anything of a body is read or parsed."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its caller in the request's state, or refuse it."""
        if scope["type"] == "http" and scope["path"].startswith("/rest/"):
            headers = dict(scope["headers"])
            try:
                caller = self._gate.authenticate(headers.get(b"authorization", b"").decode("latin-1"))
            except Problem as problem:
                await problem.response()(scope, receive, send)
                return
            scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send)


class Timing:
    """ASGI middleware that measures each request under its route, not its path, which may hold ids."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Time one request from its first byte to the end of its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = perf_counter(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            http_seconds.labels(route, scope["method"], status).observe(perf_counter() - started)


def build_app(
    *,
    title: str,
    gate: Gate,
    routers: Sequence[APIRouter],
    edge: Sequence[BaseRoute] = (),
    translations: Mapping[type[Exception], problems.Translation] | None = None,
    body_limit: int = BODY_LIMIT,
) -> FastAPI:
    """A service's app.

    `edge` routes are matched first and see none of FastAPI's machinery, for endpoints that must be lean; they do
    their own limits. Interactive docs are off, since their page loads scripts from elsewhere; /openapi.json is on.
    """
    app = FastAPI(title=title, docs_url=None, redoc_url=None)
    app.state.gate = gate
    app.router.routes[:0] = edge
    for router in routers:
        app.include_router(router)
    problems.install(app, translations or {})
    app.add_middleware(BodyLimit, limit=body_limit)
    app.add_middleware(TokenFirst, gate=gate)
    app.add_middleware(Timing)
    return app
