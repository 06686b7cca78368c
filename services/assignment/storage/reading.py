"""Lists for people: pages of members, decisions and assignments."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, or_, tuple_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.assignment.storage.tables import (
    AssignmentTable,
    DecisionRow,
    LeadRow,
    MemberRow,
    WeighingRow,
    WorkloadRow,
)

SORTS: dict[str, Any] = {
    "id": MemberRow.id,
    "name": MemberRow.name,
    "open_leads": WorkloadRow.open_leads,
}

MemberWithWorkload = tuple[MemberRow, WorkloadRow]


@dataclass(frozen=True)
class TeamFilter:
    """What a list of members is narrowed by; `text` is part of a name or mail address."""

    role: str | None = None
    is_active: bool | None = None
    email: str | None = None
    text: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """The filter as conditions on `MemberRow`."""
        conditions: list[ColumnElement[bool]] = []
        if self.role is not None:
            conditions.append(col(MemberRow.role) == self.role)
        if self.is_active is not None:
            conditions.append(col(MemberRow.is_active) == self.is_active)
        if self.email is not None:
            conditions.append(func.lower(MemberRow.email) == self.email.lower())
        if self.text is not None:
            parts = (col(MemberRow.name), col(MemberRow.email))
            conditions.append(or_(*(part.icontains(self.text, autoescape=True) for part in parts)))
        return conditions


async def list_team(
    session: AsyncSession, narrowed: TeamFilter, *, sort: str, after: Sequence[Any] | None, limit: int
) -> tuple[Sequence[MemberWithWorkload], int]:
    """One row more than `limit`, and the total; `sort` is a key of `SORTS`, after `-` for descending."""
    conditions = narrowed.conditions()
    total = await _count(session, MemberRow, conditions)
    by, member_id = col(SORTS[sort.lstrip("-")]), col(MemberRow.id)
    is_descending = sort.startswith("-")
    if after is not None:
        here, there = tuple_(by, member_id), tuple_(*after)
        conditions.append(here < there if is_descending else here > there)
    order = (by.desc(), member_id.desc()) if is_descending else (by.asc(), member_id.asc())
    query = select(MemberRow, WorkloadRow).join(WorkloadRow, col(WorkloadRow.member_id) == member_id)
    rows = await session.exec(query.where(*conditions).order_by(*order).limit(limit + 1))
    return rows.all(), total


async def find_member(session: AsyncSession, member_id: int) -> MemberWithWorkload | None:
    """A member and their workload, or None."""
    query = select(MemberRow, WorkloadRow).join(WorkloadRow, col(WorkloadRow.member_id) == col(MemberRow.id))
    return (await session.exec(query.where(col(MemberRow.id) == member_id))).one_or_none()


def _visible(seen_by: int | None) -> list[ColumnElement[bool]]:
    """The conditions of the leads that exist for a member: those that they own or hold; None sees all."""
    if seen_by is None:
        return []
    return [or_(col(LeadRow.owner_id) == seen_by, col(LeadRow.held_by).contains([seen_by]))]


async def find_lead(session: AsyncSession, lead_id: int, *, seen_by: int | None) -> LeadRow | None:
    """A lead's state without any lock; None also for one that `seen_by` may not see."""
    return (
        await session.exec(select(LeadRow).where(col(LeadRow.lead_id) == lead_id, *_visible(seen_by)))
    ).one_or_none()


async def list_decisions(
    session: AsyncSession,
    *,
    seen_by: int | None,
    lead_id: int | None,
    member_id: int | None,
    before: int | None,
    limit: int,
) -> tuple[Sequence[DecisionRow], int]:
    """One more than `limit` decisions, the latest first, and the total; about leads that `seen_by` may see."""
    conditions: list[ColumnElement[bool]] = []
    if seen_by is not None:
        conditions.append(col(DecisionRow.lead_id).in_(select(LeadRow.lead_id).where(*_visible(seen_by))))
    if lead_id is not None:
        conditions.append(col(DecisionRow.lead_id) == lead_id)
    if member_id is not None:
        conditions.append(col(DecisionRow.chosen_member_id) == member_id)
    total = await _count(session, DecisionRow, conditions)
    if before is not None:
        conditions.append(col(DecisionRow.id) < before)
    query = select(DecisionRow).where(*conditions).order_by(col(DecisionRow.id).desc())
    return (await session.exec(query.limit(limit + 1))).all(), total


async def get_decision(session: AsyncSession, lead_id: int, number: int) -> DecisionRow:
    """The decision with this number; raises `NoResultFound` when there is none."""
    query = select(DecisionRow).where(col(DecisionRow.lead_id) == lead_id, col(DecisionRow.decision_number) == number)
    return (await session.exec(query)).one()


async def read_candidates(session: AsyncSession, decisions: Sequence[DecisionRow]) -> dict[int, list[dict[str, Any]]]:
    """The candidates of decisions as they were compared, by decision id."""
    wanted = {weighing_id for decision in decisions for weighing_id in decision.weighing_ids}
    rows = await session.exec(select(WeighingRow).where(col(WeighingRow.id).in_(wanted)))
    documents = {row.id: row.document for row in rows}
    return {
        decision.id: [documents[weighing_id] for weighing_id in decision.weighing_ids]
        for decision in decisions
        if decision.id is not None
    }


async def list_assignments(
    session: AsyncSession,
    *,
    seen_by: int | None,
    stages: Sequence[str],
    member_id: int | None,
    after: int | None,
    limit: int,
) -> tuple[Sequence[LeadRow], int]:
    """One more than `limit` leads in these stages by id, and the total; `member_id` is somebody they count for."""
    conditions: list[ColumnElement[bool]] = [col(LeadRow.stage).in_(stages), *_visible(seen_by)]
    if member_id is not None:
        conditions.append(col(LeadRow.held_by).contains([member_id]))
    total = await _count(session, LeadRow, conditions)
    if after is not None:
        conditions.append(col(LeadRow.lead_id) > after)
    query = select(LeadRow).where(*conditions).order_by(col(LeadRow.lead_id))
    return (await session.exec(query.limit(limit + 1))).all(), total


async def read_names(session: AsyncSession) -> dict[int, str]:
    """The name of everybody in the team, by member id."""
    rows = await session.exec(select(MemberRow.id, MemberRow.name))
    return {member_id: name for member_id, name in rows if member_id is not None}


async def _count(session: AsyncSession, table: type[AssignmentTable], conditions: Sequence[ColumnElement[bool]]) -> int:
    return (await session.exec(select(func.count()).select_from(table).where(*conditions))).one()
