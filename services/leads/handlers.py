"""Events in, use cases out. Each runs in the consumer's transaction and may get the same records again."""

from collections import Counter
from collections.abc import Sequence

from services.leads.domain.hand_over import HandOverPolicy
from services.leads.use_cases.apply_assignments import apply_assignments
from services.leads.use_cases.project_members import project_members
from services.leads.use_cases.record_tellings import record_tellings
from services.leads.use_cases.register_inquiries import register_inquiries
from services.leads.use_cases.reject_inquiry import reject_inquiry
from shared.contracts.assignment import AnyAssignmentEvent, AssignmentDecided, MemberChanged
from shared.contracts.inquiries import AnyIntakeEvent
from shared.contracts.notifications import AnyNotificationEvent
from shared.kit.clock import Clock
from shared.kit.database import Connection
from shared.kit.metrics import leads_registered
from shared.kit.records import Received


class Handlers:
    """What leads does with the events it reads."""

    def __init__(self, clock: Clock, policy: HandOverPolicy) -> None:
        self._clock = clock
        self._policy = policy

    async def on_inquiries(self, connection: Connection, batch: Sequence[Received[AnyIntakeEvent]]) -> None:
        """Register what arrived, updates included, and answer every claim."""
        inquiries = [received.event for received in batch]
        answers = await register_inquiries(connection, inquiries, self._clock.now(), self._policy)
        for outcome, count in Counter(answer.outcome for answer in answers.values()).items():
            leads_registered.labels(outcome).inc(count)

    async def on_inquiry_put_aside(
        self, connection: Connection, received: Received[AnyIntakeEvent], error: str
    ) -> None:
        """Tell intake that an inquiry became a dead letter."""
        await reject_inquiry(connection, received.event, error, self._clock.now())

    async def on_assignment_events(self, connection: Connection, batch: Sequence[Received[AnyAssignmentEvent]]) -> None:
        """Apply or refuse decisions; that a lead was queued or released concerns assignment alone."""
        decisions = [received.event for received in batch if isinstance(received.event, AssignmentDecided)]
        await apply_assignments(connection, decisions, self._clock.now())

    async def on_notifications(self, connection: Connection, batch: Sequence[Received[AnyNotificationEvent]]) -> None:
        """Remember which owners were told."""
        await record_tellings(connection, [received.event for received in batch])

    async def on_members(self, connection: Connection, batch: Sequence[Received[MemberChanged]]) -> None:
        """Keep the copy of the team."""
        await project_members(connection, [received.event for received in batch])
