"""What notifier does by the clock: it sends what is due, and finds what was left half sent."""

from datetime import timedelta

from services.notifier.use_cases.send_notifications import NotificationSender
from shared.kit.signals import Signal

_POLL = timedelta(milliseconds=250)
_SWEEP_EVERY = timedelta(seconds=15)


class SendingLoop:
    """A loop that sends what is due; it looks four times a second, and at once when this process committed something.

    A nudge from within the transaction that plans a notification would come before anybody can see it.
    """

    name = "sender"

    def __init__(self, sender: NotificationSender, committed: Signal) -> None:
        self._sender = sender
        self._committed = committed.waiter()

    async def tick(self) -> timedelta:
        """Send a handful, and go on at once while there is more."""
        if not await self._sender.send_due():
            await self._committed.wait(_POLL)
        return timedelta(0)


class AbandonedLoop:
    """A loop that finds mails whose sender died in the middle."""

    name = "abandoned mails"

    def __init__(self, sender: NotificationSender) -> None:
        self._sender = sender

    async def tick(self) -> timedelta:
        """Record them as ambiguous."""
        await self._sender.record_abandoned()
        return _SWEEP_EVERY
