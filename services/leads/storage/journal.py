"""What was said and what happened: inquiries, and history, which is written once and never changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from shared.contracts.inquiries import InquiryReceived
from shared.kit.database import JsonText
from shared.kit.text import dump_json
from shared.kit.writes import Target, Writes


class HistoryLine(NamedTuple):
    """A line of a lead's history; `actor` is `system`, `service` or `member:<id>`."""

    lead_id: int
    text: str
    changes: dict[str, Any]
    actor: str = "system"
    type: int = 1


_HISTORY = Target(
    "history",
    {
        "lead_id": "bigint",
        "type": "smallint",
        "text": "text",
        "actor": "text",
        "occurred_at": "timestamptz",
        "changes": "jsonb",
    },
)
_INQUIRIES = Target(
    "inquiries",
    {
        "lead_id": "bigint",
        "receipt_id": "uuid",
        "channel": "text",
        "account": "text",
        "kind": "text",
        "thread": "text",
        "received_at": "timestamptz",
        "sent_at": "timestamptz",
        "sender": "jsonb",
        "text": "text",
        "content": "jsonb",
        "attribution": "jsonb",
    },
)


def add_history(writes: Writes, lines: Sequence[HistoryLine], now: datetime) -> None:
    """Write lines of history, in the order given."""
    rows = [(line.lead_id, line.type, line.text, line.actor, now, _json(line.changes)) for line in lines]
    writes.insert(_HISTORY, rows)


def add_inquiries(writes: Writes, inquiries: Sequence[tuple[int, InquiryReceived]]) -> None:
    """Keep what people sent, as (lead id, inquiry)."""
    rows = [
        (
            lead_id, inquiry.receipt_id, inquiry.channel, inquiry.account, inquiry.kind, inquiry.thread,
            inquiry.received_at, inquiry.sent_at, JsonText(inquiry.sender.model_dump_json(exclude_defaults=True)),
            inquiry.text, _json(inquiry.content), _json(inquiry.attribution),
        )
        for lead_id, inquiry in inquiries
    ]  # fmt: skip
    writes.insert(_INQUIRIES, rows)


def _json(value: dict[str, Any]) -> JsonText:
    return JsonText(dump_json(value).decode())
