"""Editing a lead: its fields, and with them its status, by the same table of moves as always."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from services.leads.domain.statements import email_key, phone_key, stated_identities
from services.leads.storage.lead_changes import Command, Remark, save_change
from services.leads.storage.lead_rows import lock_lead
from services.leads.storage.tables import Lead
from services.leads.use_cases.change_status import Transition, move_lead
from services.leads.use_cases.state_addresses import hold_addresses, state_addresses
from shared.contracts.inquiries import Identity
from shared.contracts.leads import LeadChanged
from shared.contracts.words import LeadStatus
from shared.kit.security import Caller

_HIDDEN = ("phone_key", "email_key")


@dataclass(frozen=True, slots=True)
class Edit:
    """New values of a lead's columns; of `custom` only the given keys change, and None removes one.

    `identities` are the addresses among them, which the lead's person is then known by.
    """

    columns: Mapping[str, Any] = field(default_factory=dict)
    transition: Transition | None = None
    identities: Sequence[Identity] = ()


async def update_lead(session: AsyncSession, caller: Caller, reference: str, edit: Edit, command: Command) -> Lead:
    """Lock a lead that the caller may see, edit it, and return it as it is then.

    What is equal already changes nothing, not even the version. Raises `LeadNotFound`, `VersionConflict` and
    `IllegalTransition`, and then nothing is changed.
    """
    held = await hold_addresses(session, edit.identities, command.now)
    lead = await lock_lead(session, caller, reference)
    command.require_version(lead)
    await edit_lead(session, lead, edit, command)
    await state_addresses(session, lead, held, command.now)
    return lead


async def edit_lead(session: AsyncSession, lead: Lead, edit: Edit, command: Command) -> None:
    """Edit a locked lead. One of a form in progress may be assigned as soon as somebody can be reached."""
    changes = _apply(lead, edit.columns)
    if not lead.is_ready and (lead.phone_key or lead.email_key):
        lead.is_ready = True
        changes["is_ready"] = {"from": False, "to": True}
        # The sweep hands it over.
        lead.hand_over_at = command.now
    if changes:
        remark = Remark(f"Edited {', '.join(changes)}", changes)
        await save_change(session, lead, command, remark, partial(LeadChanged, fields=tuple(sorted(changes))))
    wanted = edit.transition
    if wanted is not None and not _is_there(lead, wanted):
        await move_lead(session, lead, wanted, command)


def edit_of(columns: Mapping[str, Any], transition: Transition | None, default_region: str | None) -> Edit:
    """An edit with what the phone and the mail address among the columns are compared by."""
    phone, email = columns.get("phone"), columns.get("email")
    keyed = dict(columns)
    if "phone" in columns:
        keyed["phone_key"] = phone_key(phone, default_region)
    if "email" in columns:
        keyed["email_key"] = email_key(email)
    return Edit(keyed, transition, stated_identities(phone, email, default_region))


def _apply(lead: Lead, columns: Mapping[str, Any]) -> dict[str, Any]:
    changes = {}
    for name, value in columns.items():
        before = getattr(lead, name)
        after = _merged(before, value) if name == "custom" else value
        if after == before:
            continue
        # Always a new object: what changes inside a jsonb or an array value is not noticed.
        setattr(lead, name, after)
        if name not in _HIDDEN:
            changes[name] = {"from": _told(before), "to": _told(after)}
    return changes


def _told(value: Any) -> Any:
    """How history tells a value: nothing is None, as it was before anything happened to the lead."""
    return None if value in ({}, []) else value


def _merged(before: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**before, **news}.items() if value is not None}


def _is_there(lead: Lead, wanted: Transition) -> bool:
    """Whether the lead has the status that is asked for; a closed one only with the same outcome."""
    if lead.status != wanted.to:
        return False
    return lead.status != LeadStatus.CLOSED or wanted.outcome is None or wanted.outcome == lead.outcome
