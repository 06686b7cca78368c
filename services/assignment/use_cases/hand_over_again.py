"""Notice that leads is silent about a decision, and publish it again."""

from datetime import datetime

from services.assignment.storage.ledgers import lock_ledger
from services.assignment.storage.queue import take_unanswered
from shared.contracts.assignment import AssignmentDecided
from shared.contracts.topics import ASSIGNMENT_EVENTS
from shared.kit import metrics, outbox
from shared.kit.database import Database
from shared.kit.identifiers import new_id

_LIMIT = 500


async def hand_over_again(database: Database, now: datetime) -> int:
    """Publish again the decisions that have had no answer in time; how many.

    Each is a new event with the same decision id and number, so that leads answers it anew and applies it once.
    """
    async with database.transaction() as connection:
        await lock_ledger(connection)
        rows = await take_unanswered(connection, now, _LIMIT)
        events = []
        for row in rows:
            event_id = new_id()
            event = AssignmentDecided(
                event_id=event_id,
                occurred_at=now,
                correlation_id=row["correlation_id"] or event_id,
                decision_id=row["id"],
                decision_number=row["decision_number"],
                lead_id=row["lead_id"],
                member_id=row["chosen_member_id"],
                previous_member_id=row["previous_member_id"],
                is_manual=row["is_manual"],
            )
            events.append((row["lead_id"], event))
        await outbox.append(connection, ASSIGNMENT_EVENTS, events)
    metrics.handed_over_again.labels("decisions").inc(len(rows))
    return len(rows)
