"""The other services' REST, asked as the person who signed in; a service that is slow or away is told as such."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from services.console.domain.accounts import Person
from shared.contracts.words import Role
from shared.kit.logging import get_logger
from shared.kit.security import mint_person_token

log = get_logger()

SECONDS = 1.0
AWAY = "is away"
_ROLE_SECONDS = 2.0

M = TypeVar("M", bound=BaseModel)


class Unanswered(Exception):
    """A service gave no usable answer; the text says why in words for a page."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Reply(Generic[M]):
    """An answer, or why there is none."""

    value: M | None = None
    problem: str | None = None
    status: int | None = None


class ServicesClient:
    """Asks services, each for a second at most, with a token of one minute that is minted for the call."""

    def __init__(
        self, http: httpx2.AsyncClient, urls: Mapping[str, str], *, private_key: str, service_token: str
    ) -> None:
        self._http = http
        self.urls = urls
        self._private_key = private_key
        self._service_token = service_token
        self._roles: dict[int, tuple[float, Role | None]] = {}

    async def ask(
        self, person: Person | None, service: str, path: str, model: type[M], params: Mapping[str, str] | None = None
    ) -> Reply[M]:
        """GET as a person; `person` None means that their role could not be found out, and asks nothing."""
        if person is None:
            return Reply(problem="is not asked while your role cannot be checked")
        token = mint_person_token(self._private_key, member_id=person.member_id, role=person.role, audience=service)
        try:
            answer = await self._get(service, path, token, params)
            return Reply(model.model_validate(answer))
        except Unanswered as problem:
            return Reply(problem=str(problem), status=problem.status)
        except ValidationError:
            log.warning("unknown shape", asked=service, path=path.split("/")[2])
            return Reply(problem="answers in a shape that this console does not know")

    async def find_role(self, member_id: int) -> Role | None:
        """A member's role as assignment knows it, 2 s old at most; None for somebody inactive or unknown.

        Raises `Unanswered` when assignment does not tell.
        """
        at, role = self._roles.get(member_id, (float("-inf"), None))
        if time.monotonic() - at < _ROLE_SECONDS:
            return role
        role = await self._ask_role(member_id)
        self._roles[member_id] = (time.monotonic(), role)
        return role

    async def _ask_role(self, member_id: int) -> Role | None:
        try:
            member = await self._get("assignment", f"/rest/team/{member_id}", self._service_token)
            return Role(member["role"]) if member["active"] else None
        except Unanswered as problem:
            if problem.status == 404:
                return None
            raise
        except (KeyError, TypeError, ValueError):
            raise Unanswered("answers in a shape that this console does not know") from None

    async def get_health(self, service: str, page: str, seconds: float = SECONDS) -> tuple[int, Any]:
        """A health page's status and JSON, for which no token is needed; raises `Unanswered`."""
        response = await self._send(service, f"/health/{page}", {}, None, seconds)
        return response.status_code, _json(response)

    async def _get(self, service: str, path: str, token: str, params: Mapping[str, str] | None = None) -> Any:
        response = await self._send(service, path, {"Authorization": f"Bearer {token}"}, params)
        if response.status_code == 403:
            raise Unanswered("does not show this to your role", 403)
        if response.status_code != 200:
            raise Unanswered(f"answers {response.status_code}", response.status_code)
        return _json(response)

    async def _send(
        self,
        service: str,
        path: str,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None,
        seconds: float = SECONDS,
    ) -> httpx2.Response:
        try:
            async with asyncio.timeout(seconds):
                return await self._http.get(self.urls[service] + path, headers=headers, params=params)
        except (TimeoutError, httpx2.TimeoutException):
            raise Unanswered(f"gives no answer within {seconds:g} s") from None
        except httpx2.HTTPError:
            raise Unanswered(AWAY) from None


def build_http() -> httpx2.AsyncClient:
    """The HTTP client for all services; connects with its first request. Each request has a limit of its own."""
    return httpx2.AsyncClient(timeout=None, trust_env=False)


def _json(response: httpx2.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        raise Unanswered("answers something that is not JSON") from None
