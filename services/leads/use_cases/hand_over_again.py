"""The slow sweep of leads: whoever was handed to assignment and has no owner yet is handed over once more."""

from datetime import datetime

from services.leads.domain.hand_over import HandOverPolicy
from services.leads.storage import hand_overs
from shared.contracts.leads import LeadReady
from shared.contracts.topics import LEAD_EVENTS
from shared.contracts.words import Channel
from shared.kit import outbox
from shared.kit.database import Connection
from shared.kit.identifiers import new_id
from shared.kit.metrics import handed_over_again


async def hand_over_again(connection: Connection, now: datetime, policy: HandOverPolicy, limit: int = 500) -> int:
    """Repeat `lead.ready` for leads that are due, at most `limit`, and say how many there were.

    They are due again after a longer wait. Leads that another transaction is changing are left for the next time.
    """
    due = await hand_overs.lock_due(connection, now, limit)
    if not due:
        return 0
    await hand_overs.postpone(
        connection, [(lead.lead_id, now + policy.wait_after(lead.hand_overs + 1)) for lead in due]
    )
    events = [
        (
            lead.lead_id,
            LeadReady(
                event_id=new_id(),
                occurred_at=now,
                correlation_id=lead.lead_uuid,
                lead_id=lead.lead_id,
                version=lead.version,
                source=lead.source,
                channel=Channel(lead.channel),
                language=lead.language,
                is_repeat=lead.is_repeat,
                preferred_owner_id=lead.preferred_owner_id,
                created_at=lead.created_at,
            ),
        )
        for lead in due
    ]
    await outbox.append(connection, LEAD_EVENTS, events)
    handed_over_again.labels("ready leads").inc(len(due))
    return len(due)
