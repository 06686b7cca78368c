"""Whether a form's visitor passed its challenge, where it has one."""

from dataclasses import dataclass
from uuid import UUID

from services.intake.clients.turnstile import Turnstile, Verdict
from services.intake.domain.forms import FieldRefused
from services.intake.domain.spam import TURNSTILE_FIELD
from shared.kit.logging import get_logger
from shared.kit.sealing import Seal, SealBroken

log = get_logger()

UNVERIFIED = "challenge not verified"


@dataclass(frozen=True)
class PassChallenge:
    """Asks the verifier with the form's own secret."""

    seal: Seal
    turnstile: Turnstile

    async def __call__(self, sealed: str, token: str, address: str, request_id: UUID) -> list[str]:
        """Flags for what could not be verified; raises `FieldRefused` when the challenge was not passed.

        Repeating a request with its `request_id` repeats the verdict.
        """
        try:
            secret = self.seal.open(sealed)
        except SealBroken as error:
            log.error("challenges cannot be verified", error=str(error))
            return [UNVERIFIED]
        verdict = await self.turnstile.verify(secret, token, address, request_id)
        if verdict is Verdict.FAILED:
            raise FieldRefused(TURNSTILE_FIELD, "challenge", "solve the challenge once more, and send the form then")
        return [UNVERIFIED] if verdict is Verdict.UNKNOWN else []
