"""`POST /forms/{form_key}`: web forms of any page that may use them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from services.intake.clients.form_limits import FormLimits, TooManyPosts
from services.intake.domain.form_rules import FormRules
from services.intake.domain.forms import REDIRECT_FIELD, FieldRefused, FormUnreadable
from services.intake.domain.submissions import Circumstances
from services.intake.routes.bodies import read_body
from services.intake.routes.form_bodies import body_limit, is_json, media_type, read_fields
from services.intake.routes.refusals import TRANSLATIONS
from services.intake.storage.forms import find_active_form
from services.intake.storage.receipt_writer import PATIENCE_SECONDS, hurried
from services.intake.use_cases.keep_post import KeyUsedForOtherContent
from services.intake.use_cases.manage_forms import FORM_KEY
from services.intake.use_cases.submit_form import SubmitForm
from shared.kit.addresses import Network, client_address
from shared.kit.database import Database
from shared.kit.problems import Problem, invalid_field

_LONGEST_KEY = 255
_LONGEST_HEADER = 1000
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

    database: Database
    submit_form: SubmitForm
    limits: FormLimits
    proxies: Sequence[Network] = ()

    def routes(self) -> list[Route]:
        """The post and its preflight."""
        return [
            Route("/forms/{form_key}", self.preflight, methods=["OPTIONS"]),
            Route("/forms/{form_key}", self.post, methods=["POST"]),
        ]

    async def preflight(self, request: Request) -> Response:
        """Tell a browser whether its page may post here."""
        form = await self.find_form(request)
        origin = request.headers.get("origin")
        if not form.allows(origin):
            raise Problem(403, "Pages of this origin may not post to this form.")
        headers = _cors(form, origin) | {
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "content-type, idempotency-key",
            "Access-Control-Max-Age": "600",
        }
        return Response(status_code=204, headers=headers)

    async def post(self, request: Request) -> Response:
        """Take a form: 201 with the lead's uuid for scripts, 303 or a page for browsers, 422 for a bad field."""
        form = await self.find_form(request)
        origin = request.headers.get("origin")
        # Three of the four encodings are sent without a preflight, so this is where the list is enforced.
        if not form.allows(origin):
            raise Problem(403, "Pages of this origin may not post to this form.")
        try:
            response = await self._submit(request, form)
        except (FieldRefused, FormUnreadable, KeyUsedForOtherContent, TooManyPosts) as error:
            response = TRANSLATIONS[type(error)](error).response()
        except Problem as problem:
            response = problem.response()
        response.headers.update(_cors(form, origin))
        return response

    async def _submit(self, request: Request, form: FormRules) -> Response:
        headers = request.headers
        seen = _circumstances(headers, sender_address(request, self.proxies))
        await self.limits.count_post(form, seen.address)
        raw = await read_body(request.scope, request.receive, body_limit(headers))
        fields = await read_fields(headers, raw, form.mapping)
        lead_uuid = await self.submit_form(form, fields, seen)
        if _wants_json(headers):
            return JSONResponse({"lead_uuid": str(lead_uuid)}, 201)
        if form.redirect_urls:
            return RedirectResponse(_redirect(form, fields), 303)
        return HTMLResponse(_THANKS, headers=_PAGE_HEADERS)

    async def find_form(self, request: Request) -> FormRules:
        """The form that the path names; a `Problem` with 404 when there is none, or it is not active."""
        form_key = request.path_params["form_key"]
        if re.fullmatch(FORM_KEY, form_key):
            async with hurried(self.database, PATIENCE_SECONDS) as connection:
                form = await find_active_form(connection, form_key)
            if form is not None:
                return form
        raise Problem(404, "There is no such form.")


def _redirect(form: FormRules, fields: dict[str, Any]) -> str:
    """The page that the post asks for if the form lists it, else the form's first."""
    wanted = fields.get(REDIRECT_FIELD)
    return wanted if isinstance(wanted, str) and wanted in form.redirect_urls else form.redirect_urls[0]


def sender_address(request: Request, proxies: Sequence[Network]) -> str:
    """Where a request comes from, as far as trusted proxies tell."""
    peer = request.client.host if request.client else ""
    return client_address(peer, request.headers.get("x-forwarded-for", ""), proxies)


def _circumstances(headers: Headers, address: str) -> Circumstances:
    key = headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= _LONGEST_KEY:
        raise invalid_field("Idempotency-Key", "length", f"this may have 1 to {_LONGEST_KEY} characters")
    language = headers.get("accept-language", "").partition(",")[0].partition(";")[0].strip()
    return Circumstances(
        idempotency_key=key,
        origin=_short(headers.get("origin")),
        page_url=_short(headers.get("referer")),
        language=_short(language),
        address=address,
    )


def _short(value: str | None) -> str | None:
    return value[:_LONGEST_HEADER] if value else None


def _wants_json(headers: Headers) -> bool:
    accepted = headers.get("accept", "").lower()
    return is_json(media_type(headers)) or ("application/json" in accepted and "text/html" not in accepted)


def _cors(form: FormRules, origin: str | None) -> dict[str, str]:
    if origin is None:
        return {}
    return {"Access-Control-Allow-Origin": origin if form.allowed_origins else "*", "Vary": "Origin"}
