"""Opening and closing the ledger: one transaction at a time decides, so that nobody is ever over capacity."""

from collections import deque
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
from shared.kit.sequences import take_ids
from shared.kit.writes import Writes

_MOST_QUEUED = 1000

# Columns are always named: a newer version may have added others, with defaults, while this one still runs.
_LEAD_COLUMNS = ", ".join(column.name for column in fields(Lead))
_TEAM = """
    SELECT id, name, role, capacity, time_zone, working_hours, is_active, open_leads, won, lost, turn
    FROM members JOIN workloads ON member_id = id
    ORDER BY id
"""
_QUEUED_LEADS = f"""
    SELECT {_LEAD_COLUMNS} FROM leads WHERE stage = 'queued' AND next_attempt_at <= $1
    ORDER BY ready_at, lead_id LIMIT $2
"""  # noqa: S608  # nosec B608
# Everything in one round trip. A lead that is new here is likely to be decided, so an id is taken for it, which is lost
# if the lead has to wait. Leads are looked for by one index at a time and never joined, since the plan that is kept may
# be from when the table was empty; EXISTS would ignore the order, and with it the index of the queue.
_OPEN_LEDGER = f"""
    WITH known AS MATERIALIZED (SELECT {_LEAD_COLUMNS} FROM leads WHERE lead_id = ANY($1::bigint[]))
    SELECT
        ARRAY(SELECT ROW(team.*) FROM ({_TEAM}) AS team),
        ARRAY(SELECT ROW(known.*) FROM known),
        (
            SELECT true FROM leads WHERE stage = 'queued' AND next_attempt_at <= $2
            ORDER BY ready_at, lead_id LIMIT 1
        ),
        ARRAY(
            SELECT nextval('decisions_id_seq') FROM generate_series(
                1, cardinality($1) - (SELECT count(*) FROM known WHERE ready_at IS NOT NULL)
            )
        )
"""  # noqa: S608  # nosec B608


class OpenLedger(Ledger):
    """A locked ledger, with ids for the decisions that are likely; they ascend as decisions do."""

    def __init__(self, leads: Iterable[Lead], roster: Roster, at: datetime, decision_ids: Iterable[int]) -> None:
        super().__init__(leads, roster, at)
        self.decision_ids = deque(decision_ids)


async def lock_ledger(connection: Connection) -> None:
    """Wait until no other transaction decides; held to the end of this one.

    All that adds to or frees capacity takes it first, before any row, and reads by a statement of its own: that of
    the lock does not see what those have decided who were waited for. It is one lock for the whole team because a
    decision compares the whole team. Holders do a few statements over sets, so it is held for milliseconds.
    """
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('assignment ledger', 0))")


async def load_roster(connection: Connection, at: datetime) -> Roster:
    """The whole team with its counters, as they are now."""
    return _roster(await connection.fetch(_TEAM), at)


async def open_ledger(
    connection: Connection, at: datetime, lead_ids: Iterable[int] = (), events: int = 0
) -> OpenLedger:
    """Lock and load the ledger with some leads and as much of the queue as may be given out.

    `events` is how many events will be applied: each may free a place or take a lead out of the queue.
    """
    await lock_ledger(connection)
    row = await connection.fetchrow(_OPEN_LEDGER, sorted(set(lead_ids)), at)
    assert row is not None
    team, known, is_anything_due, decision_ids = row
    roster = _roster(team, at)
    leads = {lead.lead_id: lead for lead in map(_lead, known)}
    if is_anything_due:
        held = sum(len(lead.held_by) for lead in leads.values())
        if room := min(roster.free_places() + held + 2 * events, _MOST_QUEUED):
            for lead in map(_lead, await connection.fetch(_QUEUED_LEADS, at, room)):
                leads.setdefault(lead.lead_id, lead)
    return OpenLedger(leads.values(), roster, at, decision_ids)


async def save_ledger(writes: Writes, ledger: OpenLedger, at: datetime) -> dict[tuple[int, int], int]:
    """Leave what changed in the ledger in `writes`; the ids of its decisions by lead and number."""
    if leads := ledger.changed():
        writes.add(_SAVE_LEADS, leads)
    if workloads := ledger.roster.changed():
        writes.add(_SAVE_WORKLOADS, workloads)
    choices = [outcome for outcome in ledger.outcomes if isinstance(outcome, Choice)]
    if not choices:
        return {}
    ids = await _take_decision_ids(writes.connection, ledger, len(choices))
    weighings = await _add_weighings(writes, choices)
    columns = zip(*(_decision_values(choice, weighings) for choice in choices), strict=True)
    writes.add(_ADD_DECISIONS, at, ids, *columns)
    return {(choice.lead_id, choice.number): id_ for choice, id_ in zip(choices, ids, strict=True)}


async def _take_decision_ids(connection: Connection, ledger: OpenLedger, count: int) -> list[int]:
    """Ids that nobody has taken before the ledger was locked: decisions are listed by them, the latest first."""
    if missing := max(count - len(ledger.decision_ids), 0):
        rows = await connection.fetch("SELECT nextval('decisions_id_seq') FROM generate_series(1, $1)", missing)
        ledger.decision_ids.extend(row[0] for row in rows)
    return [ledger.decision_ids.popleft() for _ in range(count)]


async def _add_weighings(writes: Writes, choices: Sequence[Choice]) -> dict[int, int]:
    """Write each candidate once; the rows' ids by the identity of the object, which a roster makes once."""
    candidates = {id(each): each for each in chain.from_iterable(choice.candidates for choice in choices)}
    ids = await take_ids(writes.connection, "weighings_id_seq", len(candidates))
    documents = [orjson.dumps(candidate.document).decode() for candidate in candidates.values()]
    writes.add(_ADD_WEIGHINGS, ids, documents)
    return dict(zip(candidates, ids, strict=True))


def _roster(team: Iterable[Any], at: datetime) -> Roster:
    # By position, here and below: columns within a ROW have lost their names.
    return Roster([(_member(row), _workload(row)) for row in team], at=at, policy=STANDARD)


def _member(row: Any) -> Member:
    id_, name, role, capacity, time_zone, working_hours, is_active, *_ = row
    shifts = tuple(Shift.model_validate(shift) for shift in working_hours)
    return Member(id_, name, Role(role), capacity, time_zone, shifts, is_active)


def _workload(row: Any) -> Workload:
    return Workload(row[0], *row[7:])


def _lead(row: Any) -> Lead:
    lead = Lead(*row)
    lead.stage = Stage(lead.stage)
    if lead.outcome is not None:
        lead.outcome = LeadOutcome(lead.outcome)
    if lead.correlation_id is not None:
        # asyncpg has a UUID class of its own, which orjson refuses.
        lead.correlation_id = UUID(bytes=lead.correlation_id.bytes)
    return lead


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

_ADD_WEIGHINGS = """
    INSERT INTO weighings (id, document) OVERRIDING SYSTEM VALUE
    SELECT id, document::jsonb FROM unnest($1::bigint[], $2::text[]) AS row (id, document)
"""

_ADD_DECISIONS = """
    INSERT INTO decisions (
        id, lead_id, decision_number, chosen_member_id, previous_member_id, weighing_ids, policy_version, is_manual,
        decided_by, reason, decided_at
    ) OVERRIDING SYSTEM VALUE
    SELECT
        id, lead_id, decision_number, chosen_member_id, previous_member_id, weighing_ids::bigint[], policy_version,
        is_manual, decided_by, reason, $1::timestamptz
    FROM unnest(
        $2::bigint[], $3::bigint[], $4::int[], $5::bigint[], $6::bigint[], $7::text[], $8::int[], $9::boolean[],
        $10::bigint[], $11::text[]
    ) AS row (
        id, lead_id, decision_number, chosen_member_id, previous_member_id, weighing_ids, policy_version, is_manual,
        decided_by, reason
    )
"""
