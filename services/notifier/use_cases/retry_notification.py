"""Send a notification again that failed, was withdrawn, or of which nobody knows whether it arrived."""

from datetime import datetime
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.notifier.domain.notifications import (
    RETRYABLE,
    NotificationNotFound,
    NotificationState,
    NotRetryable,
)
from services.notifier.storage.tables import Notification


async def retry_notification(session: AsyncSession, notification_id: UUID, now: datetime) -> Notification:
    """Make it wait again, due at once, with its patience renewed; its mail keeps its Message-ID.

    Locks the row. Raises `NotificationNotFound`, or `NotRetryable` for one that waits or was sent.
    """
    query = select(Notification).where(col(Notification.id) == notification_id).with_for_update()
    row = (await session.exec(query)).one_or_none()
    if row is None:
        raise NotificationNotFound(notification_id)
    state = NotificationState(row.state)
    if state not in RETRYABLE:
        raise NotRetryable(state)
    row.state = NotificationState.WAITING.value
    row.reason = "sent back to waiting by hand"
    row.attempts = 0
    row.lease = row.leased_until = None
    row.due_at = row.waiting_since = row.updated_at = now
    session.add(row)
    return row
