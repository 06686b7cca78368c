"""What every route needs, taken from the app it is part of, and the parameters that several of them share."""

import re
from dataclasses import dataclass, field
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Header, Query, Request

from services.leads.clients.assignment import Assignment
from services.leads.domain.hand_over import HandOverPolicy
from shared.contracts.words import Role
from shared.kit.clock import Clock
from shared.kit.database import Database
from shared.kit.problems import invalid_field
from shared.kit.security import Caller, require

_VERSION = re.compile(r'(?:W/)?"?(\d{1,9})"?', re.ASCII)


@dataclass(frozen=True)
class Backend:
    """The app's `state.backend`.

    `time_zone` is that of the business, for dates in filters and the numbers of new leads. `default_region` is
    where national phone numbers are read that staff write, or None. `privacy_key` keys hashes.
    """

    database: Database
    clock: Clock
    time_zone: ZoneInfo
    privacy_key: str
    assignment: Assignment
    default_region: str | None = None
    hand_over: HandOverPolicy = field(default_factory=HandOverPolicy)


def _backend(request: Request) -> Backend:
    backend: Backend = request.app.state.backend
    return backend


def _expected(if_match: Annotated[str | None, Header()] = None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    if found := _VERSION.fullmatch(if_match.strip()):
        return int(found[1])
    raise invalid_field("If-Match", "version", 'send the ETag of the lead, such as "3"')


AnyBackend = Annotated[Backend, Depends(_backend)]
Reader = Annotated[Caller, Depends(require(Role.SALESPERSON))]
Supervisor = Annotated[Caller, Depends(require(Role.SUPERVISOR))]
Expected = Annotated[int | None, Depends(_expected)]
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=1000)]
