"""What REST reads: lists with filters, and single receipts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.intake.storage.tables import ChannelAccount, Receipt, ReceiptBody, WebForm


@dataclass(frozen=True, slots=True)
class ReceiptFilter:
    """How a list of receipts is narrowed; None does not narrow."""

    state: str | None = None
    outcome: str | None = None
    reason: str | None = None
    channel: str | None = None
    account: str | None = None
    received_from: datetime | None = None
    received_to: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """The WHERE clause; the second date is not included."""
        wanted: list[ColumnElement[bool]] = [
            col(getattr(Receipt, name)) == value
            for name in ("state", "outcome", "reason", "channel", "account")
            if (value := getattr(self, name)) is not None
        ]
        if self.received_from is not None:
            wanted.append(col(Receipt.received_at) >= self.received_from)
        if self.received_to is not None:
            wanted.append(col(Receipt.received_at) < self.received_to)
        return wanted


async def list_receipts(
    session: AsyncSession, narrowed: ReceiptFilter, *, before: int | None, limit: int
) -> tuple[Sequence[Receipt], int]:
    """The latest receipts below row `before`, one more than `limit` if there are more, and how many there are."""
    conditions = narrowed.conditions()
    total = (await session.exec(select(func.count()).select_from(Receipt).where(*conditions))).one()
    if before is not None:
        conditions.append(col(Receipt.id) < before)
    query = select(Receipt).where(*conditions).order_by(col(Receipt.id).desc()).limit(limit + 1)
    return (await session.exec(query)).all(), total


async def find_receipt(session: AsyncSession, receipt_id: UUID) -> tuple[Receipt, bytes] | None:
    """A receipt with the bytes that arrived."""
    query: Any = (
        select(Receipt, ReceiptBody.body)
        .join(ReceiptBody, col(ReceiptBody.id) == col(Receipt.id))
        .where(col(Receipt.receipt_id) == receipt_id)
    )
    row = (await session.exec(query)).one_or_none()
    return (row[0], bytes(row[1])) if row else None


async def list_forms(session: AsyncSession, *, after: str | None, limit: int) -> tuple[Sequence[WebForm], int]:
    """Forms by key, one more than `limit` if there are more, and how many there are."""
    total = (await session.exec(select(func.count()).select_from(WebForm))).one()
    query = select(WebForm).order_by(col(WebForm.form_key)).limit(limit + 1)
    if after is not None:
        query = query.where(col(WebForm.form_key) > after)
    return (await session.exec(query)).all(), total


async def list_accounts(
    session: AsyncSession, *, after: int | None, limit: int
) -> tuple[Sequence[ChannelAccount], int]:
    """Connected accounts by id, one more than `limit` if there are more, and how many there are."""
    total = (await session.exec(select(func.count()).select_from(ChannelAccount))).one()
    query = select(ChannelAccount).order_by(col(ChannelAccount.id)).limit(limit + 1)
    if after is not None:
        query = query.where(col(ChannelAccount.id) > after)
    return (await session.exec(query)).all(), total
