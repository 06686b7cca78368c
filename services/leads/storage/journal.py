"""What was said and what happened: inquiries, and history, which is written once and never changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from shared.contracts.inquiries import InquiryReceived
from shared.kit.database import Connection, JsonText
from shared.kit.text import dump_json


class HistoryLine(NamedTuple):
    """A line of a lead's history; `actor` is `system`, `service` or `member:<id>`."""

    lead_id: int
    text: str
    changes: dict[str, Any]
    actor: str = "system"
    type: int = 1


_HISTORY = ("lead_id", "type", "text", "actor", "occurred_at", "changes")
_INQUIRIES = (
    "lead_id", "receipt_id", "channel", "account", "kind", "thread", "received_at", "sent_at", "sender", "text",
    "content", "attribution",
)  # fmt: skip


async def add_history(connection: Connection, lines: Sequence[HistoryLine], now: datetime) -> None:
    """Write lines of history, in the order given."""
    rows = [(line.lead_id, line.type, line.text, line.actor, now, _json(line.changes)) for line in lines]
    await connection.copy_records_to_table("history", records=rows, columns=_HISTORY)


async def add_inquiries(connection: Connection, inquiries: Sequence[tuple[int, InquiryReceived]]) -> None:
    """Keep what people sent, as (lead id, inquiry)."""
    rows = [
        (
            lead_id, inquiry.receipt_id, inquiry.channel, inquiry.account, inquiry.kind, inquiry.thread,
            inquiry.received_at, inquiry.sent_at, JsonText(inquiry.sender.model_dump_json(exclude_defaults=True)),
            inquiry.text, _json(inquiry.content), _json(inquiry.attribution),
        )
        for lead_id, inquiry in inquiries
    ]  # fmt: skip
    await connection.copy_records_to_table("inquiries", records=rows, columns=_INQUIRIES)


def _json(value: dict[str, Any]) -> JsonText:
    return JsonText(dump_json(value).decode())
