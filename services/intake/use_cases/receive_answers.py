"""A form provider delivered somebody's answers: one receipt, with the payload as it came."""

import asyncio
from dataclasses import dataclass, replace

from services.intake.domain.form_rules import FormRules, Provider
from services.intake.domain.items import Item, fingerprint, make_item, whole
from services.intake.domain.providers import delivery_id
from services.intake.domain.withheld import without_cards
from services.intake.use_cases.keep_post import Post, keep_post
from services.intake.use_cases.receive_delivery import Stamp
from shared.contracts.words import Channel
from shared.kit.database import Database
from shared.kit.identifiers import new_id
from shared.kit.privacy import keyed_hash
from shared.kit.text import UnreadableJson, parse_json

_SMALL = 16 * 1024


@dataclass(frozen=True)
class ReceiveAnswers:
    """Takes signed bytes of a provider. The adapter reads the payload later, and again when it is replayed."""

    stamp: Stamp
    database: Database

    async def __call__(self, form: FormRules, provider: Provider, raw: bytes) -> None:
        """Return when the receipt is durable; answers that were delivered before change nothing.

        What is signed and no JSON is kept in quarantine: the provider would only send the same again.
        """
        if len(raw) < _SMALL:
            name, item = self._read(form, provider, raw)
        else:
            name, item = await asyncio.to_thread(self._read, form, provider, raw)
        distinct = keyed_hash(self.stamp.privacy_key, "form", form.form_key, provider, *name)
        # Of the same answers only the first counts, even if a provider adds something to its second delivery.
        post = Post(distinct, distinct, is_keyed=True, received_at=self.stamp.clock.now())
        await keep_post(self.database, self.stamp, post, item, new_id())

    def _read(self, form: FormRules, provider: Provider, raw: bytes) -> tuple[tuple[str, ...], Item]:
        """What makes a delivery the same again, and its item."""
        try:
            payload = parse_json(raw)
        except UnreadableJson as error:
            item = whole(Channel.FORM, raw, f"{provider}: {error}")
            return item.key, replace(item, account=form.form_key)
        name = delivery_id(provider, payload) or ("content", fingerprint(payload))
        return name, self._item(form, provider, name, payload)

    def _item(self, form: FormRules, provider: Provider, name: tuple[str, ...], payload: object) -> Item:
        body = {
            "provider": provider,
            "payload": without_cards(payload),
            "mapping": dict(form.mapping),
            "default_region": form.default_region,
        }
        return make_item(Channel.FORM, form.form_key, f"form {provider}", (provider, *name), body)
