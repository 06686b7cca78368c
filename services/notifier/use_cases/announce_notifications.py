"""Tell the other services what became of notifications."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.notifier.domain.notifications import DueNotification, NewNotification, NotificationState
from shared.contracts.notifications import AnyNotificationEvent, NotificationFailed, NotificationSent
from shared.contracts.topics import NOTIFIER_EVENTS
from shared.kit import metrics, outbox
from shared.kit.database import Connection
from shared.kit.identifiers import new_id

Ended = NewNotification | DueNotification


async def announce_notifications(
    connection: Connection, ended: Sequence[Ended], state: NotificationState, reason: str | None, now: datetime
) -> None:
    """Put one event for each into the outbox; all ended in the same way, and `reason` is None for sent ones only."""
    for one in ended:
        metrics.notifications.labels(one.kind.value, state.value).inc()
    await announce_again(connection, ended, state, reason, now)


async def announce_again(
    connection: Connection, ended: Sequence[Ended], state: NotificationState, reason: str | None, now: datetime
) -> None:
    """The same for what was announced before, to somebody who has not heard it."""
    await outbox.append(connection, NOTIFIER_EVENTS, [(one.id, _event(one, state, reason, now)) for one in ended])


def _event(one: Ended, state: NotificationState, reason: str | None, now: datetime) -> AnyNotificationEvent:
    facts: dict[str, Any] = {
        "event_id": new_id(),
        "occurred_at": now,
        "correlation_id": one.correlation_id,
        "notification_id": one.id,
        "kind": one.kind.value,
        "lead_id": one.lead_id,
        "member_id": one.member_id,
        "decision_number": one.decision_number,
    }
    if state is NotificationState.SENT:
        return NotificationSent(**facts)
    return NotificationFailed(
        **facts,
        reason=reason or state.value,
        is_ambiguous=state is NotificationState.AMBIGUOUS,
        is_withdrawn=state is NotificationState.WITHDRAWN,
    )
