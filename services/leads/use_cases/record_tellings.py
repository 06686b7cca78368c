"""Remembering that owners were told, so that leads need not ask for it again."""

from collections.abc import Sequence

from services.leads.storage import tellings
from services.leads.storage.tellings import Telling
from shared.contracts.notifications import AnyNotificationEvent, NotificationFailed
from shared.kit.database import Connection


async def record_tellings(connection: Connection, events: Sequence[AnyNotificationEvent]) -> None:
    """Keep what became of telling owners about decisions; repeated and older news change nothing.

    However it ended, notifier has taken it over. A notification that is not about a decision is none of leads'.
    """
    latest: dict[tuple[int, int, int], Telling] = {}
    for event in events:
        if event.lead_id is None or event.decision_number is None:
            continue
        telling = Telling(event.lead_id, event.decision_number, event.member_id, event.occurred_at, _outcome(event))
        known = latest.get(telling[:3])
        if known is None or known.told_at < telling.told_at:
            latest[telling[:3]] = telling
    if latest:
        await tellings.record(connection, list(latest.values()))


def _outcome(event: AnyNotificationEvent) -> str:
    if not isinstance(event, NotificationFailed):
        return "sent"
    if event.is_withdrawn:
        return "withdrawn"
    return "ambiguous" if event.is_ambiguous else "failed"
