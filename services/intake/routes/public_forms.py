"""`POST /forms/{form_key}`: web forms of any page that may use them."""

from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from services.intake.domain.field_names import REDIRECT_FIELD
from services.intake.domain.form_rules import FormRules
from services.intake.domain.forms import KNOWN_NAMES
from services.intake.domain.spam import TURNSTILE_FIELD
from services.intake.domain.withheld import CARDS_PATTERN, NAMES_PATTERN
from services.intake.routes.bodies import read_body
from services.intake.routes.form_bodies import body_limit, is_json, media_type, read_fields
from services.intake.routes.form_desk import FormDesk, answered, cors, require_origin
from services.intake.use_cases.submit_form import SubmitForm

_THANKS = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Thank you</title></head>
<body><main><h1>Thank you</h1><p>Your message has arrived. We will get back to you soon.</p></main></body>
</html>
"""
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True)
class PublicForms:
    """The public side of web forms, outside FastAPI."""

    desk: FormDesk
    submit_form: SubmitForm

    def routes(self) -> list[Route]:
        """What the form asks for, the post, and its preflight."""
        return [
            Route("/forms/{form_key}", self.describe, methods=["GET"]),
            Route("/forms/{form_key}", self.preflight, methods=["OPTIONS"]),
            Route("/forms/{form_key}", self.post, methods=["POST"]),
        ]

    async def preflight(self, request: Request) -> Response:
        """Tell a browser whether its page may post here."""
        form = await self.desk.find_form(request.path_params["form_key"])
        require_origin(form, request)
        headers = cors(form, request) | {
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "content-type, idempotency-key",
            "Access-Control-Max-Age": "600",
        }
        return Response(status_code=204, headers=headers)

    async def describe(self, request: Request) -> Response:
        """Tell the embed what the form asks for and what guards it; nothing of it is secret."""
        form = await self.desk.find_form(request.path_params["form_key"])
        require_origin(form, request)
        guards = [form.honeypot_field, form.consent_field, TURNSTILE_FIELD]
        body = {
            "form_key": form.form_key,
            "fields": list(form.mapping) or KNOWN_NAMES,
            "is_exact": bool(form.mapping),
            "guards": [name for name in guards if name],
            "honeypot_field": form.honeypot_field,
            "turnstile": form.turnstile_secret is not None,
            "capture_before_submit": form.capture_before_submit,
            "withheld": {"names": NAMES_PATTERN, "cards": CARDS_PATTERN},
        }
        return JSONResponse(
            body, headers=cors(form, request) | {"Cache-Control": "public, max-age=60", "Vary": "Origin"}
        )

    async def post(self, request: Request) -> Response:
        """Take a form: 201 with the lead's uuid for scripts, 303 or a page for browsers, 422 for a bad field."""
        form = await self.desk.find_form(request.path_params["form_key"])
        require_origin(form, request)
        return await answered(self._submit(request, form), cors(form, request))

    async def _submit(self, request: Request, form: FormRules) -> Response:
        headers, seen = request.headers, self.desk.circumstances(request)
        await self.desk.limits.count_post(form, seen.address)
        raw = await read_body(request.scope, request.receive, body_limit(headers))
        fields = await read_fields(headers, raw, form.mapping)
        lead_uuid = await self.submit_form(form, fields, seen)
        if _wants_json(headers):
            return JSONResponse({"lead_uuid": str(lead_uuid)}, 201)
        if form.redirect_urls:
            return RedirectResponse(_redirect(form, fields), 303)
        return HTMLResponse(_THANKS, headers=_PAGE_HEADERS)


def _redirect(form: FormRules, fields: dict[str, Any]) -> str:
    """The page that the post asks for if the form lists it, else the form's first."""
    wanted = fields.get(REDIRECT_FIELD)
    return wanted if isinstance(wanted, str) and wanted in form.redirect_urls else form.redirect_urls[0]


def _wants_json(headers: Headers) -> bool:
    accepted = headers.get("accept", "").lower()
    return is_json(media_type(headers)) or ("application/json" in accepted and "text/html" not in accepted)
