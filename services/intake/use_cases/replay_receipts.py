"""An operator runs receipts again, after an adapter was fixed."""

from uuid import UUID

from services.intake.storage import receipts
from shared.kit.database import Connection

MOST = 10_000


class ReceiptNotFound(LookupError):
    """There is no receipt with this id."""


class ReceiptNotPutAway(Exception):
    """Only ignored and quarantined receipts can be replayed; this one is on its way or has its outcome."""


async def replay_receipt(connection: Connection, receipt_id: UUID) -> None:
    """Make one receipt wait for its adapter again; raises `ReceiptNotFound` or `ReceiptNotPutAway`."""
    row = await receipts.find_id(connection, receipt_id)
    if row is None:
        raise ReceiptNotFound
    if not await receipts.replay(connection, [row]):
        raise ReceiptNotPutAway


async def replay_receipts(
    connection: Connection, *, reason: str | None = None, state: str | None = None, limit: int = MOST
) -> int:
    """Make the oldest put-away receipts wait again, of one reason or state if given; returns how many."""
    ids = await receipts.find_put_away(connection, reason=reason, state=state, limit=min(limit, MOST))
    return await receipts.replay(connection, ids)
