"""What a lead's page tells beside the lead itself: who the person is, what they wish, and how they came."""

from typing import Any

from sqlalchemy import func
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.leads.storage.tables import Inquiry, Lead, OptOutWish, PersonCandidate, PersonIdentity

MOST_TOUCHES = 50


async def list_touches(session: AsyncSession, lead_id: int) -> list[Inquiry]:
    """The inquiries of a lead that say what led to them, the first and the latest ones, in the order of sending."""
    attributed = select(Inquiry).where(col(Inquiry.lead_id) == lead_id, col(Inquiry.attribution) != {})
    first = attributed.order_by(col(Inquiry.sent_at), col(Inquiry.id)).limit(1)
    latest = attributed.order_by(col(Inquiry.sent_at).desc(), col(Inquiry.id).desc()).limit(MOST_TOUCHES)
    found = {one.id: one for one in [*(await session.exec(first)).all(), *reversed((await session.exec(latest)).all())]}
    return list(found.values())


async def list_opted_out(session: AsyncSession, person_id: int) -> list[str]:
    """The channels on which a person wants to be left alone."""
    statement = select(OptOutWish.channel).where(
        col(OptOutWish.person_id) == person_id, col(OptOutWish.is_opted_out).is_(True)
    )
    return list((await session.exec(statement.order_by(col(OptOutWish.channel)))).all())


async def list_identities(session: AsyncSession, person_id: int) -> list[PersonIdentity]:
    """The addresses of a person, those included that they have no longer, in the order in which they came."""
    statement = (
        select(PersonIdentity).where(col(PersonIdentity.person_id) == person_id).order_by(col(PersonIdentity.id))
    )
    return list((await session.exec(statement)).all())


async def list_candidates(session: AsyncSession, person_id: int) -> list[dict[str, Any]]:
    """Who else the person may be, and why, with the latest lead of each."""
    pair = col(PersonCandidate.person_id), col(PersonCandidate.other_person_id)
    statement = (
        select(PersonCandidate).where(or_(*(one == person_id for one in pair))).order_by(col(PersonCandidate.id))
    )
    candidates = (await session.exec(statement)).all()
    others = [one.other_person_id if one.person_id == person_id else one.person_id for one in candidates]
    latest = (
        select(Lead.person_id, func.max(Lead.id)).where(col(Lead.person_id).in_(others)).group_by(col(Lead.person_id))
    )
    leads = dict((await session.exec(latest)).all()) if others else {}
    return [
        {"person_id": other, "reason": one.reason, "lead_id": leads.get(other), "created_at": one.created_at}
        for one, other in zip(candidates, others, strict=True)
    ]
