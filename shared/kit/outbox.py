"""Events leave a service in the transaction that made them: rows here, published by the relay afterwards."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from shared.contracts.events import Event, event_type
from shared.contracts.topics import Topic
from shared.kit.database import Connection
from shared.kit.lean_events import EncodedEvent


class OutboxRow(NamedTuple):
    """An event on its way out."""

    topic: str
    key: str
    type: str
    body: bytes


async def append(connection: Connection, topic: Topic, events: Iterable[tuple[object, Event | EncodedEvent]]) -> None:
    """Write (key, event) pairs in the caller's transaction, in one statement and in the order given.

    Two transactions about the same key must be ordered by a lock that both take before they append, such as the
    row of the lead; then the identity column has their order.
    """
    rows = [
        (str(key), event.type, event.body)
        if isinstance(event, EncodedEvent)
        else (str(key), event_type(event), event.model_dump_json().encode())
        for key, event in events
    ]
    await append_raw(connection, topic.name, rows)


async def append_raw(connection: Connection, topic: str, rows: Iterable[tuple[str, str, bytes]]) -> None:
    """Write (key, event type, body) rows for a topic in the caller's transaction."""
    await append_rows(connection, [OutboxRow(topic, *row) for row in rows])


async def append_rows(connection: Connection, rows: Sequence[OutboxRow]) -> None:
    """Write rows of any topics in the caller's transaction, in the order given; by COPY, the cheapest way for many."""
    if rows:
        await connection.copy_records_to_table("outbox", records=rows, columns=OutboxRow._fields)
