"""What a notification is, which states it passes, and how patient notifier is."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid5

GIVE_UP_AFTER = timedelta(days=2)
OUTDATED_AFTER = timedelta(days=2)
OUTDATED = "the lead was assigned more than 2 days ago"
MEMBER_UNKNOWN = "the member is not known here yet"
SENDER_DIED = "its sender died while the content was on its way"
_SHORTEST = timedelta(seconds=2)
_LONGEST = timedelta(minutes=2)


class NotificationKind(StrEnum):
    """What a notification is about."""

    LEAD_ASSIGNED = "lead_assigned"


class NotificationState(StrEnum):
    """Where a notification stands.

    waiting → sending → sent | failed | ambiguous, back to waiting after a temporary failure; waiting → withdrawn
    when there is nothing to tell any more, at once when it is old news. `sending` begins right before the mail's
    content leaves: a process that dies in it leaves it unknown whether the mail arrived, and that is what
    `ambiguous` says.
    """

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"
    AMBIGUOUS = "ambiguous"


RETRYABLE = frozenset({NotificationState.FAILED, NotificationState.AMBIGUOUS, NotificationState.WITHDRAWN})
"""The states that an operator may send back to waiting."""


class NotificationNotFound(LookupError):
    """There is no such notification."""


class NotRetryable(ValueError):
    """Only a failed, ambiguous or withdrawn notification may be sent again."""

    def __init__(self, state: NotificationState) -> None:
        super().__init__(
            f"The notification is {state.value}; only failed, ambiguous and withdrawn ones may be sent again."
        )
        self.state = state


@dataclass(frozen=True, slots=True)
class NewNotification:
    """A notification that is to be made, unless it exists; withdrawn from the start when there is a reason for it."""

    id: UUID
    kind: NotificationKind
    lead_id: int
    decision_number: int
    member_id: int
    correlation_id: UUID
    withdrawn_because: str | None = None


@dataclass(frozen=True, slots=True)
class DueNotification:
    """A notification in the hands of one sender, until `lease` is somebody else's."""

    id: UUID
    kind: NotificationKind
    lead_id: int
    decision_number: int
    member_id: int
    correlation_id: UUID
    attempts: int
    waiting_since: datetime
    lease: UUID


def notification_id(event_id: UUID, kind: NotificationKind) -> UUID:
    """The id of what is told about an event: the same after a replay into an empty database, and so is its mail."""
    return uuid5(event_id, kind.value)


def wait_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts: doubling from 2 s to 2 min, with jitter."""
    doublings = max(0, min(attempts - 1, 16))
    return min(_SHORTEST * (1 << doublings), _LONGEST) * random.uniform(0.75, 1.0)
