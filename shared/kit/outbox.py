"""Events leave a service in the transaction that made them: rows here, published by the relay afterwards."""

from collections.abc import Iterable

from shared.contracts.events import Event, event_type
from shared.contracts.topics import Topic
from shared.kit.database import Connection


async def append(connection: Connection, topic: Topic, events: Iterable[tuple[object, Event]]) -> None:
    """Write (key, event) pairs in the caller's transaction, in one statement and in the order given.

    Two transactions about the same key must be ordered by a lock that both take before they append, such as the
    row of the lead; then the identity column has their order.
    """
    pairs = [(str(key), event) for key, event in events]
    if not pairs:
        return
    await append_raw(
        connection,
        topic.name,
        [(key, event_type(event), event.model_dump_json().encode()) for key, event in pairs],
    )


async def append_raw(connection: Connection, topic: str, rows: Iterable[tuple[str, str, bytes]]) -> None:
    """Write (key, event type, body) rows for a topic in the caller's transaction."""
    keys, types, bodies = zip(*rows, strict=True)
    await connection.execute(
        """
        INSERT INTO outbox (topic, key, type, body)
        SELECT $1, row.key, row.type, row.body
        FROM unnest($2::text[], $3::text[], $4::bytea[]) WITH ORDINALITY AS row (key, type, body, position)
        ORDER BY row.position
        """,
        topic,
        keys,
        types,
        bodies,
    )
