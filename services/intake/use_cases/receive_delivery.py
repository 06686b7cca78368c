"""A platform delivered something: split it, and write a receipt for each item."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from services.intake.domain.items import Item
from services.intake.domain.normalise import receipt_key
from services.intake.domain.receipts import NewReceipt
from services.intake.domain.splitting import SPLITTERS
from services.intake.storage.receipt_writer import ReceiptWriter
from shared.contracts.words import Channel
from shared.kit.clock import Clock, business_date
from shared.kit.identifiers import new_id

_SMALL = 256 * 1024


@dataclass(frozen=True)
class Stamp:
    """What turns items into receipts: the zone of the business and the key of the hashes."""

    clock: Clock
    zone: ZoneInfo
    privacy_key: str

    def receipts(self, items: Sequence[Item]) -> list[NewReceipt]:
        """A receipt for each item, all of this moment."""
        return self.receipts_of(items, self.clock.now())

    def receipts_of(self, items: Sequence[Item], received_at: datetime) -> list[NewReceipt]:
        """A receipt for each item, all of a given moment."""
        day = business_date(received_at, self.zone)
        return [
            # By position, which takes half as long.
            NewReceipt(
                new_id(),
                receipt_key(self.privacy_key, item.channel, item.account, item.key),
                item.channel,
                item.account,
                item.kind,
                item.body,
                received_at,
                day,
                item.error,
            )
            for item in items
        ]

    def dedupe_key(self, channel: Channel, account: str, *key: str) -> str:
        """The permanent key under which an item is the same item."""
        return receipt_key(self.privacy_key, channel, account, key)


@dataclass(frozen=True)
class ReceiveDelivery:
    """Takes signed bytes of one channel's webhook."""

    channel: Channel
    stamp: Stamp
    writer: ReceiptWriter

    async def __call__(self, raw: bytes) -> int:
        """Return the number of items when all of them are durable; raises `ReceiptsNotWritten`."""
        split = SPLITTERS[self.channel]
        # A few megabytes take long enough to parse that others would notice.
        items = split(raw) if len(raw) < _SMALL else await asyncio.to_thread(split, raw)
        await self.writer.write(self.stamp.receipts(items))
        return len(items)
