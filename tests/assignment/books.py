"""What the tables say, for comparison."""

from typing import Any

from services.assignment.use_cases.add_member import add_member
from services.assignment.use_cases.apply_lead_events import apply_lead_events
from shared.contracts.assignment import AnyAssignmentEvent, decode_assignment_event
from shared.contracts.leads import AnyLeadEvent
from shared.contracts.topics import ASSIGNMENT_EVENTS
from shared.kit.database import Database
from tests.assignment.makers import NOON

SNAPSHOTS = {
    "members": "members",
    "workloads": "workloads",
    "leads": "leads",
    # Which rows keep the candidates depends on the batch; what is in them does not.
    "decisions": """(
        SELECT to_jsonb(decisions) - 'weighing_ids' AS decision, id, ARRAY(
            SELECT document FROM unnest(weighing_ids) WITH ORDINALITY AS place (weighing_id, at)
            JOIN weighings ON weighings.id = weighing_id ORDER BY at
        ) AS candidates FROM decisions
    ) AS decided""",
    "outbox": "outbox",
}


async def add(database: Database, name: str, **changes: Any) -> int:
    """Add a salesperson in UTC who is always on shift and may hold ten leads; their id."""
    values = {
        "name": name,
        "email": f"{name.lower()}@example.com",
        "role": "salesperson",
        "capacity": 10,
        "time_zone": "UTC",
        "working_hours": [],
        "is_active": True,
    }
    return await add_member(database, NOON, values | changes)


async def apply(database: Database, *events: AnyLeadEvent) -> None:
    """Handle events as one batch in one transaction."""
    async with database.transaction() as connection:
        await apply_lead_events(connection, events, NOON)


async def published(database: Database) -> list[AnyAssignmentEvent]:
    """What was told about leads, in order."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT type, body FROM outbox WHERE topic = $1 ORDER BY id", ASSIGNMENT_EVENTS.name
        )
    events = [decode_assignment_event(row["type"], row["body"]) for row in rows]
    return [event for event in events if isinstance(event, AnyAssignmentEvent)]


async def snapshot(database: Database) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables."""
    async with database.connection() as connection:
        return {
            table: [dict(row) for row in await connection.fetch(f"SELECT * FROM {source} ORDER BY 1")]
            for table, source in SNAPSHOTS.items()
        }


async def check_books(database: Database) -> None:
    """Counters are what the leads hold, and nobody holds more than the capacity."""
    async with database.connection() as connection:
        wrong = await connection.fetch(
            """
            SELECT member_id, open_leads, held, capacity FROM workloads JOIN members ON id = member_id
            CROSS JOIN LATERAL (SELECT count(*) AS held FROM leads WHERE member_id = ANY (held_by)) AS counted
            WHERE open_leads <> held OR open_leads > capacity
            """
        )
    assert [] == [dict(row) for row in wrong]
