"""A person, or leads on a person's behalf, decides who owns a lead."""

from datetime import datetime

from services.assignment.domain.leads import ByHand
from services.assignment.storage.ledgers import open_ledger
from services.assignment.use_cases.record_outcomes import record_outcomes
from shared.kit.database import Database


async def assign_by_hand(
    database: Database, now: datetime, *, lead_id: int, member_id: int, decided_by: int | None, reason: str | None
) -> ByHand:
    """Make a numbered decision for a member, or name the one by which they own the lead or were chosen already.

    Raises:
        LeadUnknown, LeadNotOpen, MemberUnknown, MemberInactive, CapacityFull
    """
    async with database.transaction() as connection:
        ledger = await open_ledger(connection, now, [lead_id], events=1)
        fulfilled = ledger.assign_by_hand(lead_id, member_id, decided_by, reason)
        if fulfilled.is_new:
            await record_outcomes(connection, ledger, now)
        return fulfilled
