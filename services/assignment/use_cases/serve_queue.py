"""Give queued leads to whoever became free without an event: a shift began, a wait after a refusal is over."""

from datetime import datetime

from services.assignment.storage import queue
from services.assignment.storage.ledgers import open_ledger
from services.assignment.use_cases.record_outcomes import record_outcomes
from shared.kit import metrics
from shared.kit.database import Connection, Database


async def serve_queue(database: Database, now: datetime) -> bool:
    """Decide what can be decided; True when more may be left than one transaction takes.

    The ledger stays unlocked while nothing waits. Those that go on waiting get the present reason.
    """
    async with database.transaction() as connection:
        metrics.queued_leads.set(await queue.count_queued(connection))
        if not await queue.is_anything_due(connection, now):
            return False
        return await serve_queue_within(connection, now) > 0


async def serve_queue_within(connection: Connection, now: datetime) -> int:
    """Serve the queue in the caller's transaction; the number of leads that were given out."""
    ledger = await open_ledger(connection, now)
    ledger.serve_queue()
    await record_outcomes(connection, ledger, now)
    if ledger.roster.free_places() == 0:
        await queue.renew_reasons(connection, now, ledger.roster.why_nobody())
    return len(ledger.outcomes)
