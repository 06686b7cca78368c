"""An inquiry that cannot be registered: its receipt is told, so that an operator sees it where it came in."""

from datetime import datetime

from shared.contracts.inquiries import InquirySettled, IntakeEvent
from shared.contracts.topics import SETTLEMENTS
from shared.contracts.words import SettlementOutcome
from shared.kit import outbox
from shared.kit.database import Connection
from shared.kit.identifiers import new_id


async def reject_inquiry(connection: Connection, inquiry: IntakeEvent, reason: str, now: datetime) -> None:
    """Answer an inquiry whose record was put aside. No claim is kept: replaying the dead letter registers it."""
    rejection = InquirySettled(
        event_id=new_id(),
        occurred_at=now,
        correlation_id=inquiry.correlation_id,
        receipt_id=inquiry.receipt_id,
        outcome=SettlementOutcome.REJECTED,
        reason=f"dead letter: {reason}",
    )
    await outbox.append(connection, SETTLEMENTS, [(inquiry.receipt_id, rejection)])
