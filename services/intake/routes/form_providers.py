"""`POST /webhooks/forms/{provider}/{form_key}`: answers that a form provider delivers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.intake.domain.form_rules import FormRules, Provider
from services.intake.domain.providers import is_from
from services.intake.domain.submissions import Circumstances
from services.intake.routes.bodies import read_body
from services.intake.routes.form_bodies import read_fields
from services.intake.routes.form_desk import FormDesk
from services.intake.use_cases.receive_answers import ReceiveAnswers
from services.intake.use_cases.submit_form import SubmitForm
from shared.kit.logging import get_logger
from shared.kit.problems import Problem
from shared.kit.sealing import Seal, SealBroken

log = get_logger()

_LIMIT = 1024 * 1024
_LONGEST_KEY = 255


@dataclass(frozen=True)
class FormProviders:
    """The webhooks of form providers, outside FastAPI."""

    desk: FormDesk
    submit_form: SubmitForm
    receive_answers: ReceiveAnswers
    seal: Seal

    def routes(self) -> list[Route]:
        """The webhook."""
        return [Route("/webhooks/forms/{provider}/{form_key}", self.deliver, methods=["POST"])]

    async def deliver(self, request: Request) -> Response:
        """Take answers: 401 unless they are signed, before anything looks into them; 200 when they are durable."""
        form = await self.desk.find_form(request.path_params["form_key"])
        if form.provider is None or request.path_params["provider"] != form.provider:
            raise Problem(404, "There is no such form.")
        provider = Provider(form.provider)
        raw = await read_body(request.scope, request.receive, _LIMIT)
        if not self._is_from(form, provider, request.headers, raw):
            raise Problem(401, "The signature is missing or wrong.")
        if provider is Provider.GENERIC:
            await self._submit(request, form, raw)
        else:
            await self.receive_answers(form, provider, raw)
        return Response(status_code=200)

    async def _submit(self, request: Request, form: FormRules, raw: bytes) -> None:
        """Take a post of a server that has a secret, in any encoding; the guards are for browsers."""
        fields = await read_fields(request.headers, raw, form.mapping)
        unguarded = replace(form, honeypot_field=None, minimum_seconds=None, turnstile_secret=None)
        key = request.headers.get("idempotency-key", "")[:_LONGEST_KEY] or None
        await self.submit_form(unguarded, fields, Circumstances(idempotency_key=key))

    def _is_from(self, form: FormRules, provider: Provider, headers: Mapping[str, str], raw: bytes) -> bool:
        try:
            secret = self.seal.open(form.provider_secret or "")
        except SealBroken as error:
            log.error("a provider's deliveries cannot be verified", form=form.form_key, error=str(error))
            raise Problem(503, "Nothing was taken; deliver it again.", headers={"Retry-After": "3600"}) from None
        return is_from(provider, headers, raw, secret, self._now(), form.provider_header)

    def _now(self) -> datetime:
        return self.receive_answers.stamp.clock.now()
