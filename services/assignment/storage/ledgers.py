"""Opening and closing the ledger: one transaction at a time decides, so that nobody is ever over capacity."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from itertools import chain
from typing import Any
from uuid import UUID

import orjson

from services.assignment.domain.leads import Choice, Lead, Stage
from services.assignment.domain.ledger import Ledger
from services.assignment.domain.members import Member
from services.assignment.domain.policy import STANDARD
from services.assignment.domain.roster import Roster, Workload
from shared.contracts.assignment import Shift
from shared.contracts.words import LeadOutcome, Role
from shared.kit.database import Connection

_MOST_QUEUED = 1000

# Columns are always named: a newer version may have added others, with defaults, while this one still runs.
_LEAD_COLUMNS = ", ".join(column.name for column in fields(Lead))
_LEADS_BY_ID = f"SELECT {_LEAD_COLUMNS} FROM leads WHERE lead_id = ANY($1::bigint[])"  # noqa: S608  # nosec B608
_QUEUED_LEADS = f"""
    SELECT {_LEAD_COLUMNS} FROM leads WHERE stage = 'queued' AND next_attempt_at <= $1
    ORDER BY ready_at, lead_id LIMIT $2
"""  # noqa: S608  # nosec B608


async def lock_ledger(connection: Connection) -> None:
    """Wait until no other transaction decides; held to the end of this one.

    All that adds to or frees capacity takes it first, before any row. It is one lock for the whole team because a
    decision compares the whole team. Holders do a few statements over sets, so it is held for milliseconds.
    """
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('assignment ledger', 0))")


async def load_roster(connection: Connection, at: datetime) -> Roster:
    """The whole team with its counters, as they are now."""
    rows = await connection.fetch(
        """
        SELECT id, name, role, capacity, time_zone, working_hours, is_active, open_leads, won, lost, turn
        FROM members JOIN workloads ON member_id = id
        ORDER BY id
        """
    )
    return Roster([(_member(row), _workload(row)) for row in rows], at=at, policy=STANDARD)


async def open_ledger(connection: Connection, at: datetime, lead_ids: Iterable[int] = (), events: int = 0) -> Ledger:
    """Lock and load the ledger with some leads and as much of the queue as may be given out.

    `events` is how many events will be applied: each may free a place or take a lead out of the queue.
    """
    await lock_ledger(connection)
    roster = await load_roster(connection, at)
    ids = sorted(set(lead_ids))
    rows = await connection.fetch(_LEADS_BY_ID, ids) if ids else []
    leads = {row["lead_id"]: _lead(row) for row in rows}
    held = sum(len(lead.held_by) for lead in leads.values())
    if room := min(roster.free_places() + held + 2 * events, _MOST_QUEUED):
        leads |= {lead.lead_id: lead for lead in await _list_queue(connection, at, room) if lead.lead_id not in leads}
    return Ledger(leads.values(), roster, at)


async def save_ledger(connection: Connection, ledger: Ledger, at: datetime) -> dict[tuple[int, int], int]:
    """Write what changed in the ledger; the ids of its decisions by lead and number."""
    if leads := ledger.changed():
        await connection.execute(_SAVE_LEADS, leads)
    if workloads := ledger.roster.changed():
        await connection.execute(_SAVE_WORKLOADS, workloads)
    choices = [outcome for outcome in ledger.outcomes if isinstance(outcome, Choice)]
    if not choices:
        return {}
    weighings = await _add_weighings(connection, choices)
    columns = zip(*(_decision_values(choice, weighings) for choice in choices), strict=True)
    rows = await connection.fetch(_ADD_DECISIONS, at, *columns)
    return {(row["lead_id"], row["decision_number"]): row["id"] for row in rows}


async def _add_weighings(connection: Connection, choices: Sequence[Choice]) -> dict[int, int]:
    """Write each candidate once; the rows' ids by the identity of the object, which a roster makes once."""
    candidates = {id(each): each for each in chain.from_iterable(choice.candidates for choice in choices)}
    ids = [row[0] for row in await connection.fetch(_TAKE_WEIGHING_IDS, len(candidates))]
    documents = [orjson.dumps(candidate.document).decode() for candidate in candidates.values()]
    await connection.execute(_ADD_WEIGHINGS, ids, documents)
    return dict(zip(candidates, ids, strict=True))


async def _list_queue(connection: Connection, at: datetime, limit: int) -> Sequence[Lead]:
    return [_lead(row) for row in await connection.fetch(_QUEUED_LEADS, at, limit)]


def _member(row: Any) -> Member:
    return Member(
        id=row["id"],
        name=row["name"],
        role=Role(row["role"]),
        capacity=row["capacity"],
        time_zone=row["time_zone"],
        working_hours=tuple(Shift.model_validate(shift) for shift in row["working_hours"]),
        is_active=row["is_active"],
    )


def _workload(row: Any) -> Workload:
    return Workload(row["id"], row["open_leads"], row["won"], row["lost"], row["turn"])


def _lead(row: Any) -> Lead:
    values = dict(row)
    values["stage"] = Stage(values["stage"])
    if values["outcome"] is not None:
        values["outcome"] = LeadOutcome(values["outcome"])
    if values["correlation_id"] is not None:
        # asyncpg has a UUID class of its own, which orjson refuses.
        values["correlation_id"] = UUID(bytes=values["correlation_id"].bytes)
    return Lead(**values)


def _decision_values(choice: Choice, weighings: dict[int, int]) -> tuple[Any, ...]:
    return (
        choice.lead_id,
        choice.number,
        choice.member_id,
        choice.previous_member_id,
        # As text: asyncpg would take a list within a list for a second dimension.
        f"{{{','.join([str(weighings[id(each)]) for each in choice.candidates])}}}",
        choice.policy_version,
        choice.is_manual,
        choice.decided_by,
        choice.reason,
    )


# Leads and workloads travel as one JSON value whose objects have the table's column names.
_LEAD_CHANGES = ", ".join(f"{column.name} = excluded.{column.name}" for column in fields(Lead)[1:])
_SAVE_LEADS = f"""
    INSERT INTO leads ({_LEAD_COLUMNS})
    SELECT {_LEAD_COLUMNS} FROM jsonb_populate_recordset(NULL::leads, $1::jsonb)
    ON CONFLICT (lead_id) DO UPDATE SET {_LEAD_CHANGES}
"""  # noqa: S608  # nosec B608

_SAVE_WORKLOADS = """
    UPDATE workloads SET open_leads = row.open_leads, won = row.won, lost = row.lost, turn = row.turn
    FROM jsonb_populate_recordset(NULL::workloads, $1::jsonb) AS row
    WHERE workloads.member_id = row.member_id
"""

_TAKE_WEIGHING_IDS = "SELECT nextval(pg_get_serial_sequence('weighings', 'id')) FROM generate_series(1, $1)"

_ADD_WEIGHINGS = """
    INSERT INTO weighings (id, document) OVERRIDING SYSTEM VALUE
    SELECT id, document::jsonb FROM unnest($1::bigint[], $2::text[]) AS row (id, document)
"""

_ADD_DECISIONS = """
    INSERT INTO decisions (
        lead_id, decision_number, chosen_member_id, previous_member_id, weighing_ids, policy_version, is_manual,
        decided_by, reason, decided_at
    )
    SELECT
        lead_id, decision_number, chosen_member_id, previous_member_id, weighing_ids::bigint[], policy_version,
        is_manual,
        decided_by, reason, $1
    FROM unnest(
        $2::bigint[], $3::int[], $4::bigint[], $5::bigint[], $6::text[], $7::int[], $8::boolean[], $9::bigint[],
        $10::text[]
    ) AS row (
        lead_id, decision_number, chosen_member_id, previous_member_id, weighing_ids, policy_version, is_manual,
        decided_by, reason
    )
    RETURNING id, lead_id, decision_number
"""
