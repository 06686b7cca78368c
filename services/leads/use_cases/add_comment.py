"""Commenting a lead: a line of history that a person wrote."""

from functools import partial

from sqlmodel.ext.asyncio.session import AsyncSession

from services.leads.storage.lead_changes import Command, Remark, save_change
from services.leads.storage.lead_journal import MANAGER_COMMENT
from services.leads.storage.lead_rows import lock_lead
from services.leads.storage.tables import HistoryEntry, Lead
from shared.contracts.leads import LeadChanged
from shared.kit.security import Caller


async def add_comment(
    session: AsyncSession, caller: Caller, reference: str, text: str, command: Command
) -> tuple[Lead, HistoryEntry]:
    """Write a comment; raises `LeadNotFound` and `VersionConflict`. The event says that there is one, not its text."""
    lead = await lock_lead(session, caller, reference)
    command.require_version(lead)
    remark = Remark(text, type=MANAGER_COMMENT)
    return lead, await save_change(session, lead, command, remark, partial(LeadChanged, fields=("comments",)))
