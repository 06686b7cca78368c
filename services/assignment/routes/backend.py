"""What every route needs, taken from the app it is part of."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Query, Request

from shared.contracts.words import Role
from shared.kit.clock import Clock
from shared.kit.database import Database
from shared.kit.security import Caller, require

MAX_ID = 2**63 - 1


@dataclass(frozen=True)
class Backend:
    """The app's `state.backend`; `time_zone` is the one that members get who name none."""

    database: Database
    clock: Clock
    time_zone: str


def _backend(request: Request) -> Backend:
    backend: Backend = request.app.state.backend
    return backend


AnyBackend = Annotated[Backend, Depends(_backend)]
Reader = Annotated[Caller, Depends(require(Role.SALESPERSON))]
Supervisor = Annotated[Caller, Depends(require(Role.SUPERVISOR))]
Admin = Annotated[Caller, Depends(require(Role.ADMIN))]

PathId = Annotated[int, Path(ge=1, le=MAX_ID)]
QueryId = Annotated[int | None, Query(ge=1, le=MAX_ID)]
Limit = Annotated[int, Query(ge=1, le=200)]


def seen_by(caller: Caller) -> int | None:
    """The member whose leads are all that the caller may see; None for supervisors and services, who see every lead."""
    return None if caller.has(Role.SUPERVISOR) else caller.member_id
