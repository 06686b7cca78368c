"""leads said what became of inquiries: their receipts end."""

from collections.abc import Sequence
from uuid import UUID

from services.intake.storage import receipts
from shared.contracts.inquiries import InquirySettled
from shared.contracts.words import SettlementOutcome
from shared.kit.database import Connection


async def settle_receipts(connection: Connection, settlements: Sequence[InquirySettled]) -> None:
    """Settle a batch with one statement. leads answers repeated claims as it did the first, so any one will do.

    Only a rejection gives way to another outcome, which comes after an operator's replay.
    """
    final: dict[UUID, InquirySettled] = {}
    for settlement in settlements:
        known = final.get(settlement.receipt_id)
        if known is None or known.outcome is SettlementOutcome.REJECTED:
            final[settlement.receipt_id] = settlement
    if final:
        await receipts.settle(connection, final)
