"""Time in: the sweep that notices silence, and the equation on the metrics page."""

from datetime import timedelta

from services.intake.storage.accounts import find_highest_receipt, has_accounts, note_deliveries
from services.intake.storage.counts import fold_counts
from services.intake.use_cases.fetch_attachments import FetchAttachments
from services.intake.use_cases.fetch_leads import FetchLeads
from services.intake.use_cases.republish_receipts import RepublishReceipts
from services.intake.use_cases.summarise_receipts import show, summarise_receipts
from shared.kit.database import Database

# How many receipts below the highest may still be written by transactions that began earlier.
_LATE = 1000
_BEFORE_START = 20_000


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


class AccountWatch:
    """Notes of each connected account when it delivered last, which also proves that it is connected.

    It reads along behind the receipts, so that no delivery waits for it; what came in the minutes before a start is
    looked at again.
    """

    name = "account watch"

    def __init__(self, database: Database, every: timedelta = timedelta(seconds=2)) -> None:
        self._database = database
        self._every = every
        self._read_up_to: int | None = None

    async def tick(self) -> timedelta:
        """Note what came since the last tick; nothing is read while no account is connected."""
        async with self._database.connection() as connection:
            if not await has_accounts(connection):
                return self._every
            if self._read_up_to is None:
                self._read_up_to = await find_highest_receipt(connection) - _BEFORE_START
            after = max(0, self._read_up_to - _LATE)
            self._read_up_to = await note_deliveries(connection, after)
        return self._every


class LeadFetcher:
    """Fetches leads of Lead Ads as they come, and those again that could not be fetched."""

    name = "lead fetcher"

    def __init__(self, fetch_leads: FetchLeads, idle: timedelta = timedelta(seconds=1)) -> None:
        self._fetch_leads = fetch_leads
        self._idle = idle

    async def tick(self) -> timedelta:
        """Try what is due."""
        return timedelta(0) if await self._fetch_leads() else self._idle


class AttachmentFetcher:
    """Fetches files as they are told of, and those again that could not be fetched."""

    name = "attachment fetcher"

    def __init__(self, fetch_attachments: FetchAttachments, idle: timedelta = timedelta(seconds=1)) -> None:
        self._fetch_attachments = fetch_attachments
        self._idle = idle

    async def tick(self) -> timedelta:
        """Try what is due."""
        return timedelta(0) if await self._fetch_attachments() else self._idle
