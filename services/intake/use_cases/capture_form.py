"""A form is being filled in: one receipt for each thing that its page tells, under a uuid that works at once."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.intake.domain.form_rules import FormRules
from services.intake.domain.forms import SMALL_FORM, FieldRefused, content_hash
from services.intake.domain.items import Item, make_item
from services.intake.domain.progress import RIGHT_MEMBER, Progress, read_progress
from services.intake.domain.spam import Guards, spam_reason, take_guards
from services.intake.domain.submissions import Circumstances, describe_post, take_consent
from services.intake.domain.write_tokens import make_token
from services.intake.storage.forms import EarlierPost, claim_post, find_post
from services.intake.use_cases.keep_post import Condition, KeyUsedForOtherContent, Post, find_earlier, keep_post
from services.intake.use_cases.pass_challenge import PassChallenge
from services.intake.use_cases.receive_delivery import Stamp
from shared.contracts.words import Channel
from shared.kit.database import Connection, Database
from shared.kit.identifiers import new_id
from shared.kit.privacy import keyed_hash
from shared.kit.text import dump_json

FIRST, FURTHER = "form", "form progress"


class CaptureNotAllowed(Exception):
    """The form's owner does not let it be captured before it is sent."""


class FormFrozen(Exception):
    """The form was submitted: what it says cannot change any more."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A form that was begun, and the right to go on with it."""

    lead_uuid: UUID
    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class _Request:
    """One request, read and checked; `fields` are without those of the guards, `content` identifies what it said."""

    form: FormRules
    seen: Circumstances
    now: datetime
    progress: Progress
    guards: Guards
    fields: dict[str, Any]
    content: str

    @property
    def spam(self) -> str | None:
        """Which guard caught it."""
        return spam_reason(self.form, self.guards, is_sent=self.progress.is_submitted)

    @property
    def is_final(self) -> bool:
        """Whether the form cannot change any more after it."""
        return self.progress.is_submitted and self.spam is None


@dataclass(frozen=True)
class CaptureForm:
    """Takes what a page tells about a form that may not be finished."""

    stamp: Stamp
    database: Database
    challenge: PassChallenge
    lifetime: timedelta

    async def begin(self, form: FormRules, told: Mapping[str, Any], seen: Circumstances) -> Capture:
        """Return the new lead's uuid and its write token when the receipt is durable.

        The same Idempotency-Key gives the same answer. Without one each request begins another form, since visitors
        may well tell the same; only what is submitted at once is the same for ten minutes, and so is a `visit`, with
        which a page that never heard our answer goes on. A challenge is passed here, once for the whole form.

        Raises `FieldRefused`, `CaptureNotAllowed`, `FormFrozen`, `KeyUsedForOtherContent`, or what is transient of a
        database that hangs.
        """
        request, lead_uuid = await self._read(form, told, seen), new_id()
        if not (any(request.fields.values()) or request.progress.experiences or request.progress.is_submitted):
            raise FieldRefused("fields", "missing", "tell at least one field that the form asks for, or an experience")
        try:
            kept = await self._begin(request, lead_uuid)
        except KeyUsedForOtherContent as other:
            if request.progress.visit is None or seen.idempotency_key:
                raise
            kept = other.earlier
            await self.go_on(form, kept.lead_uuid, told, seen)
        return self._capture(form, kept.lead_uuid, kept.received_at)

    async def _begin(self, request: _Request, lead_uuid: UUID) -> EarlierPost:
        form, seen = request.form, request.seen
        post, flags = self._post(request, form.form_key, request.progress.visit), list[str]()
        if form.turnstile_secret and request.spam is None:
            if earlier := await find_earlier(self.database, post):
                return earlier
            token, request_id = request.guards.turnstile_token, UUID(post.fingerprint)
            flags = await self.challenge(form.turnstile_secret, token, seen.address, request_id)
        item = self._item(request, 0, (FIRST, str(lead_uuid)), flags)
        condition = self._freeze(lead_uuid, request.now) if request.is_final else None
        return await keep_post(self.database, self.stamp, post, item, lead_uuid, condition=condition)

    async def go_on(self, form: FormRules, lead_uuid: UUID, told: Mapping[str, Any], seen: Circumstances) -> bool:
        """Keep what a page tells further about a form whose token it has; returns whether that submits the form.

        Raises as `begin` does, and `FormFrozen` after a submission.
        """
        request = await self._read(form, told, seen)
        number = request.progress.sequence
        # Numbered requests are known again for ever, by their receipt; the others by their key alone.
        key = (FURTHER, str(lead_uuid), str(new_id() if number is None else number), request.content)
        # Without a number our time orders them, after the beginning.
        item = self._item(request, int(request.now.timestamp() * 1000), key, [])
        condition = (self._freeze if request.is_final else self._require_open)(lead_uuid, request.now)
        post = self._post(request, str(lead_uuid))
        await keep_post(self.database, self.stamp, post, item, lead_uuid, condition=condition)
        return request.progress.is_submitted

    async def _read(self, form: FormRules, told: Mapping[str, Any], seen: Circumstances) -> _Request:
        """Check what a page told; in a thread where it is long enough that others would notice."""
        if len(dump_json(dict(told))) <= SMALL_FORM:
            return self._check(form, told, seen)
        return await asyncio.to_thread(self._check, form, told, seen)

    def _check(self, form: FormRules, told: Mapping[str, Any], seen: Circumstances) -> _Request:
        now = self.stamp.clock.now()
        progress = read_progress(told, form, now)
        if not (progress.is_submitted or form.capture_before_submit):
            raise CaptureNotAllowed
        guards, fields = take_guards(form, progress.fields)
        content = content_hash({name: value for name, value in told.items() if name != RIGHT_MEMBER})
        return _Request(form, seen, now, progress, guards, fields, content)

    def _item(self, request: _Request, sequence: int, key: tuple[str, ...], flags: list[str]) -> Item:
        form, progress, seen = request.form, request.progress, request.seen
        # Across origins a browser's referrer is no page, only a site.
        seen = replace(seen, page_url=progress.page_url or seen.page_url)
        consent, fields = take_consent(form, request.fields, seen, request.now)
        if form.consent_field not in request.fields and not progress.is_submitted:
            # The page has not come to the question yet.
            consent = None
        if progress.attribution:
            fields = fields | {"attribution": progress.attribution}
        body = describe_post(form, fields, seen) | {"consent": consent, "flags": flags, "spam": request.spam}
        body["progress"] = {
            "sequence": sequence if progress.sequence is None else progress.sequence,
            "step": progress.step,
            "experiences": progress.experiences,
            "is_submitted": progress.is_submitted,
            "is_further": key[0] == FURTHER,
        }
        return make_item(Channel.FORM, form.form_key, key[0], key, body)

    def _post(self, request: _Request, of: str, visit: str | None = None) -> Post:
        key, given = self.stamp.privacy_key, request.seen.idempotency_key
        distinct = ("content", request.content) if request.is_final else ("once", str(new_id()))
        if visit is not None:
            distinct = ("visit", visit)
        return Post(
            fingerprint=keyed_hash(key, "form capture", of, *(("key", given) if given else distinct)),
            content_hash=keyed_hash(key, "form content", request.content),
            is_keyed=given is not None,
            received_at=request.now,
        )

    def _capture(self, form: FormRules, lead_uuid: UUID, begun_at: datetime) -> Capture:
        expires_at = begun_at + self.lifetime
        return Capture(lead_uuid, make_token(self.stamp.privacy_key, form.form_key, lead_uuid, expires_at), expires_at)

    def _freeze(self, lead_uuid: UUID, now: datetime) -> Condition:
        name = self._name_of_end(lead_uuid)

        async def freeze(connection: Connection) -> None:
            earlier = await claim_post(
                connection, fingerprint=name, content_hash="", is_keyed=True, lead_uuid=lead_uuid, received_at=now
            )
            if earlier is not None:
                raise FormFrozen

        return freeze

    def _require_open(self, lead_uuid: UUID, now: datetime) -> Condition:
        name = self._name_of_end(lead_uuid)

        async def require_open(connection: Connection) -> None:
            if await find_post(connection, name, now) is not None:
                raise FormFrozen

        return require_open

    def _name_of_end(self, lead_uuid: UUID) -> str:
        return keyed_hash(self.stamp.privacy_key, "form submitted", str(lead_uuid))
