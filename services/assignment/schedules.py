"""Time in: sweeps that notice silence, and nightly housekeeping."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

from services.assignment.use_cases.hand_over_again import hand_over_again
from services.assignment.use_cases.serve_queue import serve_queue
from shared.kit import inbox, schedule
from shared.kit.clock import Clock
from shared.kit.database import Database
from shared.kit.relay import OutboxSource
from shared.kit.schedule import Job

# Longer than any topic keeps a record that could come again.
_FORGET_CLAIMS_AFTER = timedelta(days=60)


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


def housekeeping(database: Database, source: OutboxSource) -> Job:
    """The job that deletes what no topic holds any more, every night."""
    run: Callable[[datetime], Awaitable[None]] = partial(_delete_old_rows, database, source)
    return Job(name="delete old rows", cron="40 3 * * *", run=run)


async def _delete_old_rows(database: Database, source: OutboxSource, _: datetime) -> None:
    async with database.transaction() as connection:
        await source.prune(connection)
        await inbox.prune(connection, _FORGET_CLAIMS_AFTER)
        await schedule.prune(connection, _FORGET_CLAIMS_AFTER)
