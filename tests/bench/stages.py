"""Where the time of (d) goes: how long an inquiry takes from stage to stage of ours, by what Postgres noted.

A stage that writes is over when its transaction was committed, one that publishes when the relay notes that the broker
has it: a little later than the next stage may see it, so that what follows can look shorter than it is.
"""

import statistics
from collections.abc import Mapping
from typing import Final

from shared.kit.database import Connection

STAGES: Final = (
    ("kept", "webhook sent → receipt committed"),
    ("told", "→ inquiry published"),
    ("registered", "→ lead committed"),
    ("ready", "→ its readiness published"),
    ("decided", "→ decision committed"),
    ("answered", "→ decision published"),
    ("owned", "→ owner committed"),
)

_AT: Final = "extract(epoch FROM {})::float8"
_COMMIT: Final = _AT.format("pg_xact_commit_timestamp({}.xmin)")
_LEADS: Final = f"""
WITH ready AS (
    SELECT key::bigint AS lead_id, {_AT.format("min(published_at)")} AS ready
    FROM outbox WHERE type = 'lead.ready.v1' GROUP BY key
)
SELECT right(phone_key, 8)::bigint AS number, leads.id AS lead_id, inquiries.receipt_id, ready,
    {_COMMIT.format("inquiries")} AS registered, {_COMMIT.format("leads")} AS owned
FROM leads JOIN inquiries ON inquiries.lead_id = leads.id JOIN ready ON ready.lead_id = leads.id
WHERE right(phone_key, 8)::bigint = ANY($1::bigint[])
"""
_INTAKE: Final = f"""
SELECT receipt_id, {_COMMIT.format("receipt_bodies")} AS kept, {_AT.format("published_at")} AS told
FROM receipts JOIN receipt_bodies USING (id) WHERE receipt_id = ANY($1::uuid[])
"""
_ASSIGNMENT: Final = f"""
WITH answers AS (
    SELECT key::bigint AS lead_id, {_AT.format("min(published_at)")} AS answered
    FROM outbox WHERE topic = 'assignment.events.v1' GROUP BY key
)
SELECT lead_id, {_COMMIT.format("decisions")} AS decided, answered
FROM decisions JOIN answers USING (lead_id) WHERE lead_id = ANY($1::bigint[]) AND decision_number = 1
"""


async def measure_stages(connections: Mapping[str, Connection], sent_at: Mapping[int, float]) -> dict[str, float]:
    """The median of each stage in milliseconds, for leads by the sender's eight digits and when they were sent."""
    leads = await connections["leads"].fetch(_LEADS, list(sent_at))
    receipts = {
        row["receipt_id"]: row
        for row in await connections["intake"].fetch(_INTAKE, [row["receipt_id"] for row in leads])
    }
    decisions = {
        row["lead_id"]: row
        for row in await connections["assignment"].fetch(_ASSIGNMENT, [row["lead_id"] for row in leads])
    }
    found: dict[str, list[float]] = {name: [] for name, _ in STAGES}
    for lead in leads:
        instants = {**lead, **receipts[lead["receipt_id"]], **decisions[lead["lead_id"]]}
        before = sent_at[lead["number"]]
        for name, _ in STAGES:
            found[name].append((instants[name] - before) * 1000)
            before = instants[name]
    return {name: statistics.median(milliseconds) for name, milliseconds in found.items()}
