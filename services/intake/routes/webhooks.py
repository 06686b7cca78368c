"""The platforms' webhooks: read, verify, split, insert, and nothing else before the 200."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from services.intake.domain.signatures import is_signed
from services.intake.routes.bodies import read_body
from services.intake.storage.accounts import DoorKeys
from services.intake.use_cases.receive_delivery import ReceiveDelivery
from shared.kit.problems import Problem


@dataclass(frozen=True)
class Webhook:
    """One channel's webhook, outside FastAPI. Only 200 means that the sender may forget what it delivered.

    `keys` answers at once with what opens this door now, and asks nobody for it.
    """

    path: str
    receive_delivery: ReceiveDelivery
    keys: Callable[[], DoorKeys]

    def routes(self) -> list[Route]:
        """The handshake and the delivery."""
        return [
            Route(self.path, self.shake_hands, methods=["GET"]),
            Route(self.path, self.deliver, methods=["POST"]),
        ]

    async def shake_hands(self, request: Request) -> Response:
        """Answer the challenge of a platform that knows the token; 403, without the challenge, to all others."""
        asked = request.query_params
        token = asked.get("hub.verify_token", "").encode("utf-8", "replace")
        challenge = asked.get("hub.challenge")
        keys = self.keys()
        matches = [hmac.compare_digest(token, one) for one in keys.verify_tokens]
        if not any(matches):
            raise _unknown(keys, Problem(403, "This is no handshake that we know."))
        if asked.get("hub.mode") != "subscribe" or challenge is None:
            raise Problem(403, "This is no handshake that we know.")
        return PlainTextResponse(challenge)

    async def deliver(self, request: Request) -> Response:
        """Take a delivery: 401 unless these very bytes are signed, 503 unless the receipts are durable."""
        raw = await read_body(request)
        header = request.headers.get("x-hub-signature-256")
        keys = self.keys()
        if not is_signed(header.encode("latin-1") if header else None, raw, keys.app_secrets):
            raise _unknown(keys, Problem(401, "X-Hub-Signature-256 is missing or wrong."))
        await self.receive_delivery(raw)
        return Response(status_code=200)


def _unknown(keys: DoorKeys, refusal: Problem) -> Problem:
    """The refusal of somebody unknown; before the connected accounts were read, nobody is known to be unknown."""
    return refusal if keys.is_known else Problem(503, "Not ready yet; try again.", headers={"Retry-After": "5"})
