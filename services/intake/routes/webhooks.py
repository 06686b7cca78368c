"""The platforms' webhooks: read, verify, split, insert, and nothing else before the 200."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import QueryParams
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope

from services.intake.domain.signatures import is_signed
from services.intake.routes.bodies import find_header, read_body
from services.intake.storage.accounts import DoorKeys
from services.intake.use_cases.receive_delivery import ReceiveDelivery
from shared.kit.problems import Problem

# One for all, since a response is never changed once it is made.
_TAKEN = Response(status_code=200)


@dataclass(frozen=True)
class Webhook:
    """One channel's webhook, a door in front of FastAPI. Only 200 means that the sender may forget what it delivered.

    `keys` answers at once with what opens this door now, and asks nobody for it.
    """

    path: str
    receive_delivery: ReceiveDelivery
    keys: Callable[[], DoorKeys]

    async def answer(self, scope: Scope, receive: Receive) -> Response:
        """The handshake or the delivery; nothing else is done at this door."""
        if scope["method"] == "POST":
            return await self._deliver(scope, receive)
        if scope["method"] in ("GET", "HEAD"):
            return self._shake_hands(QueryParams(scope["query_string"]))
        raise Problem(405, "Method Not Allowed", headers={"Allow": "GET, HEAD, POST"})

    def _shake_hands(self, asked: QueryParams) -> Response:
        """Answer the challenge of a platform that knows the token; 403, without the challenge, to all others."""
        token = asked.get("hub.verify_token", "").encode("utf-8", "replace")
        challenge = asked.get("hub.challenge")
        keys = self.keys()
        matches = [hmac.compare_digest(token, one) for one in keys.verify_tokens]
        if not any(matches):
            raise _unknown(keys, Problem(403, "This is no handshake that we know."))
        if asked.get("hub.mode") != "subscribe" or challenge is None:
            raise Problem(403, "This is no handshake that we know.")
        return PlainTextResponse(challenge)

    async def _deliver(self, scope: Scope, receive: Receive) -> Response:
        """Take a delivery: 401 unless these very bytes are signed, 503 unless the receipts are durable."""
        raw = await read_body(scope, receive)
        keys = self.keys()
        if not is_signed(find_header(scope, b"x-hub-signature-256"), raw, keys.app_secrets):
            raise _unknown(keys, Problem(401, "X-Hub-Signature-256 is missing or wrong."))
        await self.receive_delivery(raw)
        return _TAKEN


def _unknown(keys: DoorKeys, refusal: Problem) -> Problem:
    """The refusal of somebody unknown; before the connected accounts were read, nobody is known to be unknown."""
    return refusal if keys.is_known else Problem(503, "Not ready yet; try again.", headers={"Retry-After": "5"})
