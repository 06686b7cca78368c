"""A web form was posted: one receipt, and a uuid that works for ever."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from services.intake.domain.forms import content_hash
from services.intake.domain.items import make_item
from services.intake.storage.forms import FormRules, claim_post
from services.intake.storage.receipt_writer import PATIENCE_SECONDS, hurried
from services.intake.storage.receipts import add_receipts
from services.intake.use_cases.receive_delivery import Stamp
from shared.contracts.words import Channel
from shared.kit.database import Database
from shared.kit.identifiers import new_id
from shared.kit.privacy import keyed_hash


class KeyUsedForOtherContent(Exception):
    """An Idempotency-Key came before with another body."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a request tells besides its fields; nothing of it is trusted."""

    idempotency_key: str | None = None
    origin: str | None = None
    page_url: str | None = None
    language: str | None = None


@dataclass(frozen=True)
class SubmitForm:
    """Takes checked fields of a known form."""

    stamp: Stamp
    database: Database

    async def __call__(self, form: FormRules, fields: dict[str, Any], seen: Circumstances) -> UUID:
        """Return the lead's uuid when the receipt is durable.

        The same Idempotency-Key, or without one the same content within ten minutes, gives the same uuid and has
        one effect. Raises `KeyUsedForOtherContent`, or within seconds what is transient of a database that hangs.
        """
        now = self.stamp.clock.now()
        content, lead_uuid = content_hash(fields), new_id()
        distinct = ("key", seen.idempotency_key) if seen.idempotency_key else ("content", content)
        fingerprint = keyed_hash(self.stamp.privacy_key, "form", form.form_key, *distinct)
        hashed = keyed_hash(self.stamp.privacy_key, "form content", content)
        body = {
            "default_region": form.default_region,
            "fields": fields,
            "origin": seen.origin,
            "page_url": seen.page_url,
            "language": seen.language,
        }
        item = make_item(Channel.FORM, form.form_key, "form", (fingerprint, str(lead_uuid)), body)
        async with hurried(self.database, PATIENCE_SECONDS) as connection, connection.transaction():
            earlier = await claim_post(
                connection,
                fingerprint=fingerprint,
                content_hash=hashed,
                is_keyed=seen.idempotency_key is not None,
                lead_uuid=lead_uuid,
                received_at=now,
            )
            if earlier is None:
                receipts = self.stamp.receipts_of([item], now)
                await add_receipts(connection, [replace(receipts[0], lead_uuid=lead_uuid)])
        if earlier is None:
            self.database.committed.set()
            return lead_uuid
        if earlier.content_hash != hashed:
            raise KeyUsedForOtherContent
        return earlier.lead_uuid
