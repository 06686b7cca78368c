"""When a lead is handed on again, should it have been forgotten on the way: to assignment, or to notifier."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class HandOverPolicy:
    """Waits that double from the first to the longest. The receiver is idempotent, so that repeating is safe."""

    first: timedelta = timedelta(minutes=1)
    longest: timedelta = timedelta(hours=1)

    def wait_after(self, hand_overs: int) -> timedelta:
        """How long to wait when the lead was handed over again this many times."""
        doubled: timedelta = self.first * 2 ** min(hand_overs, 30)
        return min(doubled, self.longest)


TELLING = HandOverPolicy(first=timedelta(minutes=1), longest=timedelta(minutes=30))
"""How patiently leads waits until an owner has been told."""
