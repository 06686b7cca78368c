"""Members of the team as rows."""

from datetime import datetime
from typing import Any

import asyncpg

from services.assignment.domain.errors import EmailTaken
from services.assignment.storage.tables import ONE_EMAIL
from shared.kit.database import Connection

_VALUES = ("name", "email", "role", "capacity", "time_zone", "working_hours", "is_active")


async def add(connection: Connection, values: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Insert a member with an empty workload; the row.

    Versions start with the milliseconds since 1970, so that a database restored from a backup never publishes one
    that consumers know already and would ignore.

    Raises:
        EmailTaken
    """
    try:
        row = await connection.fetchrow(
            """
            INSERT INTO members (
                name, email, role, capacity, time_zone, working_hours, is_active, version, created_at, updated_at
            )
            VALUES ($1, $2, $3, $4, $5, $6, $7, floor(extract(epoch FROM $8::timestamptz) * 1000), $8, $8)
            RETURNING *
            """,
            *(values[name] for name in _VALUES),
            now,
        )
    except asyncpg.UniqueViolationError as error:
        raise _translated(error, values["email"]) from error
    assert row is not None
    await connection.execute(
        "INSERT INTO workloads (member_id, open_leads, won, lost, turn) VALUES ($1, 0, 0, 0, 0)", row["id"]
    )
    return dict(row)


async def find(connection: Connection, member_id: int) -> dict[str, Any] | None:
    """A member's row, locked; None when there is none."""
    row = await connection.fetchrow("SELECT * FROM members WHERE id = $1 FOR NO KEY UPDATE", member_id)
    return dict(row) if row else None


async def change(connection: Connection, member_id: int, values: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Write all values of a member as the next version; the row.

    That is the milliseconds since 1970, or one more than the version before if that is higher.

    Raises:
        EmailTaken
    """
    try:
        row = await connection.fetchrow(
            """
            UPDATE members SET name = $2, email = $3, role = $4, capacity = $5, time_zone = $6, working_hours = $7,
                is_active = $8, updated_at = $9,
                version = greatest(version + 1, floor(extract(epoch FROM $9::timestamptz) * 1000))
            WHERE id = $1 RETURNING *
            """,
            member_id,
            *(values[name] for name in _VALUES),
            now,
        )
    except asyncpg.UniqueViolationError as error:
        raise _translated(error, values["email"]) from error
    assert row is not None
    return dict(row)


def _translated(error: asyncpg.UniqueViolationError, email: str) -> Exception:
    return EmailTaken(email) if error.constraint_name == ONE_EMAIL else error
