"""What Meta's Graph API answers when it does not answer: whose fault it is, and when to ask again.

Facts: Graph API, error handling (codes), rate limiting (headers). Its messages are never kept: they quote tokens.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any

from services.intake.domain.values import as_mapping

_TOKEN_CODES = frozenset((102, 190, 463, 467))
# 103: the page's admins have taken the app off the list of those that may read leads.
_PERMISSION_CODES = frozenset((3, 10, 103, *range(200, 300)))
_BUSY_CODES = frozenset((4, 17, 32, 368, 613, 130429, *range(80000, 80015)))
_AWAY_CODES = frozenset((1, 2))
_NO_OBJECT = ((100, 33), (803, 0))
CALLBACK_REFUSED = 2200

SHORTEST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(hours=1)
_BUSY = timedelta(minutes=1)
_FULL = 95.0


class Refusal(StrEnum):
    """Why the Graph API refuses; asking again does not help until somebody has changed something."""

    UNAUTHORIZED = "not authorized"
    PERMISSION = "permission"
    NOT_FOUND = "not found"
    CALLBACK = "callback"
    INVALID = "invalid"


_ADVICE = {
    Refusal.UNAUTHORIZED: "The access token is not valid any more: make a new one and enter it.",
    Refusal.PERMISSION: "The app may not do this: grant it the permissions, and the owner of the token the role.",
    Refusal.NOT_FOUND: "Nothing with this id is visible to the token: check the id, permissions and asset access.",
    Refusal.CALLBACK: "The callback address did not answer the handshake: it must be reached by https from outside.",
    Refusal.INVALID: "The Graph API does not take this request: check the ids, and INTAKE_GRAPH_VERSION.",
}


class GraphError(Exception):
    """The Graph API did not do what it was asked. The text is fit for logs and operators."""


class GraphRefused(GraphError):
    """It will not do this, however often it is asked; `advice` says what may change that."""

    def __init__(self, refusal: Refusal, code: int) -> None:
        super().__init__(f"{refusal.value} (code {code})")
        self.refusal = refusal
        self.advice = _ADVICE[refusal]


class GraphBusy(GraphError):
    """It was asked too often; `pause` is how long to leave it alone with this token."""

    def __init__(self, pause: timedelta) -> None:
        super().__init__("too many requests")
        self.pause = pause


class GraphAway(GraphError):
    """It cannot be reached or has trouble of its own; asking later may help."""


def read_failure(status: int, body: bytes, headers: Mapping[str, str]) -> GraphError:
    """What an answer that is no success means."""
    error = _error_of(body)
    code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
    if code in _BUSY_CODES or status == 429:
        return GraphBusy(_retry_after(headers) or read_pause(headers) or _BUSY)
    if code in _AWAY_CODES or error.get("is_transient") is True or status >= 500:
        return GraphAway(f"trouble of its own (status {status}, code {code})")
    if code in _TOKEN_CODES:
        return GraphRefused(Refusal.UNAUTHORIZED, code)
    if code in _PERMISSION_CODES:
        return GraphRefused(Refusal.PERMISSION, code)
    if (code, subcode) in _NO_OBJECT or status == 404:
        return GraphRefused(Refusal.NOT_FOUND, code)
    if code == CALLBACK_REFUSED:
        return GraphRefused(Refusal.CALLBACK, code)
    if status in (401, 403):
        return GraphRefused(Refusal.UNAUTHORIZED if status == 401 else Refusal.PERMISSION, code or status)
    return GraphRefused(Refusal.INVALID, code or status)


def read_pause(headers: Mapping[str, str]) -> timedelta | None:
    """How long to leave the API alone, when the shares of its limits that an answer tells are nearly used up.

    `X-App-Usage` and its kin are percentages; the one of business use cases also says the minutes to regain access.
    """
    shares = ("x-app-usage", "x-page-usage", "x-ad-account-usage")
    pauses = [_BUSY for name in shares if _is_full(_json(headers.get(name)))]
    for cases in as_mapping(_json(headers.get("x-business-use-case-usage"))).values():
        for case in cases if isinstance(cases, list) else ():
            minutes = _number(as_mapping(case).get("estimated_time_to_regain_access"))
            if minutes or _is_full(case):
                pauses.append(timedelta(minutes=minutes) if minutes else _BUSY)
    return min(max(pauses), LONGEST_PAUSE) if pauses else None


def _is_full(usage: Any) -> bool:
    shares = (as_mapping(usage).get(name) for name in ("call_count", "total_time", "total_cputime"))
    return any(isinstance(share, (int, float)) and share >= _FULL for share in shares)


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    text = headers.get("retry-after", "").strip()
    if not text.isdecimal() or len(text) > 6:
        return None
    return min(max(timedelta(seconds=int(text)), SHORTEST_PAUSE), LONGEST_PAUSE)


def _error_of(body: bytes) -> dict[str, Any]:
    return as_mapping(as_mapping(_json(body)).get("error"))


def _json(text: str | bytes | None) -> Any:
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
