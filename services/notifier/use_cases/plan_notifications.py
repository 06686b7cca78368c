"""Make the notifications that an assignment calls for."""

from collections.abc import Sequence
from datetime import datetime

from services.notifier.domain.notifications import (
    OUTDATED,
    OUTDATED_AFTER,
    NewNotification,
    NotificationKind,
    NotificationState,
    notification_id,
)
from services.notifier.storage import notifications
from services.notifier.use_cases.announce_notifications import announce_again, announce_notifications
from shared.contracts.leads import LeadAssigned
from shared.kit.clock import Clock
from shared.kit.database import Connection


async def plan_notifications(connection: Connection, clock: Clock, assignments: Sequence[LeadAssigned]) -> int:
    """Make one notification per assignment and return how many are new; the same ones again change nothing.

    What was assigned long ago, and is read late or again after the database was lost, is withdrawn at once: as a
    mail it would be no news, and there may be thousands of it.
    """
    if not assignments:
        return 0
    now = clock.now()
    new = [_notification(event, now) for event in assignments]
    made = await notifications.add(connection, new, now)
    if withdrawn := [one for one in new if one.id in made and one.withdrawn_because]:
        await announce_notifications(connection, withdrawn, NotificationState.WITHDRAWN, OUTDATED, now)
    # leads publishes an assignment again when it has not heard what became of it.
    known = {one.id: one for one in new if one.id not in made}
    for end in await notifications.list_ends(connection, list(known)) if known else []:
        await announce_again(connection, [known[end.id]], end.state, end.reason, now)
    return len(made)


def _notification(event: LeadAssigned, now: datetime) -> NewNotification:
    kind = NotificationKind.LEAD_ASSIGNED
    return NewNotification(
        id=notification_id(event.event_id, kind),
        kind=kind,
        lead_id=event.lead_id,
        decision_number=event.decision_number,
        member_id=event.member_id,
        correlation_id=event.correlation_id,
        withdrawn_because=OUTDATED if now - event.occurred_at > OUTDATED_AFTER else None,
    )
