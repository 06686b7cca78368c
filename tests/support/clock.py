"""A clock for tests."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass
class MovingClock:
    """A clock that stands at `at` and moves only when a test moves it."""

    at: datetime

    def now(self) -> datetime:
        """The instant the test is at."""
        return self.at

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.at += by
