"""`/api/v1/leads`: forms that are captured while they are filled in.

Nothing that a visitor told can be read here, with or without a token.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.intake.domain.form_rules import FormRules
from services.intake.domain.forms import FieldRefused, FormUnreadable
from services.intake.domain.progress import RIGHT_MEMBER
from services.intake.domain.write_tokens import read_token
from services.intake.routes.bodies import read_body
from services.intake.routes.form_bodies import FORM_LIMIT, read_pairs
from services.intake.routes.form_desk import FormDesk, answered, require_origin
from services.intake.use_cases.capture_form import CaptureForm
from shared.kit.problems import Problem, invalid_field

RIGHT_HEADER = "X-Leadline-Token"
# Which form it is may stand in the body, which no preflight has; answers hold nothing that others may not read.
_ANYBODY = {"Access-Control-Allow-Origin": "*"}
_PREFLIGHT = {
    **_ANYBODY,
    "Access-Control-Allow-Methods": "POST, PUT",
    "Access-Control-Allow-Headers": "content-type, idempotency-key, x-leadline-token",
    "Access-Control-Max-Age": "600",
}
_PRIVATE = {"Cache-Control": "no-store"}


@dataclass(frozen=True)
class ProgressiveForms:
    """The embed's side of web forms, outside FastAPI."""

    desk: FormDesk
    capture_form: CaptureForm

    def routes(self) -> list[Route]:
        """Begin, go on, and their preflights. A beacon can only post, and sends the token in its body."""
        return [
            Route("/api/v1/leads", self.preflight, methods=["OPTIONS"]),
            Route("/api/v1/leads", self.begin, methods=["POST"]),
            Route("/api/v1/leads/{lead_uuid}", self.preflight, methods=["OPTIONS"]),
            Route("/api/v1/leads/{lead_uuid}", self.go_on, methods=["PUT", "POST"]),
        ]

    async def preflight(self, _: Request) -> Response:
        """Tell any browser that it may ask; whether its page may is decided when it does."""
        return Response(status_code=204, headers=_PREFLIGHT)

    async def begin(self, request: Request) -> Response:
        """Begin a form: 201 with the lead's uuid and the token with which its page goes on."""
        return await answered(self._begin(request), _ANYBODY | _PRIVATE)

    async def go_on(self, request: Request) -> Response:
        """Take what was filled in since: 404 without the right token, whatever is wrong with it; 409 once submitted."""
        return await answered(self._go_on(request), _ANYBODY | _PRIVATE)

    async def _begin(self, request: Request) -> Response:
        told = await read_pairs(request.headers, await read_body(request.scope, request.receive, FORM_LIMIT))
        form_key = told.get("form_key")
        if not isinstance(form_key, str):
            raise invalid_field("form_key", "missing", "say which form this is")
        form = await self.desk.find_form(form_key)
        require_origin(form, request)
        seen = self.desk.circumstances(request)
        await self.desk.limits.count_post(form, seen.address)
        capture = await self.capture_form.begin(form, told, seen)
        body = {
            "lead_uuid": str(capture.lead_uuid),
            "token": capture.token,
            "expires_at": capture.expires_at.isoformat(),
        }
        exposed = {RIGHT_HEADER: capture.token, "Access-Control-Expose-Headers": RIGHT_HEADER}
        return JSONResponse(body, 201, exposed)

    async def _go_on(self, request: Request) -> Response:
        lead_uuid = _uuid(request.path_params["lead_uuid"])
        token = request.headers.get(RIGHT_HEADER)
        form = await self._admit(lead_uuid, token) if token is not None else None
        told = await _read(request, is_admitted=form is not None)
        if form is None:
            form = await self._admit(lead_uuid, told.get(RIGHT_MEMBER))
        require_origin(form, request)
        seen = self.desk.circumstances(request)
        await self.desk.limits.count_change(form, seen.address)
        is_submitted = await self.capture_form.go_on(form, lead_uuid, told, seen)
        return JSONResponse({"lead_uuid": str(lead_uuid), "submitted": is_submitted})

    async def _admit(self, lead_uuid: UUID, token: Any) -> FormRules:
        """The form that a token is for, if it is one for this lead, today."""
        stamp = self.capture_form.stamp
        form_key = None
        if isinstance(token, str):
            form_key = read_token(stamp.privacy_key, token, lead_uuid, stamp.clock.now())
        try:
            return await self.desk.find_form(form_key or "")
        except Problem:
            raise _unknown() from None


async def _read(request: Request, *, is_admitted: bool) -> Mapping[str, Any]:
    """The body; what is wrong with it is only told to who has shown a token."""
    raw = await read_body(request.scope, request.receive, FORM_LIMIT)
    try:
        return await read_pairs(request.headers, raw)
    except (FieldRefused, FormUnreadable, Problem):
        if is_admitted:
            raise
        return {}


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise _unknown() from None


def _unknown() -> Problem:
    """What everybody is told who has not the right token, so that nobody learns which leads there are."""
    return Problem(404, "There is no such form to go on with.")
