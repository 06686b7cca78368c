"""Deleting a lead softly: it is gone for people, its number stays taken, its owner and its person are free."""

from functools import partial

from sqlmodel.ext.asyncio.session import AsyncSession

from services.leads.storage.lead_changes import Command, Remark, save_change
from services.leads.storage.lead_rows import lock_lead
from services.leads.storage.tables import Lead
from shared.contracts.leads import LeadDeleted
from shared.kit.security import Caller


async def delete_lead(session: AsyncSession, caller: Caller, reference: str, command: Command) -> Lead:
    """Delete a lead; raises `LeadNotFound`, also the second time, and `VersionConflict`."""
    lead = await lock_lead(session, caller, reference)
    command.require_version(lead)
    lead.deleted_at = command.now
    lead.hand_over_at = None
    remark = Remark("Deleted", {"deleted_at": {"from": None, "to": command.now.isoformat()}})
    await save_change(session, lead, command, remark, partial(LeadDeleted, assigned_id=lead.assigned_id))
    return lead
