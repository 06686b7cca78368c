"""Receipts become inquiries, in the order of their arrival, or end with a reason."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from services.intake.domain.items import BROKEN, WHOLE
from services.intake.domain.normalise import normalise, to_body, to_event
from services.intake.domain.outcomes import Ignored, Quarantined
from services.intake.domain.receipts import NewReceipt, ReceiptState, WaitingReceipt
from services.intake.domain.splitting import SPLITTERS
from services.intake.domain.wishes import DEFAULT_WISHES, Wishes
from services.intake.storage import receipts
from services.intake.use_cases.receive_delivery import Stamp
from shared.contracts.events import event_type
from shared.contracts.topics import INQUIRIES, Topic
from shared.kit.database import Connection
from shared.kit.logging import describe
from shared.kit.relay import Outgoing, Published
from shared.kit.signals import Signal

# The API shares this loop: normalising more than this at once would be felt as latency of a webhook.
_AT_ONCE = 50


class ReceiptSource:
    """The receipts as the relay's source; what is no inquiry is put away while the next ones are fetched."""

    name = "receipts"
    topics: Sequence[Topic] = (INQUIRIES,)

    def __init__(self, stamp: Stamp, written: Signal, wishes: Wishes = DEFAULT_WISHES) -> None:
        self._stamp = stamp
        self._wishes = wishes
        self.written = written

    async def fetch(self, connection: Connection, limit: int) -> Sequence[Outgoing]:
        """The oldest inquiries that wait, normalised; empty only when no receipt waits at all."""
        while waiting := await receipts.list_waiting(connection, limit):
            outgoing: list[Outgoing] = []
            ignored: dict[int, str] = {}
            quarantined: dict[int, str] = {}
            for place, receipt in enumerate(waiting):
                if place % _AT_ONCE == 0:
                    await asyncio.sleep(0)
                found = self._read(receipt)
                if isinstance(found, list):
                    await self._replace(connection, receipt, found)
                elif isinstance(found, Outgoing):
                    outgoing.append(found)
                elif isinstance(found, Ignored):
                    ignored[receipt.id] = found.reason[:200]
                else:
                    quarantined[receipt.id] = found.reason[:200]
            for state, ended in ((ReceiptState.IGNORED, ignored), (ReceiptState.QUARANTINED, quarantined)):
                if ended:
                    await receipts.put_away(connection, state, ended)
            if outgoing:
                return outgoing
        return ()

    async def mark(self, connection: Connection, published: Sequence[Published]) -> None:
        """Note that the broker has these."""
        await receipts.mark_published(connection, published)

    async def unsend(self, connection: Connection, topic: Topic) -> int:
        """Make what leads has not settled wait again; what it settled it has, whatever the broker lost."""
        return await receipts.unsend_unsettled(connection)

    async def backlog(self, connection: Connection) -> tuple[int, datetime | None]:
        """The number of waiting receipts, and the age of the oldest."""
        return await receipts.backlog(connection)

    def _read(self, receipt: WaitingReceipt) -> list[NewReceipt] | Outgoing | Ignored | Quarantined:
        """What a receipt becomes; whatever fails on it puts it into quarantine, and does not stop the relay."""
        try:
            if parts := self._split_again(receipt):
                return parts
            outcome = normalise(receipt, self._wishes)
            if isinstance(outcome, (Ignored, Quarantined)):
                return outcome
            event = to_event(receipt, outcome, self._stamp.privacy_key)
            return Outgoing(receipt.id, INQUIRIES.name, event.thread, event_type(event), to_body(event))
        except Exception as error:
            return Quarantined(f"adapter failed: {describe(error)}")

    def _split_again(self, receipt: WaitingReceipt) -> list[NewReceipt]:
        """The receipts of a delivery, or part of one, that an operator replays; none while it cannot be split."""
        split = SPLITTERS.get(receipt.channel)
        if receipt.kind not in (WHOLE, BROKEN) or split is None:
            return []
        items = split(receipt.body)
        if any(item.kind == WHOLE for item in items):
            return []
        parts = self._stamp.receipts_of(items, receipt.received_at)
        return [] if any(part.dedupe_key == receipt.dedupe_key for part in parts) else parts

    async def _replace(self, connection: Connection, receipt: WaitingReceipt, parts: Sequence[NewReceipt]) -> None:
        """Give what can now be split receipts of its own, of the time at which it came."""
        async with connection.transaction():
            await receipts.add_receipts(connection, parts)
            await receipts.put_away(connection, ReceiptState.IGNORED, {receipt.id: "split again"})
