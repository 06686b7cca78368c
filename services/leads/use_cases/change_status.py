"""Moving a lead along its table of moves."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlmodel.ext.asyncio.session import AsyncSession

from services.leads.domain.lifecycle import Standing, after, choose_move
from services.leads.storage.lead_changes import Command, Remark, save_change
from services.leads.storage.lead_rows import lock_lead
from services.leads.storage.tables import Lead
from shared.contracts.leads import LeadStatusChanged
from shared.contracts.words import LeadOutcome, LeadStatus
from shared.kit.security import Caller

_FIELDS = ("status", "outcome", "close_reason", "first_response_at", "closed_at")


@dataclass(frozen=True, slots=True)
class Transition:
    """A move that somebody asks for; closing without an outcome means lost. `reason` is theirs, for people."""

    to: LeadStatus
    outcome: LeadOutcome | None = None
    reason: str | None = None


async def change_status(
    session: AsyncSession, caller: Caller, reference: str, transition: Transition, command: Command
) -> Lead:
    """Lock a lead that the caller may see, move it, and return it as it is then.

    Raises `LeadNotFound`, `VersionConflict` and `IllegalTransition`; nothing is changed then.
    """
    lead = await lock_lead(session, caller, reference)
    command.require_version(lead)
    await move_lead(session, lead, transition, command)
    return lead


async def move_lead(session: AsyncSession, lead: Lead, transition: Transition, command: Command) -> None:
    """Move a lead whose person and row are locked: its fields, its history, its event. Raises `IllegalTransition`."""
    status = LeadStatus(lead.status)
    move = choose_move(status, transition.to, transition.outcome)
    standing = after(Standing(status, first_response_at=lead.first_response_at), move, command.now)
    before = {name: getattr(lead, name) for name in _FIELDS}
    lead.status = int(standing.status)
    lead.outcome = standing.outcome.value if standing.outcome else None
    lead.close_reason = transition.reason if standing.outcome else None
    lead.first_response_at = standing.first_response_at
    lead.closed_at = standing.closed_at
    changes = {
        name: {"from": _json(before[name]), "to": _json(value)}
        for name in _FIELDS
        if (value := getattr(lead, name)) != before[name]
    }
    text = f"{status.label} → {standing.status.label}" + (f" ({move.outcome})" if move.outcome else "")
    event = partial(
        LeadStatusChanged,
        from_status=status,
        to_status=standing.status,
        outcome=move.outcome,
        assigned_id=lead.assigned_id,
    )
    await save_change(session, lead, command, Remark(text, changes), event)


def _json(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
