"""The statements on members' addresses."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.contracts.assignment import MemberChanged
from shared.kit.database import Connection


@dataclass(frozen=True, slots=True)
class MemberAddress:
    """Where a member gets mail; None for somebody who was erased."""

    email: str | None
    is_active: bool


async def apply(connection: Connection, members: Sequence[MemberChanged]) -> list[int]:
    """Keep each member's highest version, and return the ids of those that changed."""
    latest: dict[int, MemberChanged] = {}
    for member in members:
        known = latest.get(member.member_id)
        if known is None or member.version > known.version:
            latest[member.member_id] = member
    rows = [latest[member_id] for member_id in sorted(latest)]
    changed = await connection.fetch(
        """
        INSERT INTO members (id, version, email, is_active)
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::boolean[])
        ON CONFLICT (id) DO UPDATE
        SET version = excluded.version, email = excluded.email, is_active = excluded.is_active
        WHERE members.version < excluded.version
        RETURNING id
        """,
        [row.member_id for row in rows],
        [row.version for row in rows],
        [row.email for row in rows],
        [row.is_active for row in rows],
    )
    return [row["id"] for row in changed]


async def find(connection: Connection, member_id: int) -> MemberAddress | None:
    """The address of a member, or None for one that was never heard of."""
    row = await connection.fetchrow("SELECT email, is_active FROM members WHERE id = $1", member_id)
    return MemberAddress(row["email"], row["is_active"]) if row else None
