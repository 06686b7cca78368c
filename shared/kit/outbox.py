"""Events leave a service in the transaction that made them: rows here, published by the relay afterwards."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from shared.contracts.events import Event, event_type
from shared.contracts.topics import Topic
from shared.kit.database import Connection
from shared.kit.lean_events import EncodedEvent
from shared.kit.writes import Target, Writes

_OUTBOX = Target("outbox", {"topic": "text", "key": "text", "type": "text", "body": "bytea"})


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
    await append_raw(connection, topic.name, [_encoded(key, event) for key, event in events])


async def append_raw(connection: Connection, topic: str, rows: Iterable[tuple[str, str, bytes]]) -> None:
    """Write (key, event type, body) rows for a topic in the caller's transaction."""
    await append_rows(connection, [OutboxRow(topic, *row) for row in rows])


async def append_rows(connection: Connection, rows: Sequence[OutboxRow]) -> None:
    """Write rows of any topics in the caller's transaction, in the order given."""
    writes = Writes(connection)
    gather_rows(writes, rows)
    await writes.send()


def gather(writes: Writes, topic: Topic, events: Iterable[tuple[object, Event | EncodedEvent]]) -> None:
    """`append` together with other writes."""
    gather_rows(writes, [OutboxRow(topic.name, *_encoded(key, event)) for key, event in events])


def gather_rows(writes: Writes, rows: Sequence[OutboxRow]) -> None:
    """`append_rows` together with other writes."""
    writes.insert(_OUTBOX, rows)


def _encoded(key: object, event: Event | EncodedEvent) -> tuple[str, str, bytes]:
    if isinstance(event, EncodedEvent):
        return str(key), event.type, event.body
    return str(key), event_type(event), event.model_dump_json().encode()
