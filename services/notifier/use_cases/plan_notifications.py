"""Make the notifications that an assignment calls for."""

from collections.abc import Sequence

from services.notifier.domain.notifications import NewNotification, NotificationKind, notification_id
from services.notifier.storage import notifications
from shared.contracts.leads import LeadAssigned
from shared.kit.clock import Clock
from shared.kit.database import Connection


async def plan_notifications(connection: Connection, clock: Clock, assignments: Sequence[LeadAssigned]) -> int:
    """Make one notification per assignment and return how many are new; the same ones again change nothing."""
    kind = NotificationKind.LEAD_ASSIGNED
    new = [
        NewNotification(
            id=notification_id(event.event_id, kind),
            kind=kind,
            lead_id=event.lead_id,
            decision_number=event.decision_number,
            member_id=event.member_id,
            correlation_id=event.correlation_id,
        )
        for event in assignments
    ]
    return await notifications.add(connection, new, clock.now()) if new else 0
