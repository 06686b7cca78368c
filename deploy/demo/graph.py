"""A small Graph API on this machine, as far as Leadline asks it: for the demo and for tests."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import secrets
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Any, Final, Self

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.local.ports import require_free

_HANG_SECONDS: Final = 60.0


class Fault(Enum):
    """What may go wrong once, by status and code. One that is busy wants to be left alone for 4 s."""

    PERMISSION = (400, 200)
    EXPIRED = (401, 190)
    BUSY = (400, 4)
    AWAY = (500, 2)
    HANG = (0, 0)


@dataclass(frozen=True, slots=True)
class Known:
    """An account that the fake knows: whose token may read it, and the app's secret that proves it."""

    account_id: str
    token: str
    app_secret: str


@dataclass
class FakeGraph:
    """An async context manager that serves on a port of loopback.

    `fail` makes the next requests for an id go wrong. `asked` has the paths in the order in which they were asked.
    """

    port: int
    asked: list[str] = field(default_factory=list)
    subscribed: dict[str, dict[str, str]] = field(default_factory=dict)
    _accounts: dict[str, Known] = field(default_factory=dict)
    _objects: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    _files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    _faults: dict[str, deque[Fault]] = field(default_factory=lambda: defaultdict(deque))

    @property
    def url(self) -> str:
        """What INTAKE_GRAPH_URL must be."""
        return f"http://127.0.0.1:{self.port}"

    def add_account(self, account_id: str, token: str, app_secret: str, *others: str) -> None:
        """Let a token see an account, and others that go with it such as its business account or its app."""
        for one in (account_id, *others):
            self._accounts[one] = Known(one, token, app_secret)
            self._objects[one] = (one, {"id": one})

    def add_lead(self, leadgen_id: str, page_id: str, answers: dict[str, str], **more: Any) -> None:
        """Keep what somebody filled into a lead form of a page."""
        data = [{"name": name, "values": [value]} for name, value in answers.items()]
        lead = {"id": leadgen_id, "created_time": "2026-11-20T12:00:00+0000", "field_data": data, **more}
        self._objects[leadgen_id] = (page_id, lead)

    def add_media(self, media_id: str, account_id: str, content: bytes, mime_type: str) -> None:
        """Keep a file that somebody sent to an account, as the Cloud API does."""
        url = self.add_file(content, mime_type)
        media = {"id": media_id, "mime_type": mime_type, "sha256": hashlib.sha256(content).hexdigest()}
        self._objects[media_id] = (account_id, media | {"file_size": len(content), "url": url})

    def add_file(self, content: bytes, mime_type: str) -> str:
        """Keep a file and return its address, as they stand in Messenger's deliveries."""
        name = secrets.token_hex(8)
        self._files[name] = (mime_type, content)
        return f"{self.url}/files/{name}"

    def fail(self, object_id: str, *faults: Fault) -> None:
        """Answer the next requests for this id with these faults, one after the other."""
        self._faults[object_id].extend(faults)

    async def __aenter__(self) -> Self:
        # uvicorn would end the whole process.
        require_free(self.port, "the Graph API of the demo", "LEADLINE_GRAPH_PORT")
        app = Starlette(
            routes=[
                Route("/files/{name}", self._file),
                Route("/{version}/{object_id}", self._read),
                Route("/{version}/{object_id}/subscribed_apps", self._subscriptions, methods=["GET", "POST"]),
                Route("/{version}/{app_id}/subscriptions", self._enter_callback, methods=["POST"]),
            ]
        )
        config = uvicorn.Config(
            app, host="127.0.0.1", port=self.port, log_config=None, access_log=False, lifespan="off"
        )
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve())
        while not self._server.started:
            await asyncio.sleep(0.01)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = self._server.force_exit = True
        await self._serving

    async def _read(self, request: Request) -> Response:
        object_id = request.path_params["object_id"]
        owner, found = self._objects.get(object_id, ("", None))
        if refusal := await self._refusal(request, object_id, owner):
            return refusal
        return JSONResponse(found)

    async def _subscriptions(self, request: Request) -> Response:
        object_id = request.path_params["object_id"]
        if refusal := await self._refusal(request, object_id, object_id):
            return refusal
        if request.method == "GET":
            return JSONResponse({"data": [self.subscribed[object_id]] if object_id in self.subscribed else []})
        asked = {name: str(value) for name, value in (await request.form()).items()}
        callback = asked.get("override_callback_uri")
        if callback and not await _shakes_hands(callback, asked.get("verify_token", "")):
            return _error(400, 2200)
        self.subscribed[object_id] = {"id": object_id, "fields": asked.get("subscribed_fields", "messages")}
        return JSONResponse({"success": True})

    async def _enter_callback(self, request: Request) -> Response:
        app_id = request.path_params["app_id"]
        self.asked.append(f"{app_id}/subscriptions")
        known = self._accounts.get(app_id)
        if known is None or _token_of(request) != f"{app_id}|{known.app_secret}":
            return _error(401, 190)
        asked = await request.form()
        shaken = await _shakes_hands(str(asked["callback_url"]), str(asked["verify_token"]))
        return JSONResponse({"success": True}) if shaken else _error(400, 2200)

    async def _file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if fault := self._next_fault(name):
            return await _answer(fault)
        if name not in self._files:
            return Response(status_code=404)
        mime_type, content = self._files[name]
        return Response(content, media_type=mime_type)

    async def _refusal(self, request: Request, object_id: str, owner: str) -> Response | None:
        self.asked.append(request.url.path.partition("/")[2].partition("/")[2])
        if fault := self._next_fault(object_id):
            return await _answer(fault)
        known = self._accounts.get(owner)
        if known is None:
            return _error(400, 100, 33)
        if not hmac.compare_digest(_token_of(request), known.token):
            return _error(401, 190)
        given = dict(request.query_params) | (dict(await request.form()) if request.method == "POST" else {})
        proof = hmac.new(known.app_secret.encode(), known.token.encode(), hashlib.sha256).hexdigest()
        return None if given.get("appsecret_proof") == proof else _error(400, 100)

    def _next_fault(self, object_id: str) -> Fault | None:
        waiting = self._faults[object_id]
        return waiting.popleft() if waiting else None


class _Server(uvicorn.Server):
    """uvicorn in somebody else's event loop, which has its own way with signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _token_of(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


async def _answer(fault: Fault) -> Response:
    status, code = fault.value
    if fault is Fault.HANG:
        await asyncio.sleep(_HANG_SECONDS)
    answer = _error(status or 500, code)
    if fault is Fault.BUSY:
        answer.headers["Retry-After"] = "4"
    return answer


def _error(status: int, code: int, subcode: int = 0) -> Response:
    # The real one quotes what it was asked, tokens included.
    told = {"message": "(#0) told by a fake: token EAAG", "type": "OAuthException", "code": code}
    return Response(json.dumps({"error": told | {"error_subcode": subcode}}), status, media_type="application/json")


async def _shakes_hands(callback_url: str, verify_token: str) -> bool:
    challenge = secrets.token_hex(8)
    asked = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token}
    try:
        async with httpx2.AsyncClient(timeout=5) as client:
            answer = await client.get(callback_url, params=asked)
    except httpx2.HTTPError:
        return False
    return answer.status_code == 200 and answer.text == challenge
