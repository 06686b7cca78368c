"""What notifier does by the clock: it sends what is due, and forgets what nobody needs any more."""

from datetime import timedelta

from services.notifier.use_cases.send_notifications import NotificationSender
from shared.kit.signals import Signal

_POLL = timedelta(milliseconds=250)
_SWEEP_EVERY = timedelta(seconds=15)
_KEPT = timedelta(days=60)


class SendingLoop:
    """A loop that sends what is due; it looks four times a second, or at once when something was planned."""

    name = "sender"

    def __init__(self, sender: NotificationSender, planned: Signal) -> None:
        self._sender = sender
        self._planned = planned

    async def tick(self) -> timedelta:
        """Send a handful, and go on at once while there is more."""
        if not await self._sender.send_due():
            await self._planned.wait(_POLL)
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
