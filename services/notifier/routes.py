"""`/rest/notifications`: what was told to whom, and sending again by hand."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, tuple_
from sqlmodel import col, select

from services.notifier.domain.notifications import (
    NotificationKind,
    NotificationNotFound,
    NotificationState,
    NotRetryable,
)
from services.notifier.storage.tables import Notification
from services.notifier.use_cases.retry_notification import retry_notification
from shared.contracts.words import Role
from shared.kit.clock import Clock
from shared.kit.database import Database
from shared.kit.paging import Page, decode_cursor, encode_cursor
from shared.kit.problems import Problem, Translation, invalid_field
from shared.kit.security import Caller, require

router = APIRouter(prefix="/rest/notifications", tags=["notifications"])

Reader = Annotated[Caller, Depends(require(Role.SALESPERSON))]
Supervisor = Annotated[Caller, Depends(require(Role.SUPERVISOR))]
Id = Annotated[int | None, Field(ge=1, le=2**63 - 1)]


class NotificationView(BaseModel):
    """A notification; `reason` says why it is in its state, `due_at` when a waiting one is tried next."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    kind: NotificationKind
    lead_id: int
    decision_number: int
    member_id: int
    state: NotificationState
    reason: str | None
    attempts: int
    due_at: datetime
    created_at: datetime
    updated_at: datetime
    sent_at: datetime | None


class NotificationQuery(BaseModel):
    """How the list is narrowed and cut into pages."""

    model_config = ConfigDict(extra="forbid")

    lead_id: Id = None
    member_id: Id = None
    state: NotificationState | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


@router.get("")
async def list_notifications(
    request: Request, caller: Reader, query: Annotated[NotificationQuery, Query()]
) -> Page[NotificationView]:
    """Notifications, the latest first; a salesperson sees their own only."""
    database: Database = request.app.state.database
    where = _narrowed(query, caller)
    rows = select(Notification).where(*where)
    if query.cursor:
        rows = rows.where(tuple_(col(Notification.created_at), col(Notification.id)) < _position(query.cursor))
    rows = rows.order_by(col(Notification.created_at).desc(), col(Notification.id).desc()).limit(query.limit + 1)
    async with database.session() as session:
        found = (await session.exec(rows)).all()
        total = (await session.exec(select(func.count()).select_from(Notification).where(*where))).one()
    items = [NotificationView.model_validate(row) for row in found[: query.limit]]
    following = encode_cursor(items[-1].created_at.isoformat(), items[-1].id) if len(found) > query.limit else None
    return Page(items=items, next_cursor=following, total=total)


@router.post("/{notification_id}/retry", status_code=202)
async def retry(request: Request, _: Supervisor, notification_id: UUID) -> NotificationView:
    """Send a failed, ambiguous or withdrawn notification again; 409 for any other."""
    database: Database = request.app.state.database
    clock: Clock = request.app.state.clock
    async with database.session() as session:
        row = await retry_notification(session, notification_id, clock.now())
    return NotificationView.model_validate(row)


def _narrowed(query: NotificationQuery, caller: Caller) -> list[Any]:
    where: list[Any] = []
    if query.lead_id is not None:
        where.append(col(Notification.lead_id) == query.lead_id)
    if query.member_id is not None:
        where.append(col(Notification.member_id) == query.member_id)
    if query.state is not None:
        where.append(col(Notification.state) == query.state.value)
    if not caller.has(Role.SUPERVISOR):
        where.append(col(Notification.member_id) == caller.member_id)
    return where


def _position(cursor: str) -> tuple[datetime, UUID]:
    created_at, notification_id = decode_cursor(cursor, 2)
    problem = invalid_field("cursor", "cursor", "take next_cursor of the page before, unchanged")
    try:
        position = datetime.fromisoformat(created_at), UUID(notification_id)
    except (TypeError, ValueError, AttributeError):
        raise problem from None
    if position[0].tzinfo is None:
        raise problem
    return position


def _not_found(_: NotificationNotFound) -> Problem:
    return Problem(404, "There is no such notification.")


def _not_retryable(error: NotRetryable) -> Problem:
    return Problem(409, str(error), state=error.state.value)


REFUSALS: dict[type[Exception], Translation] = {NotificationNotFound: _not_found, NotRetryable: _not_retryable}
"""How notifier's errors are answered."""
