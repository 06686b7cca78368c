"""Adding a lead for somebody: registered like any inquiry, with the fields that only colleagues fill."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel.ext.asyncio.session import AsyncSession

from services.leads.domain.hand_over import HandOverPolicy
from services.leads.domain.openings import Extras
from services.leads.storage.lead_changes import Command, Remark, save_change
from services.leads.storage.lead_journal import MANAGER_COMMENT
from services.leads.storage.lead_rows import lock_lead
from services.leads.storage.tables import Lead
from services.leads.use_cases.create_lead import NewLead, create_lead
from services.leads.use_cases.update_lead import Edit, edit_lead
from shared.contracts.leads import LeadChanged
from shared.kit.database import driver
from shared.kit.security import Caller


async def add_lead(
    session: AsyncSession,
    caller: Caller,
    new: NewLead,
    columns: Mapping[str, Any],
    command: Command,
    *,
    zone: ZoneInfo,
    policy: HandOverPolicy,
) -> tuple[Lead, bool]:
    """The lead that a person has from now on, and whether it was open already; the caller must see all leads.

    A new lead is born with all of `columns`, as the last statement, because everybody else's leads of the day wait
    until the commit: it is returned as it was written, detached. An open one takes what it lacks. Nothing of it is
    overwritten: a note that finds another one becomes a comment.
    """
    registered = await create_lead(
        await driver(session),
        replace(new, extras=_extras(columns)),
        actor=command.actor,
        request_id=command.request_id,
        now=command.now,
        zone=zone,
        policy=policy,
    )
    if registered.opened is not None:
        return Lead(**registered.opened), False
    lead = await lock_lead(session, caller, str(registered.lead_id))
    note = lead.note
    await edit_lead(session, lead, Edit(_lacking(lead, columns)), command)
    if note and (further := columns.get("note")) and further != note:
        remark = Remark(further, type=MANAGER_COMMENT)
        await save_change(session, lead, command, remark, lambda **facts: LeadChanged(fields=("comments",), **facts))
    return lead, True


def _extras(columns: Mapping[str, Any]) -> Extras:
    custom = {key: item for key, item in columns.get("custom", {}).items() if item is not None}
    return Extras(**{**columns, "custom": custom})


def _lacking(lead: Lead, columns: Mapping[str, Any]) -> dict[str, Any]:
    """What of the new values an open lead has no value for; tags are added, and a step is the furthest reached."""
    lacking: dict[str, Any] = {}
    for name, value in columns.items():
        if name == "tags":
            lacking[name] = [*lead.tags, *(tag for tag in value if tag not in lead.tags)]
        elif name == "custom":
            lacking[name] = {key: item for key, item in value.items() if key not in lead.custom}
        elif name == "step" and value is not None:
            lacking[name] = min(value, lead.step or value)
        elif not getattr(lead, name):
            lacking[name] = value
    return lacking
