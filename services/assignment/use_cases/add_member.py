"""Somebody joins the team."""

from datetime import datetime
from typing import Any

from services.assignment.storage import team
from services.assignment.storage.ledgers import lock_ledger
from services.assignment.use_cases.announce_member import announce_member
from services.assignment.use_cases.serve_queue import serve_queue_within
from shared.kit.database import Database


async def add_member(database: Database, now: datetime, values: dict[str, Any]) -> int:
    """Add a member, tell the others, and give the newcomer what waits; their id.

    Raises:
        EmailTaken
    """
    async with database.transaction() as connection:
        await lock_ledger(connection)
        member = await team.add(connection, values, now)
        await announce_member(connection, member, now)
        await serve_queue_within(connection, now)
        member_id: int = member["id"]
        return member_id
