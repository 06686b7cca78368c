"""A web form was posted: one receipt, and a uuid that works for ever."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.intake.domain.form_rules import FormRules
from services.intake.domain.forms import content_hash
from services.intake.domain.items import make_item
from services.intake.domain.spam import spam_reason, take_guards
from services.intake.domain.submissions import Circumstances, describe_post, take_consent
from services.intake.use_cases.keep_post import Post, find_earlier, keep_post
from services.intake.use_cases.pass_challenge import PassChallenge
from services.intake.use_cases.receive_delivery import Stamp
from shared.contracts.words import Channel
from shared.kit.database import Database
from shared.kit.identifiers import new_id
from shared.kit.privacy import keyed_hash


@dataclass(frozen=True)
class SubmitForm:
    """Takes checked fields of a known form."""

    stamp: Stamp
    database: Database
    challenge: PassChallenge

    async def __call__(self, form: FormRules, fields: dict[str, Any], seen: Circumstances) -> UUID:
        """Return the lead's uuid when the receipt is durable; also for spam, whose sender learns nothing.

        The same Idempotency-Key, or without one the same content within ten minutes, gives the same uuid and has
        one effect. Raises `FieldRefused` when the challenge was not passed, `KeyUsedForOtherContent`, or within
        seconds what is transient of a database that hangs.
        """
        guards, content = take_guards(form, fields)
        spam = spam_reason(form, guards)
        post = self._post(form, content, seen, spam)
        flags: list[str] = []
        if form.turnstile_secret and spam is None:
            # Before the challenge, whose token is good for one time only.
            if (earlier := await find_earlier(self.database, post)) is not None:
                return earlier.lead_uuid
            request_id = UUID(post.fingerprint)
            flags = await self.challenge(form.turnstile_secret, guards.turnstile_token, seen.address, request_id)
        consent, rest = take_consent(form, content, seen, post.received_at)
        lead_uuid = new_id()
        body = describe_post(form, rest, seen) | {"consent": consent, "flags": flags, "spam": spam}
        item = make_item(Channel.FORM, form.form_key, "form", (post.fingerprint, str(lead_uuid)), body)
        return (await keep_post(self.database, self.stamp, post, item, lead_uuid)).lead_uuid

    def _post(self, form: FormRules, content: dict[str, Any], seen: Circumstances, spam: str | None) -> Post:
        said, key = content_hash(content), self.stamp.privacy_key
        # Somebody who was too quick and sends the same again in peace is not repeating what was put away.
        distinct = ("key", seen.idempotency_key) if seen.idempotency_key else ("content", said, *filter(None, [spam]))
        return Post(
            fingerprint=keyed_hash(key, "form", form.form_key, *distinct),
            content_hash=keyed_hash(key, "form content", said),
            is_keyed=seen.idempotency_key is not None,
            received_at=self.stamp.clock.now(),
        )
