"""Tell the other services about a member."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.contracts.assignment import MemberChanged, Shift
from shared.contracts.topics import TEAM_MEMBERS
from shared.contracts.words import Role
from shared.kit import outbox
from shared.kit.database import Connection
from shared.kit.identifiers import new_id


async def announce_member(connection: Connection, member: Mapping[str, Any], now: datetime) -> None:
    """Publish a member's latest state in the transaction that made it."""
    event_id = new_id()
    event = MemberChanged(
        event_id=event_id,
        occurred_at=now,
        correlation_id=event_id,
        member_id=member["id"],
        version=member["version"],
        name=member["name"],
        email=member["email"],
        role=Role(member["role"]),
        capacity=member["capacity"],
        time_zone=member["time_zone"],
        working_hours=tuple(Shift.model_validate(shift) for shift in member["working_hours"]),
        is_active=member["is_active"],
    )
    await outbox.append(connection, TEAM_MEMBERS, [(member["id"], event)])
