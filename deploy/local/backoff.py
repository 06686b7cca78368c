"""How long to wait before a process that ended is started again."""

from dataclasses import dataclass
from typing import Final

FIRST: Final = 0.5
LONGEST: Final = 15.0
# Whoever has run this long has recovered: its next end is a new story.
RECOVERED: Final = 30.0


@dataclass(slots=True)
class Backoff:
    """Doubles the pause with every early end, up to fifteen seconds."""

    pause: float = FIRST

    def after_running(self, seconds: float) -> float:
        """Return the pause after an end that came `seconds` after the start."""
        if seconds >= RECOVERED:
            self.pause = FIRST
        pause, self.pause = self.pause, min(self.pause * 2, LONGEST)
        return pause
