"""What a transaction writes, gathered and sent in as few round trips as its size allows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from shared.kit.database import Connection

# Up to here rows travel as arrays, together with other writes; above, by COPY, which needs two round trips for a table
# but costs half as much for each row, here and in Postgres. With a few rows the round trips are all that it costs.
_FEW_ROWS = 50
_PLACEHOLDER = re.compile(r"\$(\d+)")


@dataclass(frozen=True)
class Target:
    """A table to insert into, with the types of the columns that are given; the others have defaults."""

    table: str
    columns: Mapping[str, str]

    def __hash__(self) -> int:
        return id(self)


class _Statement(NamedTuple):
    sql: str
    arguments: Sequence[Any]


class _Copy(NamedTuple):
    target: Target
    rows: Sequence[Sequence[Any]]


class Writes:
    """Writes of one transaction that need not see one another.

    Neighbours share one statement, so all of them see what was there before the first, none may change a row that
    another one changes, and only foreign keys may join them, which Postgres checks at the end of a statement. `send`
    between two of them when the second needs the first. Nothing is written before it.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._waiting: list[_Statement | _Copy] = []

    @property
    def is_large(self) -> bool:
        """Whether what was gathered takes so long to write that no one should be made to wait for it."""
        return any(isinstance(write, _Copy) for write in self._waiting)

    def add(self, sql: str, *arguments: Any) -> None:
        """Gather an INSERT, UPDATE or DELETE with its arguments."""
        self._waiting.append(_Statement(sql, arguments))

    def insert(self, target: Target, rows: Sequence[Sequence[Any]]) -> None:
        """Gather rows, to be inserted in the order given; values of jsonb columns are `JsonText`."""
        if len(rows) > _FEW_ROWS:
            self._waiting.append(_Copy(target, rows))
        elif rows:
            self.add(_insertion(target), *(list(column) for column in zip(*rows, strict=True)))

    async def send(self) -> None:
        """Write what was gathered, and begin anew."""
        waiting, self._waiting = self._waiting, []
        together: list[_Statement] = []
        for write in waiting:
            if isinstance(write, _Statement):
                together.append(write)
                continue
            await self._execute(together)
            together = []
            target, rows = write
            await self.connection.copy_records_to_table(target.table, records=rows, columns=list(target.columns))
        await self._execute(together)

    async def _execute(self, together: Sequence[_Statement]) -> None:
        if together:
            arguments = [argument for statement in together for argument in statement.arguments]
            texts = tuple((statement.sql, len(statement.arguments)) for statement in together)
            await self.connection.execute(_joined(texts), *arguments)


@lru_cache(maxsize=256)
def _joined(statements: tuple[tuple[str, int], ...]) -> str:
    """One statement that does what several do, with their arguments one behind the other."""
    parts: list[str] = []
    given = 0
    for sql, count in statements:
        parts.append(_PLACEHOLDER.sub(lambda found, given=given: f"${int(found[1]) + given}", sql))  # type: ignore[misc]
        given += count
    *first, last = parts
    if not first:
        return last
    named = ", ".join(f"write_{number} AS ({sql})" for number, sql in enumerate(first))
    return f"WITH {named} {last}"


@lru_cache(maxsize=64)
def _insertion(target: Target) -> str:
    names = ", ".join(target.columns)
    # JSON goes as text, since the connections of sessions have another codec for it.
    arrays = ", ".join(
        f"${place}::{'text' if type_ == 'jsonb' else type_}[]" for place, type_ in enumerate(target.columns.values(), 1)
    )
    values = ", ".join(f"row.{name}::{type_}" for name, type_ in target.columns.items())
    return f"""
        INSERT INTO {target.table} ({names}) OVERRIDING SYSTEM VALUE
        SELECT {values} FROM unnest({arrays}) WITH ORDINALITY AS row ({names}, position) ORDER BY row.position
    """  # noqa: S608 (names from this code)  # nosec B608
