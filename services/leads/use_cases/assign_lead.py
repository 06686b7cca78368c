"""Giving a lead to somebody: assignment decides, leads applies at once what it decided."""

from sqlmodel.ext.asyncio.session import AsyncSession

from services.leads.clients.assignment import Assignment, DecisionRefused
from services.leads.domain.errors import VersionConflict
from services.leads.storage.lead_changes import Command
from services.leads.storage.lead_rows import lock_lead
from services.leads.storage.tables import Lead
from services.leads.use_cases.apply_assignments import apply_assignments
from services.leads.use_cases.update_lead import Edit, edit_lead
from shared.contracts.assignment import AssignmentDecided
from shared.kit.database import Database, driver
from shared.kit.identifiers import new_id
from shared.kit.security import Caller


async def rehearse(database: Database, caller: Caller, reference: str, edit: Edit, command: Command) -> int:
    """Find out whether an edit would succeed, without leaving a trace, and return the lead's id.

    assignment is asked only then, and outside any transaction: no lock waits for another service. Raises what
    the edit would raise.
    """
    async with database.session() as session:
        lead = await lock_lead(session, caller, reference)
        command.require_version(lead)
        await edit_lead(session, lead, edit, command)
        assert lead.id is not None
        lead_id = lead.id
        await session.rollback()
    return lead_id


async def decide_owner(
    assignment: Assignment, caller: Caller, lead_id: int, member_id: int, command: Command
) -> AssignmentDecided:
    """Ask assignment for a decision in the caller's name; raises `DecisionRefused` and `AssignmentAway`."""
    decision = await assignment.assign(lead_id, member_id, caller.member_id)
    return AssignmentDecided(
        event_id=new_id(),
        occurred_at=command.now,
        correlation_id=command.request_id,
        decision_id=decision.id,
        decision_number=decision.decision_number,
        lead_id=decision.lead_id,
        member_id=decision.chosen_member_id,
        previous_member_id=decision.previous_member_id,
        is_manual=decision.is_manual,
    )


async def take_owner(
    session: AsyncSession, caller: Caller, reference: str, decided: AssignmentDecided, edit: Edit, command: Command
) -> Lead:
    """Apply a decision, then an edit, and return the lead as it is then.

    The decision's event comes over Kafka, too, before this or after it, and has no second effect. It makes the
    lead one version newer, which is no conflict. Raises `DecisionRefused` when it was overtaken, and what the edit
    raises; what becomes of the decision is settled by its event then.
    """
    lead = await lock_lead(session, caller, reference)
    seen = command.version
    is_applied = lead.decision_number == decided.decision_number
    if seen is not None and lead.version != seen and not (is_applied and lead.version == seen + 1):
        raise VersionConflict(lead.version)
    await apply_assignments(await driver(session), [decided], command.now)
    lead = await lock_lead(session, caller, reference)
    if lead.assigned_id != decided.member_id:
        raise DecisionRefused(409, "The lead was closed or given to somebody else in the meantime.")
    await edit_lead(session, lead, edit, command)
    return lead
