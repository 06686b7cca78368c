"""Receipts become inquiries, in the order of their arrival, or end with a reason."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from services.intake.domain.items import WHOLE, Item
from services.intake.domain.normalise import normalise, to_body, to_event
from services.intake.domain.outcomes import Ignored, Inquiry
from services.intake.domain.receipts import ReceiptState, WaitingReceipt
from services.intake.domain.splitting import SPLITTERS
from services.intake.storage import receipts
from services.intake.use_cases.receive_delivery import Stamp
from shared.contracts.events import event_type
from shared.contracts.inquiries import InquiryReceived
from shared.contracts.topics import INQUIRIES, Topic
from shared.kit.database import Connection
from shared.kit.relay import Outgoing, Published
from shared.kit.signals import Signal

# The API shares this loop: normalising more than this at once would be felt as latency of a webhook.
_AT_ONCE = 50


class ReceiptSource:
    """The receipts as the relay's source; what is no inquiry is put away while the next ones are fetched."""

    name = "receipts"
    topics: Sequence[Topic] = (INQUIRIES,)

    def __init__(self, stamp: Stamp, written: Signal) -> None:
        self._stamp = stamp
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
                if items := _split_again(receipt):
                    await self._replace(connection, receipt, items)
                    continue
                outcome = normalise(receipt)
                if isinstance(outcome, Inquiry):
                    outgoing.append(self._outgoing(receipt, outcome))
                elif isinstance(outcome, Ignored):
                    ignored[receipt.id] = outcome.reason[:200]
                else:
                    quarantined[receipt.id] = outcome.reason[:200]
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

    def _outgoing(self, receipt: WaitingReceipt, inquiry: Inquiry) -> Outgoing:
        event = to_event(receipt, inquiry, self._stamp.privacy_key)
        return Outgoing(receipt.id, INQUIRIES.name, event.thread, event_type(InquiryReceived), to_body(event))

    async def _replace(self, connection: Connection, receipt: WaitingReceipt, items: Sequence[Item]) -> None:
        """Give the items of a delivery that can now be split receipts of their own, of the time it came."""
        async with connection.transaction():
            await receipts.add_receipts(connection, self._stamp.receipts_of(items, receipt.received_at))
            await receipts.put_away(connection, ReceiptState.IGNORED, {receipt.id: "split again"})


def _split_again(receipt: WaitingReceipt) -> list[Item]:
    """The items of a whole delivery that an operator replays; none while it still cannot be split."""
    split = SPLITTERS.get(receipt.channel)
    if receipt.kind != WHOLE or split is None:
        return []
    items = split(receipt.body)
    return [] if len(items) == 1 and items[0].kind == WHOLE else items
