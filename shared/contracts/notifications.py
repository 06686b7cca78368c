"""`notifier.events.v1`: what was told to whom. Ids and facts, no addresses."""

from collections.abc import Callable
from typing import Literal
from uuid import UUID

from shared.contracts.events import Event, decoder


class NotificationSent(Event):
    """A mail server took responsibility for a notification.

    `decision_number` is that of the assignment it tells about, None for other kinds.
    """

    type: Literal["notification.sent.v1"] = "notification.sent.v1"
    notification_id: UUID
    kind: str
    lead_id: int | None = None
    member_id: int
    decision_number: int | None = None


class NotificationFailed(Event):
    """A notification will not be sent by itself any more.

    `is_ambiguous`: the connection died after the data, so that the mail may have arrived. `is_withdrawn`: there was
    nothing to tell any more when its turn came. `decision_number` is as in `NotificationSent`.
    """

    type: Literal["notification.failed.v1"] = "notification.failed.v1"
    notification_id: UUID
    kind: str
    lead_id: int | None = None
    member_id: int
    reason: str
    is_ambiguous: bool = False
    is_withdrawn: bool = False
    decision_number: int | None = None


AnyNotificationEvent = NotificationSent | NotificationFailed
decode_notification: Callable[[str, bytes], AnyNotificationEvent | None] = decoder(AnyNotificationEvent)
