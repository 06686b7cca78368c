"""Ids before their rows: so that what names a row need not wait for it."""

from collections import deque

from shared.kit.database import Connection

_BLOCK = 200


async def take_ids(connection: Connection, sequence: str, count: int) -> list[int]:
    """New ids of a sequence; those that end unused are lost, which harms nobody.

    They are fetched in blocks, of which each connection has its own: an id says nothing about when it was taken. A
    block ends with its connection, so that a database that is restored from a backup meets no ids of its former life.
    """
    block: deque[int] = connection.spare_ids.setdefault(sequence, deque())  # type: ignore[attr-defined]
    if len(block) < count:
        wanted = max(count - len(block), _BLOCK)
        rows = await connection.fetch("SELECT nextval($1::regclass) FROM generate_series(1, $2::int)", sequence, wanted)
        block.extend(row[0] for row in rows)
    return [block.popleft() for _ in range(count)]
