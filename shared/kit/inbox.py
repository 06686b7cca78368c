"""Each event has one effect: a consumer claims its id in the transaction that does the work."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from shared.kit.database import Connection, affected


async def claim(connection: Connection, consumer: str, event_ids: Sequence[UUID]) -> set[UUID]:
    """Claim ids for a consumer and return those that nobody had claimed before.

    Ids are inserted in sorted order, so that two transactions with the same ids queue up instead of deadlocking.
    A concurrent claim of the same id waits for the other transaction to end.
    """
    rows = await connection.fetch(
        """
        INSERT INTO inbox (consumer, event_id)
        SELECT $1, event_id FROM unnest($2::uuid[]) AS event_id ORDER BY event_id
        ON CONFLICT DO NOTHING
        RETURNING event_id
        """,
        consumer,
        sorted(set(event_ids)),
    )
    return {row["event_id"] for row in rows}


async def prune(connection: Connection, older_than: timedelta) -> int:
    """Forget claims that are older than any retention, after which no broker can bring the event again."""
    return affected(await connection.execute("DELETE FROM inbox WHERE claimed_at < now() - $1::interval", older_than))
