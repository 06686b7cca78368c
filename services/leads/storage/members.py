"""leads' copy of the team."""

from collections.abc import Sequence

from shared.contracts.assignment import MemberChanged
from shared.kit.database import Connection


async def save_newer(connection: Connection, members: Sequence[MemberChanged]) -> None:
    """Write the states of members, each once, where they are newer than what is known."""
    ordered = sorted(members, key=lambda member: member.member_id)
    await connection.execute(
        """
        INSERT INTO members AS known (id, version, name, role, time_zone, is_active)
        SELECT id, version, name, role, time_zone, is_active
        FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::boolean[])
            AS row (id, version, name, role, time_zone, is_active)
        ON CONFLICT (id) DO UPDATE SET
            version = excluded.version, name = excluded.name, role = excluded.role,
            time_zone = excluded.time_zone, is_active = excluded.is_active
        WHERE known.version < excluded.version
        """,
        [member.member_id for member in ordered],
        [member.version for member in ordered],
        [member.name for member in ordered],
        [member.role for member in ordered],
        [member.time_zone for member in ordered],
        [member.is_active for member in ordered],
    )
