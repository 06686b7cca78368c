"""Who is calling: a service with the service token, or a person with a short-lived EdDSA token."""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt
from fastapi import Request

from shared.contracts.words import Role
from shared.kit.problems import Problem

_RANK = {role: rank for rank, role in enumerate(Role)}
_ALGORITHM = "EdDSA"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a member of the team, or a service (`member_id` None), which acts with every role."""

    role: Role
    member_id: int | None = None

    @property
    def is_service(self) -> bool:
        """Whether this is a service, not a person."""
        return self.member_id is None

    @property
    def actor(self) -> str:
        """How history names the caller: `service` or `member:7`."""
        return "service" if self.is_service else f"member:{self.member_id}"

    def has(self, role: Role) -> bool:
        """Whether the caller may do what `role` may."""
        return _RANK[self.role] >= _RANK[role]


class Gate:
    """Checks bearer tokens for one service, which is the `aud` of the tokens it accepts."""

    def __init__(self, *, service: str, service_token: str, public_key: str) -> None:
        self._service = service
        self._service_token = service_token.encode()
        self._public_key = public_key.replace("\\n", "\n")

    def authenticate(self, authorization: str | None) -> Caller:
        """The caller behind an Authorization header; raises a 401 `Problem` for everything that is not valid."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _unauthorized("Send a bearer token in the Authorization header.")
        if hmac.compare_digest(token.encode("utf-8", "replace"), self._service_token):
            return Caller(Role.ADMIN)
        if not self._public_key:
            raise _unauthorized("The token is not valid.")
        try:
            claims = jwt.decode(
                token,
                self._public_key,
                algorithms=[_ALGORITHM],
                audience=self._service,
                options={"require": ["exp", "sub", "aud", "role"]},
            )
            return Caller(Role(claims["role"]), int(claims["sub"]))
        except (jwt.PyJWTError, ValueError):
            raise _unauthorized("The token is not valid or has expired.") from None


def mint_person_token(private_key: str, *, member_id: int, role: Role, audience: str) -> str:
    """A token for one service that lives for a minute."""
    claims = {
        "sub": str(member_id),
        "role": role.value,
        "aud": audience,
        "exp": datetime.now(UTC) + timedelta(minutes=1),
    }
    return jwt.encode(claims, private_key.replace("\\n", "\n"), algorithm=_ALGORITHM)


def _unauthorized(detail: str) -> Problem:
    return Problem(401, detail, headers={"WWW-Authenticate": "Bearer"})


def require(role: Role) -> Callable[[Request], Awaitable[Caller]]:
    """A FastAPI dependency that answers the caller, or 401 without a valid token and 403 below `role`.

    The app's gate is `app.state.gate`.
    """

    async def dependency(request: Request) -> Caller:
        caller: Caller | None = getattr(request.state, "caller", None)
        if caller is None:
            gate: Gate = request.app.state.gate
            caller = gate.authenticate(request.headers.get("authorization"))
        if not caller.has(role):
            raise Problem(403, f"This needs the role {role.value}; yours is {caller.role.value}.")
        return caller

    return dependency
