"""Taking numbers: the last statement of the transaction that opens leads.

The counter row of a day is the one lock that all writers share. It is therefore taken in the same statement that
writes everything which needs a number: the leads, and the outbox rows that name them. From there it is only the
commit. A transaction that fails gives its numbers back, so that a day's numbers are exactly 1..n.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson

from services.leads.domain.announcements import NUMBER_PENDING
from services.leads.domain.openings import OpenLead
from services.leads.storage.leads import contact_columns
from shared.kit.database import Connection


class NumberedEvent(NamedTuple):
    """An outbox row about a lead that is being opened; its body may hold `NUMBER_PENDING`."""

    topic: str
    key: str
    type: str
    body: str
    lead_id: int


class Opening(NamedTuple):
    """A lead to insert, with when it counts as created."""

    lead: OpenLead
    created_at: datetime


# The serials of a day are given in the order of the leads; `numbers.lead_number` writes them in the same way.
_OPEN_LEADS = """
WITH wanted AS (
    SELECT *, row_number() OVER (PARTITION BY business_date ORDER BY position) AS rank
    FROM unnest(
        $1::bigint[], $2::uuid[], $3::date[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::boolean[],
        $9::bigint[], $10::bigint[], $11::timestamptz[], $12::int[], $13::text[], $14::text[], $15::text[],
        $16::text[], $17::text[], $18::text[], $19::text[], $30::text[], $31::text[], $32::smallint[], $33::text[],
        $34::text[], $35::text[], $37::timestamptz[]
    ) WITH ORDINALITY AS row (
        id, lead_uuid, business_date, person_id, channel, account, thread, is_repeat, repeat_of_id,
        preferred_owner_id, created_at, version, first_name, last_name, phone, phone_key, email, email_key,
        language, source, note, step, abandon_reason, tags, custom, first_response_at, position
    )
), taken AS (
    INSERT INTO day_counters AS counter (business_date, last_serial)
    SELECT business_date, count(*) FROM unnest($3::date[]) AS business_date GROUP BY 1 ORDER BY 1
    ON CONFLICT (business_date) DO UPDATE SET last_serial = counter.last_serial + excluded.last_serial
    RETURNING business_date, last_serial
), counted AS (
    SELECT business_date, count(*) AS leads FROM wanted GROUP BY 1
), numbered AS (
    SELECT wanted.*, (taken.last_serial - counted.leads + wanted.rank)::int AS serial
    FROM wanted JOIN taken USING (business_date) JOIN counted USING (business_date)
), opened AS (
    INSERT INTO leads (
        id, lead_uuid, number, business_date, serial, person_id, source, channel, account, thread, is_ready,
        is_repeat, repeat_of_id, preferred_owner_id, version, created_at, updated_at, hand_over_at, first_name,
        last_name, phone, phone_key, email, email_key, language, note, step, abandon_reason, tags, custom,
        first_response_at
    )
    SELECT
        id, lead_uuid,
        'LEAD-' || to_char(business_date, 'YYYYMMDD') || '-'
            || lpad(serial::text, greatest(3, length(serial::text)), '0'),
        business_date, serial, person_id, source, channel, account, thread, true, is_repeat, repeat_of_id,
        preferred_owner_id, version, created_at, $20::timestamptz, $20::timestamptz + $21::interval, first_name,
        last_name, phone, phone_key, email, email_key, language, note, step, abandon_reason,
        ARRAY(SELECT jsonb_array_elements_text(tags::jsonb)), custom::jsonb, first_response_at
    FROM numbered
    RETURNING *
), marked AS (
    UPDATE leads SET repeat_of_id = row.repeat_of_id
    FROM unnest($28::bigint[], $29::bigint[]) AS row (id, repeat_of_id) WHERE leads.id = row.id
), told AS (
    INSERT INTO outbox (topic, key, type, body)
    SELECT event.topic, event.key, event.type, convert_to(replace(event.body, $22, opened.number), 'UTF8')
    FROM unnest($23::text[], $24::text[], $25::text[], $26::text[], $27::bigint[])
        WITH ORDINALITY AS event (topic, key, type, body, lead_id, position)
    JOIN opened ON opened.id = event.lead_id
    ORDER BY event.position
)
SELECT * FROM opened WHERE id = ANY($36::bigint[])
"""


async def open_leads(
    connection: Connection,
    openings: Sequence[Opening],
    events: Sequence[NumberedEvent],
    now: datetime,
    hand_over_after: timedelta,
    *,
    rivals: Sequence[OpenLead] = (),
    wanted: Collection[int] = (),
) -> dict[int, dict[str, Any]]:
    """Take numbers, insert the leads, and write their events in the order given. Commit right after this.

    `rivals` are locked leads whose `repeat_of_id` is one of the new ones, and cannot be written before it is there.
    Returns the rows of the leads whose ids are `wanted`, so that nobody has to read them while the counter is locked.
    Waits for another transaction that has taken numbers of the same day and has not committed yet.
    """
    leads = [opening.lead for opening in openings]
    extras = [lead.extras for lead in leads]
    rows = await connection.fetch(
        _OPEN_LEADS,
        [lead.id for lead in leads],
        [lead.lead_uuid for lead in leads],
        [lead.business_date for lead in leads],
        [lead.person_id for lead in leads],
        [lead.channel for lead in leads],
        [lead.account for lead in leads],
        [lead.thread for lead in leads],
        [lead.is_repeat for lead in leads],
        [lead.repeat_of_id for lead in leads],
        [lead.preferred_owner_id for lead in leads],
        [opening.created_at for opening in openings],
        [lead.version for lead in leads],
        *contact_columns(leads),
        now,
        hand_over_after,
        NUMBER_PENDING,
        *_columns(events),
        [lead.id for lead in rivals],
        [lead.repeat_of_id for lead in rivals],
        [lead.source for lead in leads],
        [extra.note for extra in extras],
        [extra.step for extra in extras],
        [extra.abandon_reason for extra in extras],
        # As JSON: Postgres has no arrays of arrays of different lengths.
        [orjson.dumps(list(extra.tags)).decode() for extra in extras],
        [orjson.dumps(dict(extra.custom)).decode() for extra in extras],
        list(wanted),
        [lead.first_response_at for lead in leads],
    )
    return {row["id"]: dict(row) for row in rows}


def _columns(events: Sequence[NumberedEvent]) -> list[list[object]]:
    return [list(column) for column in zip(*events, strict=True)]
