"""Statements on receipts: sets of rows, never one at a time.

Statements that change receipts lock them in the order of their ids first, so that the relay, the settlements and
the sweep may meet on the same rows without a deadlock.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.intake.domain.receipts import SPAM, NewReceipt, WaitingReceipt
from shared.contracts.inquiries import InquirySettled
from shared.contracts.words import Channel, SettlementOutcome
from shared.kit.database import SLICE, Connection, affected
from shared.kit.relay import SAVE_POSITIONS, Positions, Published

SHORTEST_SILENCE = timedelta(seconds=30)
LONGEST_SILENCE = timedelta(hours=1)
# Items may have megabytes, and a thousand of them would not fit into memory.
_MOST_BYTES = 16 * 1024 * 1024

_INSERT = """
    WITH arrived AS (
        SELECT * FROM unnest(
            $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::timestamptz[], $8::date[],
            $9::text[], $10::uuid[]
        ) WITH ORDINALITY AS row (
            receipt_id, dedupe_key, channel, account, kind, body, received_at, business_date, error, lead_uuid, place
        )
    ), kept AS (
        INSERT INTO receipts
            (receipt_id, dedupe_key, channel, account, kind, state, reason, received_at, business_date, lead_uuid)
        SELECT receipt_id, dedupe_key, channel, account, kind,
            CASE WHEN error IS NULL THEN 'received' ELSE 'quarantined' END, error, received_at, business_date, lead_uuid
        FROM arrived ORDER BY place
        ON CONFLICT (dedupe_key) DO NOTHING
        RETURNING id, receipt_id
    )
    INSERT INTO receipt_bodies (id, body)
    SELECT kept.id, arrived.body FROM kept JOIN arrived USING (receipt_id)
"""


async def add_receipts(connection: Connection, receipts: Sequence[NewReceipt]) -> int:
    """Write receipts with one statement and return how many of them are new; known ones change nothing.

    Ids follow the order given. Two calls with the same keys in another order may deadlock: have one writer per
    process, and run the statement again on a conflict.
    """
    return affected(await connection.execute(_INSERT, *zip(*receipts, strict=True)))


async def list_waiting(connection: Connection, limit: int) -> list[WaitingReceipt]:
    """The receipts that wait to be normalised, the oldest first; fewer than `limit` where they are large."""
    rows = await connection.fetch(
        """
        SELECT id, receipt_id, dedupe_key, channel, account, kind, reason, body, received_at, business_date, lead_uuid
        FROM (
            SELECT receipts.*, body, octet_length(body) AS size, sum(octet_length(body)) OVER (ORDER BY id) AS so_far
            FROM receipts JOIN receipt_bodies USING (id)
            WHERE state = 'received' ORDER BY id LIMIT $1
        ) AS waiting
        WHERE so_far - size < $2
        ORDER BY id
        """,
        limit,
        _MOST_BYTES,
    )
    return [WaitingReceipt(**{**row, "channel": Channel(row["channel"])}) for row in rows]


async def put_away(connection: Connection, state: str, reasons: Mapping[int, str]) -> None:
    """End waiting receipts as ignored or quarantined, each with its reason."""
    await connection.execute(
        """
        WITH locked AS (
            SELECT id FROM receipts WHERE id = ANY($2::bigint[]) AND state = 'received' ORDER BY id FOR UPDATE
        )
        UPDATE receipts SET state = $1, reason = ended.reason
        FROM unnest($2::bigint[], $3::text[]) AS ended (id, reason) JOIN locked USING (id)
        WHERE receipts.id = ended.id
        """,
        state,
        list(reasons),
        list(reasons.values()),
    )


async def mark_published(connection: Connection, published: Sequence[Published], positions: Positions) -> None:
    """Note where the broker keeps each receipt, how far it is, and when a receipt's silence will have lasted too long.

    A settlement may have been quicker than this: a receipt that is settled already stays so.
    """
    await connection.execute(
        f"""
        WITH {SAVE_POSITIONS}, locked AS (
            SELECT id FROM receipts WHERE id = ANY($5::bigint[]) ORDER BY id FOR UPDATE
        )
        UPDATE receipts SET
            state = CASE WHEN state = 'received' THEN 'published' ELSE state END,
            partition = sent.partition, "offset" = sent."offset", published_at = now(), attempts = attempts + 1,
            retry_at = now() + least($8::interval * 2 ^ least(attempts, 10), $9::interval)
        FROM unnest($5::bigint[], $6::int[], $7::bigint[]) AS sent (id, partition, "offset") JOIN locked USING (id)
        WHERE receipts.id = sent.id
        """,  # noqa: S608 (a constant of ours)  # nosec B608
        *positions,
        [row.id for row in published],
        [row.partition for row in published],
        [row.offset for row in published],
        SHORTEST_SILENCE,
        LONGEST_SILENCE,
    )


async def unsend_unsettled(connection: Connection) -> int:
    """Make a slice of the receipts wait again that were published and not settled; returns how many."""
    return affected(
        await connection.execute(
            """
            WITH locked AS (SELECT id FROM receipts WHERE state = 'published' ORDER BY id LIMIT $1 FOR UPDATE)
            UPDATE receipts SET state = 'received' FROM locked WHERE receipts.id = locked.id
            """,
            SLICE,
        )
    )


async def count_silent(connection: Connection) -> int:
    """How many published receipts have waited for their settlement for too long."""
    query = "SELECT count(*) FROM receipts WHERE state = 'published' AND retry_at <= now()"
    return int(await connection.fetchval(query))


async def unsend_silent(connection: Connection, read_up_to: Mapping[int, int], limit: int) -> int:
    """Make those silent receipts wait again that the reader of their partition has passed; returns how many.

    `read_up_to` has for each partition the offset that is read next.
    """
    return affected(
        await connection.execute(
            """
            WITH locked AS (
                SELECT id FROM receipts JOIN unnest($1::int[], $2::bigint[]) AS reader (partition, next)
                    ON receipts.partition = reader.partition AND receipts."offset" < reader.next
                WHERE state = 'published' AND retry_at <= now() ORDER BY id LIMIT $3 FOR UPDATE OF receipts
            )
            UPDATE receipts SET state = 'received' FROM locked WHERE receipts.id = locked.id
            """,
            list(read_up_to),
            list(read_up_to.values()),
            limit,
        )
    )


async def settle(connection: Connection, settlements: Mapping[UUID, InquirySettled]) -> int:
    """Give receipts their outcome and return how many got one; a rejected one is quarantined with the reason.

    An outcome is final: a later settlement changes nothing, except that one which was rejected may still settle.
    """
    given = list(settlements.values())
    return affected(
        await connection.execute(
            """
            WITH locked AS (
                SELECT id, receipt_id FROM receipts
                WHERE receipt_id = ANY($1::uuid[]) AND state IN ('received', 'published', 'quarantined')
                ORDER BY id FOR UPDATE
            )
            UPDATE receipts SET
                state = CASE WHEN given.outcome = $7 THEN 'quarantined' ELSE 'settled' END,
                outcome = nullif(given.outcome, $7),
                reason = CASE WHEN given.outcome = $7 THEN coalesce(given.reason, $7) END,
                lead_id = given.lead_id, lead_number = given.lead_number,
                lead_uuid = coalesce(receipts.lead_uuid, given.lead_uuid), settled_at = now()
            FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::uuid[])
                AS given (receipt_id, outcome, reason, lead_id, lead_number, lead_uuid)
            JOIN locked USING (receipt_id)
            WHERE receipts.id = locked.id
            """,
            [one.receipt_id for one in given],
            [one.outcome.value for one in given],
            [one.reason for one in given],
            [one.lead_id for one in given],
            [one.lead_number for one in given],
            [one.lead_uuid for one in given],
            SettlementOutcome.REJECTED.value,
        )
    )


async def replay(connection: Connection, ids: Sequence[int]) -> int:
    """Make ignored and quarantined receipts wait for their adapter again; returns how many.

    The reason stays until there is another outcome.
    """
    return affected(
        await connection.execute(
            """
            WITH locked AS (
                SELECT id FROM receipts
                WHERE id = ANY($1::bigint[]) AND state IN ('ignored', 'quarantined') ORDER BY id FOR UPDATE
            )
            UPDATE receipts SET state = 'received', attempts = 0, settled_at = NULL
            FROM locked WHERE receipts.id = locked.id
            """,
            list(ids),
        )
    )


async def find_put_away(connection: Connection, *, reason: str | None, state: str | None, limit: int) -> list[int]:
    """The oldest ignored or quarantined receipts, of one reason or state if these are given.

    Spam is found by its reason only: who replays whatever was ignored does not want robots to become leads.
    """
    rows = await connection.fetch(
        """
        SELECT id FROM receipts
        WHERE state IN ('ignored', 'quarantined') AND ($2::text IS NULL OR state = $2)
          AND CASE WHEN $1::text IS NULL THEN NOT starts_with(coalesce(reason, ''), $4) ELSE reason = $1 END
        ORDER BY id LIMIT $3
        """,
        reason,
        state,
        limit,
        SPAM,
    )
    return [row["id"] for row in rows]


async def find_id(connection: Connection, receipt_id: UUID) -> int | None:
    """The row of a receipt."""
    found: int | None = await connection.fetchval("SELECT id FROM receipts WHERE receipt_id = $1", receipt_id)
    return found


async def backlog(connection: Connection) -> tuple[int, datetime | None]:
    """How many receipts wait to be published, and since when the oldest one does."""
    row = await connection.fetchrow("SELECT count(*), min(received_at) FROM receipts WHERE state = 'received'")
    assert row is not None
    return row[0], row[1]


async def count_quarantined(connection: Connection) -> list[dict[str, Any]]:
    """What stands in quarantine by reason and channel, the most first; reads as many rows as stand there."""
    rows = await connection.fetch(
        """
        SELECT reason, channel, count(*), min(received_at) AS oldest_at, max(received_at) AS latest_at
        FROM receipts WHERE state = 'quarantined' GROUP BY reason, channel ORDER BY count(*) DESC, reason, channel
        """
    )
    return [dict(row) for row in rows]
