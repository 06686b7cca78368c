"""What all public ways of using a form have in common: finding it, who asks, and answers that a page can read."""

import re
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from services.intake.clients.form_limits import FormLimits, TooManyPosts
from services.intake.domain.form_rules import FormRules
from services.intake.domain.forms import FieldRefused, FormUnreadable
from services.intake.domain.submissions import Circumstances
from services.intake.routes.refusals import TRANSLATIONS
from services.intake.storage.forms import find_active_form
from services.intake.storage.receipt_writer import PATIENCE_SECONDS, hurried
from services.intake.use_cases.capture_form import CaptureNotAllowed, FormFrozen
from services.intake.use_cases.keep_post import KeyUsedForOtherContent
from services.intake.use_cases.manage_forms import FORM_KEY
from shared.kit.addresses import Network, client_address
from shared.kit.database import Database
from shared.kit.problems import Problem, invalid_field

_LONGEST_KEY = 255
_LONGEST_HEADER = 1000
_REFUSALS = (CaptureNotAllowed, FieldRefused, FormFrozen, FormUnreadable, KeyUsedForOtherContent, TooManyPosts)


@dataclass(frozen=True)
class FormDesk:
    """The forms that may be used; `proxies` are believed when they say for whom they ask."""

    database: Database
    limits: FormLimits
    proxies: Sequence[Network] = ()

    async def find_form(self, form_key: str) -> FormRules:
        """An active form; a `Problem` with 404 when there is none."""
        if re.fullmatch(FORM_KEY, form_key):
            async with hurried(self.database, PATIENCE_SECONDS) as connection:
                form = await find_active_form(connection, form_key)
            if form is not None:
                return form
        raise Problem(404, "There is no such form.")

    def circumstances(self, request: Request) -> Circumstances:
        """What a request tells besides its body; a `Problem` with 422 for an absurd Idempotency-Key."""
        headers = request.headers
        key = headers.get("idempotency-key")
        if key is not None and not 0 < len(key) <= _LONGEST_KEY:
            raise invalid_field("Idempotency-Key", "length", f"this may have 1 to {_LONGEST_KEY} characters")
        language = headers.get("accept-language", "").partition(",")[0].partition(";")[0].strip()
        peer = request.client.host if request.client else ""
        return Circumstances(
            idempotency_key=key,
            origin=_short(headers.get("origin")),
            page_url=_short(headers.get("referer")),
            language=_short(language),
            address=client_address(peer, headers.get("x-forwarded-for", ""), self.proxies),
        )


def require_origin(form: FormRules, request: Request) -> None:
    """Raise a 403 `Problem` for a page that may not use the form.

    Three of the four encodings are sent without a preflight, so that this is where the list is enforced.
    """
    if not form.allows(request.headers.get("origin")):
        raise Problem(403, "Pages of this origin may not post to this form.")


def cors(form: FormRules, request: Request) -> dict[str, str]:
    """The headers by which a browser lets the form's pages read an answer."""
    origin = request.headers.get("origin")
    if origin is None:
        return {}
    return {"Access-Control-Allow-Origin": origin if form.allowed_origins else "*", "Vary": "Origin"}


async def answered(work: Awaitable[Response], headers: Mapping[str, str]) -> Response:
    """The answer of `work`, or the problem that it raised, with headers that let a page read it either way."""
    try:
        response = await work
    except _REFUSALS as error:
        response = TRANSLATIONS[type(error)](error).response()
    except Problem as problem:
        response = problem.response()
    response.headers.update(headers)
    return response


def _short(value: str | None) -> str | None:
    return value[:_LONGEST_HEADER] if value else None
