"""Lists for people: pages of members, decisions and assignments."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, or_, select, tuple_
from sqlalchemy.sql import Select
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from services.assignment.storage.tables import DecisionRow, LeadRow, MemberRow, WorkloadRow

SORTS: dict[str, Any] = {
    "id": MemberRow.id,
    "name": MemberRow.name,
    "open_leads": WorkloadRow.open_leads,
}


@dataclass(frozen=True)
class TeamFilter:
    """What a list of members is narrowed by; `text` is part of a name or mail address."""

    role: str | None = None
    is_active: bool | None = None
    email: str | None = None
    text: str | None = None


async def list_team(
    session: AsyncSession, narrowed: TeamFilter, *, sort: str, after: Sequence[Any] | None, limit: int
) -> tuple[Sequence[Row[MemberRow, WorkloadRow]], int]:
    """One row more than `limit`, and the total; `sort` is a key of `SORTS`, after `-` for descending."""
    query = _team()
    if narrowed.role is not None:
        query = query.where(col(MemberRow.role) == narrowed.role)
    if narrowed.is_active is not None:
        query = query.where(col(MemberRow.is_active) == narrowed.is_active)
    if narrowed.email is not None:
        query = query.where(func.lower(MemberRow.email) == narrowed.email.lower())
    if narrowed.text is not None:
        parts = (col(MemberRow.name), col(MemberRow.email))
        query = query.where(or_(*(part.icontains(narrowed.text, autoescape=True) for part in parts)))
    total = await _count(session, query)
    by, member_id = col(SORTS[sort.lstrip("-")]), col(MemberRow.id)
    if sort.startswith("-"):
        order = (by.desc(), member_id.desc())
        following = tuple_(by, member_id) < tuple_(*after) if after else None
    else:
        order = (by.asc(), member_id.asc())
        following = tuple_(by, member_id) > tuple_(*after) if after else None
    if following is not None:
        query = query.where(following)
    rows = (await session.execute(query.order_by(*order).limit(limit + 1))).all()
    return rows, total


async def find_member(session: AsyncSession, member_id: int) -> Row[MemberRow, WorkloadRow] | None:
    """(member, workload), or None."""
    return (await session.execute(_team().where(col(MemberRow.id) == member_id))).one_or_none()


async def list_decisions(
    session: AsyncSession, *, lead_id: int | None, member_id: int | None, before: int | None, limit: int
) -> tuple[Sequence[DecisionRow], int]:
    """One more than `limit` decisions, the latest first, and the total."""
    query = select(DecisionRow)
    if lead_id is not None:
        query = query.where(col(DecisionRow.lead_id) == lead_id)
    if member_id is not None:
        query = query.where(col(DecisionRow.chosen_member_id) == member_id)
    total = await _count(session, query)
    if before is not None:
        query = query.where(col(DecisionRow.id) < before)
    rows = await session.execute(query.order_by(col(DecisionRow.id).desc()).limit(limit + 1))
    return rows.scalars().all(), total


async def find_decision(session: AsyncSession, lead_id: int) -> DecisionRow | None:
    """A lead's last decision, or None."""
    query = select(DecisionRow).where(col(DecisionRow.lead_id) == lead_id)
    rows = await session.execute(query.order_by(col(DecisionRow.decision_number).desc()).limit(1))
    return rows.scalar_one_or_none()


async def list_assignments(
    session: AsyncSession, *, stages: Sequence[str], member_id: int | None, after: int | None, limit: int
) -> tuple[Sequence[LeadRow], int]:
    """One more than `limit` leads in these stages by id, and the total; `member_id` is somebody they count for."""
    query = select(LeadRow).where(col(LeadRow.stage).in_(stages))
    if member_id is not None:
        query = query.where(col(LeadRow.held_by).contains([member_id]))
    total = await _count(session, query)
    if after is not None:
        query = query.where(col(LeadRow.lead_id) > after)
    rows = await session.execute(query.order_by(col(LeadRow.lead_id)).limit(limit + 1))
    return rows.scalars().all(), total


async def read_names(session: AsyncSession) -> dict[int, str]:
    """The name of everybody in the team, by member id."""
    rows = await session.execute(select(col(MemberRow.id), col(MemberRow.name)))
    return {member_id: name for member_id, name in rows if member_id is not None}


def _team() -> Select[MemberRow, WorkloadRow]:
    return select(MemberRow, WorkloadRow).join(WorkloadRow, col(WorkloadRow.member_id) == col(MemberRow.id))


async def _count(session: AsyncSession, query: Select[*tuple[Any, ...]]) -> int:
    counted = await session.execute(select(func.count()).select_from(query.subquery()))
    return int(counted.scalar_one())
