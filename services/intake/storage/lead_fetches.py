"""Leads of Lead Ads that are still to be fetched: a short queue beside the receipts that wait for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from services.intake.domain.outcomes import Awaited
from services.intake.domain.receipts import ReceiptState
from shared.kit.database import Connection
from shared.kit.text import dump_json, parse_json

# Much longer than all attempts of one fetch take: a worker that died is replaced after this.
LEASE = timedelta(minutes=2)
SHORTEST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class LeadFetch:
    """A lead to fetch; `id` is the row of its receipt, `attempt` counts from 1."""

    id: int
    page_id: str
    leadgen_id: str
    form_id: str | None
    attempt: int


async def await_leads(connection: Connection, awaited: Mapping[int, Awaited]) -> None:
    """Let waiting receipts wait for their leads instead, and queue these; one statement, repeatable."""
    await connection.execute(
        """
        WITH locked AS (
            SELECT id, account FROM receipts WHERE id = ANY($1::bigint[]) AND state = 'received' ORDER BY id FOR UPDATE
        ), moved AS (
            UPDATE receipts SET state = 'fetching' FROM locked WHERE receipts.id = locked.id
        )
        INSERT INTO lead_fetches (id, page_id, leadgen_id, form_id)
        SELECT id, account, leadgen_id, form_id
        FROM unnest($1::bigint[], $2::text[], $3::text[]) AS wanted (id, leadgen_id, form_id) JOIN locked USING (id)
        ON CONFLICT (id) DO UPDATE SET attempts = 0, retry_at = now()
        """,
        list(awaited),
        [one.leadgen_id for one in awaited.values()],
        [one.form_id for one in awaited.values()],
    )


async def take_due(connection: Connection, limit: int) -> list[LeadFetch]:
    """Lease the fetches that are due, the longest waiting first; no other worker sees them until the lease ends."""
    rows = await connection.fetch(
        """
        UPDATE lead_fetches SET attempts = attempts + 1, retry_at = now() + $2::interval
        WHERE id IN (
            SELECT id FROM lead_fetches WHERE retry_at <= now() ORDER BY retry_at LIMIT $1 FOR UPDATE SKIP LOCKED
        )
        RETURNING id, page_id, leadgen_id, form_id, attempts AS attempt
        """,
        limit,
        LEASE,
    )
    return [LeadFetch(**row) for row in rows]


async def keep_lead(connection: Connection, fetch: LeadFetch, found: Mapping[str, Any]) -> bool:
    """Add what was found to the receipt's body and let it wait for its adapter again; False when it does no more.

    In the caller's transaction. Found twice, by a worker that lost its lease, it is kept once.
    """
    if not await _end(connection, fetch, ReceiptState.RECEIVED, None):
        return False
    body = parse_json(await connection.fetchval("SELECT body FROM receipt_bodies WHERE id = $1", fetch.id))
    await connection.execute(
        "UPDATE receipt_bodies SET body = $2 WHERE id = $1", fetch.id, dump_json(body | dict(found))
    )
    return True


async def give_up(connection: Connection, fetch: LeadFetch, reason: str) -> bool:
    """Put the receipt into quarantine, from where an operator replays it; in the caller's transaction."""
    return await _end(connection, fetch, ReceiptState.QUARANTINED, reason)


async def _end(connection: Connection, fetch: LeadFetch, state: ReceiptState, reason: str | None) -> bool:
    ended = await connection.fetchval(
        "UPDATE receipts SET state = $2, reason = $3 WHERE id = $1 AND state = 'fetching' RETURNING id",
        fetch.id,
        state.value,
        reason,
    )
    await connection.execute("DELETE FROM lead_fetches WHERE id = $1", fetch.id)
    return ended is not None


async def postpone(connection: Connection, fetch: LeadFetch) -> None:
    """Try one again later: after 5 s, doubling up to 15 min."""
    await connection.execute(
        "UPDATE lead_fetches SET retry_at = now() + least($2::interval * 2 ^ least($3::int - 1, 12), $4::interval)"
        " WHERE id = $1",
        fetch.id,
        SHORTEST_WAIT,
        fetch.attempt,
        LONGEST_WAIT,
    )


async def postpone_page(connection: Connection, page_id: str, ids: Sequence[int], pause: timedelta) -> None:
    """Leave the Graph API alone with all leads of a page for a while; `ids` are those that are leased here."""
    await connection.execute(
        """
        WITH locked AS (SELECT id FROM lead_fetches WHERE page_id = $1 ORDER BY id FOR UPDATE)
        UPDATE lead_fetches SET retry_at = now() + $3::interval FROM locked
        WHERE lead_fetches.id = locked.id
          AND (lead_fetches.id = ANY($2::bigint[]) OR retry_at < now() + $3::interval)
        """,
        page_id,
        list(ids),
        pause,
    )
