"""A lead's history and inquiries, page by page, and a line added by a person's command."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, func, literal, tuple_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.leads.storage.tables import INSTANT, Experience, HistoryEntry, Inquiry

SYSTEM: Final = 1
MANAGER_COMMENT: Final = 2


async def add_line(
    session: AsyncSession,
    lead_id: int,
    text: str,
    *,
    actor: str,
    now: datetime,
    changes: dict[str, Any] | None = None,
    type: int = SYSTEM,  # noqa: A002 (its name on the wire)
) -> HistoryEntry:
    """Write one line; the lead is locked, so that lines of one lead have ids in the order of events."""
    line = HistoryEntry(lead_id=lead_id, type=type, text=text, actor=actor, occurred_at=now, changes=changes or {})
    session.add(line)
    await session.flush()
    return line


async def list_history(
    session: AsyncSession, lead_id: int, types: Sequence[int], after: int | None, limit: int, *, newest_first: bool
) -> list[HistoryEntry]:
    """The next lines after the one with the id `after`, in the order of events or against it."""
    key = col(HistoryEntry.id)
    statement = select(HistoryEntry).where(col(HistoryEntry.lead_id) == lead_id, col(HistoryEntry.type).in_(types))
    if after is not None:
        statement = statement.where(key < after if newest_first else key > after)
    ordered = statement.order_by(key.desc() if newest_first else key.asc()).limit(limit)
    return list((await session.exec(ordered)).all())


async def count_history(session: AsyncSession, lead_id: int, types: Sequence[int]) -> int:
    """How many lines of these types a lead has."""
    statement = (
        select(func.count())
        .select_from(HistoryEntry)
        .where(col(HistoryEntry.lead_id) == lead_id, col(HistoryEntry.type).in_(types))
    )
    return (await session.exec(statement)).one()


async def list_inquiries(
    session: AsyncSession, lead_id: int, after: tuple[datetime, int] | None, limit: int
) -> list[Inquiry]:
    """The next inquiries of a lead in the order in which they were sent."""
    statement = select(Inquiry).where(col(Inquiry.lead_id) == lead_id)
    if after is not None:
        sent_at, last_id = after
        there = tuple_(literal(sent_at, INSTANT), literal(last_id, BigInteger))
        statement = statement.where(tuple_(Inquiry.sent_at, Inquiry.id) > there)
    ordered = statement.order_by(col(Inquiry.sent_at), col(Inquiry.id)).limit(limit)
    return list((await session.exec(ordered)).all())


async def list_experiences(session: AsyncSession, lead_id: int, after: int | None, limit: int) -> list[Experience]:
    """The next experiences of a lead after the one with the id `after`, in the order in which they were told."""
    statement = select(Experience).where(col(Experience.lead_id) == lead_id)
    if after is not None:
        statement = statement.where(col(Experience.id) > after)
    return list((await session.exec(statement.order_by(col(Experience.id)).limit(limit))).all())


async def count_experiences(session: AsyncSession, lead_id: int) -> int:
    """How many experiences a lead has."""
    statement = select(func.count()).select_from(Experience).where(col(Experience.lead_id) == lead_id)
    return (await session.exec(statement)).one()


async def count_inquiries(session: AsyncSession, lead_id: int) -> int:
    """How many inquiries a lead has."""
    statement = select(func.count()).select_from(Inquiry).where(col(Inquiry.lead_id) == lead_id)
    return (await session.exec(statement)).one()
