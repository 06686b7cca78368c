"""The simulated hour, in as many seconds as were asked for."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from deploy.demo.stage import MINUTES

_OPENS_AT: Final = 9


@dataclass(frozen=True, slots=True)
class Pace:
    """Says which minute it is; `starts_at` is in unix seconds, `began` on the monotonic clock."""

    starts_at: float
    seconds: float
    began: float

    def minute(self) -> float:
        """The present minute of the hour, at most 60."""
        elapsed = time.monotonic() - self.began
        return min(max(elapsed / self.seconds * MINUTES, 0.0), float(MINUTES))

    def clock(self) -> str:
        """The time of day in the company."""
        whole = int(self.minute())
        return f"{_OPENS_AT + whole // MINUTES:02}:{whole % MINUTES:02}"

    async def until(self, minute: float) -> None:
        """Wait for a minute; one that has passed is now."""
        due = self.began + minute * self.seconds / MINUTES
        await asyncio.sleep(max(0.0, due - time.monotonic()))
