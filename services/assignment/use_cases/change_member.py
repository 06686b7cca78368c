"""A member's role, capacity, hours or anything else changes."""

from datetime import datetime
from typing import Any

from services.assignment.domain.errors import MemberUnknown, VersionPassed
from services.assignment.storage import team
from services.assignment.storage.ledgers import lock_ledger
from services.assignment.use_cases.announce_member import announce_member
from services.assignment.use_cases.serve_queue import serve_queue_within
from shared.kit.database import Database


async def change_member(
    database: Database, now: datetime, member_id: int, changes: dict[str, Any], expected_version: int | None
) -> None:
    """Change a member, tell the others, and give out what waits if there is room now.

    Who is deactivated or gets less capacity keeps their leads and gets no new ones. A change to what is the case
    already makes no new version.

    Raises:
        MemberUnknown, VersionPassed, EmailTaken
    """
    async with database.transaction() as connection:
        await lock_ledger(connection)
        if (known := await team.find(connection, member_id)) is None:
            raise MemberUnknown(member_id)
        if expected_version is not None and expected_version != known["version"]:
            raise VersionPassed(known["version"])
        changes = {name: value for name, value in changes.items() if known[name] != value}
        if not changes:
            return
        member = await team.change(connection, member_id, known | changes, now)
        await announce_member(connection, member, now)
        await serve_queue_within(connection, now)
