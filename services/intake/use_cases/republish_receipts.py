"""The giver notices silence: receipts that leads has read past and not settled are published again."""

from dataclasses import dataclass

from services.intake.storage import receipts
from shared.contracts.topics import INQUIRIES
from shared.kit import metrics
from shared.kit.broker import Broker, group_id
from shared.kit.database import Database

_READER = "leads"
_MOST = 5000


@dataclass(frozen=True)
class RepublishReceipts:
    """Looks for receipts whose settlement is overdue; how long one may take doubles with each try, up to an hour."""

    database: Database
    broker: Broker

    async def __call__(self) -> int:
        """Return how many receipts wait to be published again. Asks the broker only when one is overdue."""
        async with self.database.connection() as connection:
            if not await receipts.count_silent(connection):
                return 0
        read_up_to = (await self.broker.committed(group_id(_READER, INQUIRIES))).get(INQUIRIES.name, {})
        if not read_up_to:
            return 0
        async with self.database.connection() as connection:
            again = await receipts.unsend_silent(connection, read_up_to, _MOST)
        if again:
            metrics.handed_over_again.labels("receipts").inc(again)
            self.database.committed.set()
        return again
