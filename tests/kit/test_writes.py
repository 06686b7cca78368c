"""Writes that share a statement, and ids that are there before their rows."""

import pytest

from shared.kit.database import Connection, Database, JsonText
from shared.kit.sequences import take_ids
from shared.kit.writes import Target, Writes

_EFFECTS = Target("effects", {"number": "int", "partition": "int"})
_NOTES = Target("notes", {"id": "bigint", "body": "jsonb", "note_id": "bigint"})

FEW, MANY = 3, 200


@pytest.fixture
async def notes(database: Database) -> None:
    """A table with JSON, an identity, and rows that point at one another."""
    async with database.connection() as connection:
        await connection.execute(
            """
            CREATE TABLE notes (
                id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body jsonb, note_id bigint REFERENCES notes (id)
            )
            """
        )


async def _numbers(connection: Connection) -> list[int]:
    return [row["number"] for row in await connection.fetch("SELECT number FROM effects ORDER BY id")]


@pytest.mark.parametrize("count", [FEW, MANY])
async def test_rows_keep_their_order(database: Database, count: int) -> None:
    """Rows get ascending ids in the order given, however many they are."""
    numbers = [(7 * place) % count for place in range(count)]
    async with database.transaction() as connection:
        writes = Writes(connection)
        writes.insert(_EFFECTS, [(number, 0) for number in numbers])
        await writes.send()
        assert await _numbers(connection) == numbers


@pytest.mark.parametrize("count", [FEW, MANY])
@pytest.mark.usefixtures("notes")
async def test_json_and_ids_are_kept(database: Database, count: int) -> None:
    """Ids that were taken before and JSON arrive as they were given, however many rows there are."""
    async with database.transaction() as connection:
        ids = await take_ids(connection, "notes_id_seq", count)
        writes = Writes(connection)
        writes.insert(_NOTES, [(id_, JsonText(f'{{"place": {place}}}'), None) for place, id_ in enumerate(ids)])
        await writes.send()
        rows = await connection.fetch("SELECT id, body FROM notes ORDER BY body -> 'place'")
    assert [(row["id"], row["body"]) for row in rows] == [(id_, {"place": place}) for place, id_ in enumerate(ids)]


@pytest.mark.usefixtures("notes")
async def test_writes_of_every_kind_share_a_transaction(database: Database) -> None:
    """Statements and rows, few and many, are written with their own arguments, and may point at one another."""
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO effects (number, partition) VALUES (1, 0), (2, 0)")
        writes = Writes(connection)
        writes.add("UPDATE effects SET partition = $2 WHERE number = $1", 1, 5)
        writes.insert(_NOTES, [(11, None, 12)])
        writes.insert(_NOTES, [(12, None, None)])
        writes.insert(_EFFECTS, [(number, 0) for number in range(3, 3 + MANY)])
        writes.add("DELETE FROM effects WHERE number = $1", 2)
        await writes.send()
    async with database.transaction() as connection:
        assert await _numbers(connection) == [1, *range(3, 3 + MANY)]
        assert await connection.fetchval("SELECT partition FROM effects WHERE number = 1") == 5
        assert await connection.fetchval("SELECT note_id FROM notes WHERE id = 11") == 12


@pytest.mark.usefixtures("notes")
async def test_ids_are_never_given_twice(database: Database) -> None:
    """Connections that take ids by turns, and transactions that are rolled back, get no id that another one got."""
    taken: list[int] = []
    for count in (1, 150, 1, 300, 90):
        async with database.transaction() as one, database.connection() as other:
            taken += await take_ids(one, "notes_id_seq", count)
            rolled_back = other.transaction()
            await rolled_back.start()
            taken += await take_ids(other, "notes_id_seq", count)
            await rolled_back.rollback()
            taken += await take_ids(other, "notes_id_seq", count)
    assert len(set(taken)) == len(taken)
