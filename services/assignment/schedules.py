"""Time in: sweeps that notice silence."""

from datetime import timedelta

from services.assignment.use_cases.hand_over_again import hand_over_again
from services.assignment.use_cases.serve_queue import serve_queue
from shared.kit.clock import Clock
from shared.kit.database import Database


class QueueSweep:
    """Tries queued leads again when nobody told us that somebody is free: a shift began, a wait is over."""

    name = "queue sweep"

    def __init__(self, database: Database, clock: Clock, every: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._every = every

    async def tick(self) -> timedelta:
        """Serve the queue; at once again while leads are being given out."""
        return timedelta(0) if await serve_queue(self._database, self._clock.now()) else self._every


class HandoverSweep:
    """Publishes again the decisions that leads has not answered, with a growing wait between."""

    name = "hand-over sweep"

    def __init__(self, database: Database, clock: Clock, every: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._every = every

    async def tick(self) -> timedelta:
        """Publish what is due."""
        await hand_over_again(self._database, self._clock.now())
        return self._every
