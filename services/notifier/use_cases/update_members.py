"""Keep the addresses of the team."""

from collections.abc import Sequence

from services.notifier.domain.notifications import MEMBER_UNKNOWN
from services.notifier.storage import members, notifications
from shared.contracts.assignment import MemberChanged
from shared.kit.clock import Clock
from shared.kit.database import Connection


async def update_members(connection: Connection, clock: Clock, changes: Sequence[MemberChanged]) -> None:
    """Apply the higher versions, and send at once what waited for somebody who was not known yet."""
    changed = await members.apply(connection, changes)
    if changed:
        await notifications.wake(connection, changed, MEMBER_UNKNOWN, clock.now())
