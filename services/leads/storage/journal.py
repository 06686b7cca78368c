"""What was said and what happened: inquiries, and history, which is written once and never changed."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from shared.contracts.inquiries import InquiryReceived
from shared.kit.database import Connection


class HistoryLine(NamedTuple):
    """A line of a lead's history; `actor` is `system`, `service` or `member:<id>`."""

    lead_id: int
    text: str
    changes: dict[str, Any]
    actor: str = "system"
    type: int = 1


async def add_history(connection: Connection, lines: Sequence[HistoryLine], now: datetime) -> None:
    """Write lines of history, in the order given."""
    await connection.execute(
        """
        INSERT INTO history (lead_id, type, text, actor, occurred_at, changes)
        SELECT lead_id, type, text, actor, $6, changes::jsonb
        FROM unnest($1::bigint[], $2::smallint[], $3::text[], $4::text[], $5::text[])
            WITH ORDINALITY AS row (lead_id, type, text, actor, changes, position)
        ORDER BY row.position
        """,
        [line.lead_id for line in lines],
        [line.type for line in lines],
        [line.text for line in lines],
        [line.actor for line in lines],
        [_json(line.changes) for line in lines],
        now,
    )


async def add_inquiries(connection: Connection, inquiries: Sequence[tuple[int, InquiryReceived]]) -> None:
    """Keep what people sent, as (lead id, inquiry)."""
    await connection.execute(
        """
        INSERT INTO inquiries (
            lead_id, receipt_id, channel, account, kind, thread, received_at, sent_at, sender, text, content,
            attribution
        )
        SELECT
            lead_id, receipt_id, channel, account, kind, thread, received_at, sent_at, sender::jsonb, text,
            content::jsonb, attribution::jsonb
        FROM unnest(
            $1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
            $8::timestamptz[], $9::text[], $10::text[], $11::text[], $12::text[]
        ) AS row (
            lead_id, receipt_id, channel, account, kind, thread, received_at, sent_at, sender, text, content,
            attribution
        )
        """,
        [lead_id for lead_id, _ in inquiries],
        [inquiry.receipt_id for _, inquiry in inquiries],
        [inquiry.channel for _, inquiry in inquiries],
        [inquiry.account for _, inquiry in inquiries],
        [inquiry.kind for _, inquiry in inquiries],
        [inquiry.thread for _, inquiry in inquiries],
        [inquiry.received_at for _, inquiry in inquiries],
        [inquiry.sent_at for _, inquiry in inquiries],
        [inquiry.sender.model_dump_json(exclude_defaults=True) for _, inquiry in inquiries],
        [inquiry.text for _, inquiry in inquiries],
        [_json(inquiry.content) for _, inquiry in inquiries],
        [_json(inquiry.attribution) for _, inquiry in inquiries],
    )


def _json(value: dict[str, Any]) -> str:
    # Not orjson: senders write integers beyond 64 bits, which Postgres keeps and orjson refuses.
    return json.dumps(value, ensure_ascii=False)
