"""Keeping leads' copy of the team."""

from collections.abc import Sequence

from services.leads.storage import members
from shared.contracts.assignment import MemberChanged
from shared.kit.database import Connection


async def project_members(connection: Connection, changes: Sequence[MemberChanged]) -> None:
    """Take over the latest state of each member; an older state than the one that is known changes nothing."""
    latest: dict[int, MemberChanged] = {}
    for change in changes:
        known = latest.get(change.member_id)
        if known is None or known.version < change.version:
            latest[change.member_id] = change
    if latest:
        await members.save_newer(connection, list(latest.values()))
