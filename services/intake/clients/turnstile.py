"""Cloudflare Turnstile: whether the visitor of a page passed its challenge."""

from enum import StrEnum
from uuid import UUID

import httpx2
from pydantic import BaseModel, Field, StrictBool, ValidationError

from shared.kit.logging import describe, get_logger

log = get_logger()

PATIENCE_SECONDS = 4.0
# What siteverify says when it is not the visitor's fault (Cloudflare: Turnstile, server-side validation).
_OURS = frozenset(("missing-input-secret", "invalid-input-secret", "bad-request", "internal-error"))
_LONGEST_TOKEN = 2048


class Verdict(StrEnum):
    """What the verifier says; `unknown` when it cannot be asked, or does not know our secret."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


class _Answer(BaseModel):
    success: StrictBool
    error_codes: list[str] = Field([], alias="error-codes")


class Turnstile:
    """Asks the verifier, which takes each token once, within 300 s of the challenge."""

    def __init__(self, http: httpx2.AsyncClient, url: str) -> None:
        self._http = http
        self._url = url

    async def verify(self, secret: str, token: str, address: str, request_id: UUID) -> Verdict:
        """Whether a token is good; asking again with the same `request_id` gives the same answer, not a refusal."""
        if not 0 < len(token) <= _LONGEST_TOKEN:
            return Verdict.FAILED
        asked = {"secret": secret, "response": token, "remoteip": address, "idempotency_key": str(request_id)}
        try:
            answer = await self._http.post(self._url, data=asked, timeout=PATIENCE_SECONDS)
            told = _Answer.model_validate_json(answer.content)
        except (httpx2.HTTPError, ValidationError) as error:
            log.warning("challenge not verified", error=describe(error))
            return Verdict.UNKNOWN
        if told.success:
            return Verdict.PASSED
        if ours := sorted(_OURS.intersection(told.error_codes)):
            log.error("the verifier refused us", errors=ours)
            return Verdict.UNKNOWN
        return Verdict.FAILED
