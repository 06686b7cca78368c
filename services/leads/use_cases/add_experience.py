"""Adding an experience to a lead: what its person told a colleague."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from services.leads.storage.lead_changes import Command, Remark, save_change
from services.leads.storage.lead_rows import lock_lead
from services.leads.storage.tables import Experience, Lead
from shared.contracts.leads import LeadChanged
from shared.kit.security import Caller


async def add_experience(
    session: AsyncSession, caller: Caller, reference: str, told: Mapping[str, Any], command: Command
) -> tuple[Lead, Experience]:
    """Write down what somebody wants; raises `LeadNotFound` and `VersionConflict`. What a form told stays beside it."""
    lead = await lock_lead(session, caller, reference)
    command.require_version(lead)
    assert lead.id is not None
    experience = Experience(**told, lead_id=lead.id, actor=command.actor, created_at=command.now)
    session.add(experience)
    await session.flush()
    remark = Remark("Added an experience")
    await save_change(session, lead, command, remark, partial(LeadChanged, fields=("experiences",)))
    return lead, experience
