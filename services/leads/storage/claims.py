"""Claims: an inquiry has one effect, however often its record comes."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.kit.database import Connection
from shared.kit.writes import Writes


class Claimed(NamedTuple):
    """What became of an inquiry that was registered before."""

    outcome: str
    reason: str | None
    lead_id: int | None
    lead_uuid: UUID | None
    lead_number: str | None


class Outcome(NamedTuple):
    """What became of an inquiry that is being registered."""

    dedupe_key: str
    outcome: str
    lead_id: int | None


async def take_claims(connection: Connection, claims: Sequence[tuple[str, UUID | None]], now: datetime) -> set[str]:
    """Claim (dedupe key, receipt id) pairs and return the keys that nobody had claimed before.

    Waits for another transaction that is claiming one of them; they are inserted in sorted order, so that two
    batches with the same keys queue up instead of deadlocking.
    """
    rows = await connection.fetch(
        """
        INSERT INTO claims (dedupe_key, receipt_id, claimed_at)
        SELECT dedupe_key, receipt_id, $3
        FROM unnest($1::text[], $2::uuid[]) AS row (dedupe_key, receipt_id)
        ORDER BY dedupe_key
        ON CONFLICT (dedupe_key) DO NOTHING
        RETURNING dedupe_key
        """,
        [key for key, _ in claims],
        [receipt_id for _, receipt_id in claims],
        now,
    )
    return {row["dedupe_key"] for row in rows}


async def list_claimed(connection: Connection, dedupe_keys: Collection[str]) -> dict[str, Claimed]:
    """What became of inquiries that were claimed in earlier transactions, by dedupe key."""
    rows = await connection.fetch(
        """
        SELECT claims.dedupe_key, claims.outcome, claims.reason, claims.lead_id, leads.lead_uuid, leads.number
        FROM claims LEFT JOIN leads ON leads.id = claims.lead_id
        WHERE claims.dedupe_key = ANY($1::text[])
        """,
        list(dedupe_keys),
    )
    return {row["dedupe_key"]: Claimed(*tuple(row)[1:]) for row in rows}


def store_outcomes(writes: Writes, outcomes: Iterable[Outcome]) -> None:
    """Write down what became of inquiries that this transaction claimed."""
    keys, words, lead_ids = zip(*outcomes, strict=True)
    writes.add(
        """
        UPDATE claims SET outcome = row.outcome, lead_id = row.lead_id
        FROM unnest($1::text[], $2::text[], $3::bigint[]) AS row (dedupe_key, outcome, lead_id)
        WHERE claims.dedupe_key = row.dedupe_key
        """,
        keys,
        words,
        lead_ids,
    )
