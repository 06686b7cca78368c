"""Events in, use cases out."""

from collections.abc import Sequence

from services.notifier.use_cases.plan_notifications import plan_notifications
from services.notifier.use_cases.update_members import update_members
from shared.contracts.assignment import MemberChanged
from shared.contracts.leads import AnyLeadEvent, LeadAssigned
from shared.kit.clock import Clock
from shared.kit.database import Connection
from shared.kit.records import Received


class Handlers:
    """What notifier does with the events it reads."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    async def on_lead_events(self, connection: Connection, batch: Sequence[Received[AnyLeadEvent]]) -> None:
        """Plan what is to be told about assignments; other events of leads need no words yet."""
        assignments = [received.event for received in batch if isinstance(received.event, LeadAssigned)]
        await plan_notifications(connection, self._clock, assignments)

    async def on_members(self, connection: Connection, batch: Sequence[Received[MemberChanged]]) -> None:
        """Keep the addresses of the team."""
        await update_members(connection, self._clock, [received.event for received in batch])
