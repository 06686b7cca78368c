"""Time in: the sweep that notices silence, and the equation on the metrics page."""

from datetime import timedelta

from services.intake.storage.counts import fold_counts
from services.intake.use_cases.republish_receipts import RepublishReceipts
from services.intake.use_cases.summarise_receipts import show, summarise_receipts
from shared.kit.database import Database


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
    """Keeps the conservation equation on the metrics page, and its counts short; all terms are of one snapshot."""

    name = "equation gauge"

    def __init__(self, database: Database, every: timedelta = timedelta(seconds=5)) -> None:
        self._database = database
        self._every = every

    async def tick(self) -> timedelta:
        """Fold, sum and show."""
        async with self._database.connection() as connection:
            await fold_counts(connection)
            show(await summarise_receipts(connection))
        return self._every
