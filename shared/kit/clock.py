"""The one source of time; injected, so that a test can be in any year."""

from datetime import UTC, date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    """Answers what time it is, as aware UTC."""

    def now(self) -> datetime:
        """The present instant in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant in UTC."""
        return datetime.now(UTC)


def business_date(instant: datetime, zone: ZoneInfo) -> date:
    """The local calendar day of an instant, in the zone of the business."""
    return instant.astimezone(zone).date()
