"""Single leads for people's commands: read by any of their names, or locked to be changed."""

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.leads.domain.errors import LeadNotFound
from services.leads.storage.sight import named, visible_to
from services.leads.storage.tables import Lead, Person
from shared.kit.security import Caller


async def get_lead(session: AsyncSession, caller: Caller, reference: str) -> Lead:
    """The lead that `reference` names, as it is now; raises `LeadNotFound` also for one that the caller may not see."""
    statement = select(Lead).where(named(reference), *visible_to(caller)).execution_options(populate_existing=True)
    lead = (await session.exec(statement)).one_or_none()
    if lead is None:
        raise LeadNotFound
    return lead


async def lock_lead(session: AsyncSession, caller: Caller, reference: str) -> Lead:
    """Lock the lead's person and then the lead, and return it as it is now.

    Raises `LeadNotFound`, also for one that was merged into another: nothing can be done with it any more.

    The person comes first, as in a registration, which may be completing the same lead; what it did is seen,
    because the lead is read by a later statement. Visibility is decided on the locked row.
    """
    while True:
        found = await session.exec(select(Lead.id, Lead.person_id).where(named(reference), *visible_to(caller)))
        names = found.one_or_none()
        if names is None:
            raise LeadNotFound
        lead_id, person_id = names
        await session.exec(select(Person.id).where(col(Person.id) == person_id).with_for_update(key_share=True))
        statement = (
            select(Lead)
            .where(col(Lead.id) == lead_id, col(Lead.merged_into_id).is_(None), *visible_to(caller))
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
        lead = (await session.exec(statement)).one_or_none()
        if lead is None:
            raise LeadNotFound
        if lead.person_id == person_id:
            return lead
