"""Time in: the sweep that notices silence, the equation on the metrics page, and nightly housekeeping."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

from services.intake.storage.forms import prune_posts
from services.intake.use_cases.republish_receipts import RepublishReceipts
from services.intake.use_cases.summarise_receipts import show, summarise_receipts
from shared.kit import inbox, schedule
from shared.kit.database import Database
from shared.kit.relay import OutboxSource
from shared.kit.schedule import Job

# Longer than any topic keeps a record that could come again.
_FORGET_CLAIMS_AFTER = timedelta(days=60)
# Much longer than the ten minutes in which the same content is the same post.
_FORGET_POSTS_AFTER = timedelta(days=1)


class SilenceSweep:
    """Hands over again what leads has read and not answered."""

    name = "silence sweep"

    def __init__(self, republish: RepublishReceipts, every: timedelta) -> None:
        self._republish = republish
        self._every = every

    async def tick(self) -> timedelta:
        """Republish what is overdue; raises while the broker is away."""
        await self._republish()
        return self._every


class EquationGauge:
    """Keeps the conservation equation on the metrics page; each term is of the same snapshot."""

    name = "equation gauge"

    def __init__(self, database: Database, every: timedelta = timedelta(seconds=5)) -> None:
        self._database = database
        self._every = every

    async def tick(self) -> timedelta:
        """Count and show."""
        async with self._database.connection() as connection:
            show(await summarise_receipts(connection))
        return self._every


def housekeeping(database: Database, source: OutboxSource) -> Job:
    """The job that deletes what nobody can ask for any more, every night."""
    run: Callable[[datetime], Awaitable[None]] = partial(_delete_old_rows, database, source)
    return Job(name="delete old rows", cron="20 3 * * *", run=run)


async def _delete_old_rows(database: Database, source: OutboxSource, _: datetime) -> None:
    async with database.transaction() as connection:
        await source.prune(connection)
        await inbox.prune(connection, _FORGET_CLAIMS_AFTER)
        await schedule.prune(connection, _FORGET_CLAIMS_AFTER)
        await prune_posts(connection, _FORGET_POSTS_AFTER)
