"""Events in."""

from collections.abc import Sequence

from services.assignment.use_cases.apply_lead_events import apply_lead_events
from shared.contracts.leads import AnyLeadEvent
from shared.kit.clock import Clock
from shared.kit.database import Connection
from shared.kit.records import Received


async def on_lead_events(clock: Clock, connection: Connection, batch: Sequence[Received[AnyLeadEvent]]) -> None:
    """`leads.events.v1`: repeated and older events change nothing, so that no claims are needed."""
    await apply_lead_events(connection, [received.event for received in batch], clock.now())
