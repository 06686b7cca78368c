"""Meta's Graph API, as far as intake needs it. Tokens travel in headers and are never logged."""

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx2
import stamina

from services.intake.domain.graph import GraphAway, GraphBusy, GraphError, read_failure, read_pause
from shared.kit.text import UnreadableJson, parse_json

_TIMEOUT = httpx2.Timeout(10.0, connect=5.0)
_ATTEMPTS = 3
# Longer waits are for a worker, which has other things to do meanwhile.
_PATIENCE = timedelta(seconds=3)
_LARGEST_ANSWER = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Credentials:
    """With what to ask for an account; with the app's secret a stolen token alone is worth nothing."""

    access_token: str = field(repr=False)
    app_secret: str | None = field(default=None, repr=False)

    @classmethod
    def of_app(cls, app_id: str, app_secret: str) -> "Credentials":
        """Those of an app itself, for its own subscriptions."""
        return cls(f"{app_id}|{app_secret}")

    @property
    def proof(self) -> dict[str, str]:
        """The parameter that proves that we have the app's secret. Meta: securing Graph API calls."""
        if self.app_secret is None:
            return {}
        digest = hmac.new(self.app_secret.encode(), self.access_token.encode(), hashlib.sha256)
        return {"appsecret_proof": digest.hexdigest()}


class GraphApi:
    """Asks the Graph API at the base URL and version of the settings.

    What a moment may mend (no connection, timeouts, 5xx, short limits) is tried again at once, three times in all.
    Raises `GraphRefused`, `GraphBusy` and `GraphAway`, whose texts have nothing personal and no token in them.
    """

    def __init__(self, http: httpx2.AsyncClient, base_url: str, version: str) -> None:
        self._http = http
        self._base = f"{base_url.rstrip('/')}/{version.strip('/')}"
        self._rest_until: dict[str, float] = {}

    async def get(self, path: str, credentials: Credentials, **params: str) -> dict[str, Any]:
        """The object at a path such as an id."""
        return await self._ask("GET", path, credentials, params=credentials.proof | params)

    async def post(self, path: str, credentials: Credentials, **values: str) -> dict[str, Any]:
        """Do something that may be done twice."""
        return await self._ask("POST", path, credentials, data=credentials.proof | values)

    def rest_of(self, credentials: Credentials) -> timedelta:
        """How long this process had better not ask with this token, as its last answers told."""
        seconds = self._rest_until.get(_name_of(credentials), 0.0) - time.monotonic()
        return timedelta(seconds=max(0.0, seconds))

    async def _ask(self, method: str, path: str, credentials: Credentials, **sent: Any) -> dict[str, Any]:
        async for attempt in stamina.retry_context(on=_backoff, attempts=_ATTEMPTS, timeout=30, wait_initial=0.2):
            with attempt:
                return await self._ask_once(method, path, credentials, **sent)
        raise AssertionError("the last attempt returns or raises")

    async def _ask_once(self, method: str, path: str, credentials: Credentials, **sent: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {credentials.access_token}"}
        try:
            answer = await self._http.request(
                method, f"{self._base}/{path}", headers=headers, timeout=_TIMEOUT, follow_redirects=False, **sent
            )
        except httpx2.HTTPError as error:
            # Not chained: its request holds the token.
            raise GraphAway(f"no answer ({type(error).__name__})") from None
        self._note_rest(credentials, answer.headers)
        if not answer.is_success:
            raise self._failure(credentials, answer)
        found = _object(answer.content)
        if found is None:
            raise GraphAway("an answer that is no JSON object")
        return found

    def _failure(self, credentials: Credentials, answer: httpx2.Response) -> GraphError:
        failure = read_failure(answer.status_code, answer.content, answer.headers)
        if isinstance(failure, GraphBusy):
            self._rest(credentials, failure.pause)
        return failure

    def _note_rest(self, credentials: Credentials, headers: Mapping[str, str]) -> None:
        if pause := read_pause(headers):
            self._rest(credentials, pause)

    def _rest(self, credentials: Credentials, pause: timedelta) -> None:
        self._rest_until[_name_of(credentials)] = time.monotonic() + pause.total_seconds()


def _backoff(error: Exception) -> bool | timedelta:
    if isinstance(error, GraphBusy):
        return error.pause if error.pause <= _PATIENCE else False
    return isinstance(error, GraphAway)


def _name_of(credentials: Credentials) -> str:
    return hashlib.sha256(credentials.access_token.encode()).hexdigest()


def _object(content: bytes) -> dict[str, Any] | None:
    if len(content) > _LARGEST_ANSWER:
        return None
    try:
        found = parse_json(content)
    except UnreadableJson:
        return None
    return found if isinstance(found, dict) else None
