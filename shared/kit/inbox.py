"""Each event has one effect: a consumer claims its id in the transaction that does the work."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from shared.kit.database import SLICE, Connection, affected


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
    """Forget a slice of the claims that no broker can bring again, and return how many."""
    return affected(
        await connection.execute(
            """
            DELETE FROM inbox WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM inbox WHERE claimed_at < now() - $1::interval LIMIT $2
            ))
            """,
            older_than,
            SLICE,
        )
    )
