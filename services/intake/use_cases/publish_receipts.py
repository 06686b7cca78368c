"""Receipts become inquiries, in the order of their arrival, or end with a reason."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.intake.domain.items import BROKEN, WHOLE
from services.intake.domain.media import Media, media_of
from services.intake.domain.normalise import normalise, to_body, to_event
from services.intake.domain.outcomes import Awaited, Ignored, Inquiry, Quarantined
from services.intake.domain.receipts import NewReceipt, ReceiptState, WaitingReceipt
from services.intake.domain.splitting import SPLITTERS
from services.intake.domain.wishes import DEFAULT_WISHES, Wishes
from services.intake.storage import lead_fetches, receipts
from services.intake.storage.attachments import expect_attachments
from services.intake.use_cases.receive_delivery import Stamp
from shared.contracts.events import event_type
from shared.contracts.topics import INQUIRIES, Topic
from shared.kit.database import Connection
from shared.kit.logging import describe
from shared.kit.relay import Outgoing, Positions, Published
from shared.kit.signals import Signal

# The API shares this loop: normalising more than this at once would be felt as latency of a webhook.
_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class _Ready:
    """A receipt that can be published, and the files that are to be fetched for it."""

    outgoing: Outgoing
    media: Sequence[Media]


Reading = list[NewReceipt] | _Ready | Awaited | Ignored | Quarantined
"""What a receipt becomes: what it can now be split into, something to publish, or a reason to put it away."""


@dataclass
class _Pile:
    """Receipts that were read, by what must be done with them."""

    outgoing: list[Outgoing] = field(default_factory=list)
    media: dict[int, Sequence[Media]] = field(default_factory=dict)
    split: list[tuple[WaitingReceipt, list[NewReceipt]]] = field(default_factory=list)
    awaited: dict[int, Awaited] = field(default_factory=dict)
    ended: dict[ReceiptState, dict[int, str]] = field(default_factory=dict)

    def add(self, receipt: WaitingReceipt, found: Reading) -> None:
        match found:
            case list():
                self.split.append((receipt, found))
            case _Ready(outgoing, media):
                self.outgoing.append(outgoing)
                if media:
                    self.media[receipt.id] = media
            case Awaited():
                self.awaited[receipt.id] = found
            case Ignored(reason):
                self.ended.setdefault(ReceiptState.IGNORED, {})[receipt.id] = reason[:200]
            case Quarantined(reason):
                self.ended.setdefault(ReceiptState.QUARANTINED, {})[receipt.id] = reason[:200]


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
            pile = _Pile()
            for place, receipt in enumerate(waiting):
                if place % _AT_ONCE == 0:
                    await asyncio.sleep(0)
                pile.add(receipt, self._read(receipt))
            await self._put_away(connection, pile)
            if pile.outgoing:
                return pile.outgoing
        return ()

    async def mark(self, connection: Connection, published: Sequence[Published], positions: Positions) -> None:
        """Note that the broker has these."""
        await receipts.mark_published(connection, published, positions)

    async def unsend(self, connection: Connection, topic: Topic) -> int:
        """Make what leads has not settled wait again; what it settled it has, whatever the broker lost."""
        return await receipts.unsend_unsettled(connection)

    async def backlog(self, connection: Connection) -> tuple[int, datetime | None]:
        """The number of waiting receipts, and the age of the oldest."""
        return await receipts.backlog(connection)

    def _read(self, receipt: WaitingReceipt) -> Reading:
        """What a receipt becomes; whatever fails on it puts it into quarantine, and does not stop the relay."""
        try:
            if parts := self._split_again(receipt):
                return parts
            outcome = normalise(receipt, self._wishes)
            if isinstance(outcome, (Awaited, Ignored, Quarantined)):
                return outcome
            event = to_event(receipt, outcome, self._stamp.privacy_key)
            outgoing = Outgoing(receipt.id, INQUIRIES.name, event.thread, event_type(event), to_body(event))
            return _Ready(outgoing, media_of(receipt.channel, outcome) if isinstance(outcome, Inquiry) else ())
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

    async def _put_away(self, connection: Connection, pile: "_Pile") -> None:
        """Settle those that are not published now, or not ever; queue the files of those that are."""
        for receipt, parts in pile.split:
            await self._replace(connection, receipt, parts)
        for state, reasons in pile.ended.items():
            await receipts.put_away(connection, state, reasons)
        if pile.awaited:
            await lead_fetches.await_leads(connection, pile.awaited)
        if pile.media:
            await expect_attachments(connection, pile.media)

    async def _replace(self, connection: Connection, receipt: WaitingReceipt, parts: Sequence[NewReceipt]) -> None:
        """Give what can now be split receipts of its own, of the time at which it came."""
        async with connection.transaction():
            # Done again after a crash the parts would get other ids, while leads may have heard of these.
            await connection.execute("SET LOCAL synchronous_commit = on")
            await receipts.add_receipts(connection, parts)
            await receipts.put_away(connection, ReceiptState.IGNORED, {receipt.id: "split again"})
