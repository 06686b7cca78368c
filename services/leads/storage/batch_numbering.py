"""Taking the numbers of a batch: the counter of the day, the leads and what names them, and nothing else in between.

What `numbering` does in one statement for somebody who waits for an answer, by COPY: for a few hundred leads it costs
half of the work in this process and three quarters in Postgres. The counter is locked for three round trips more.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from operator import attrgetter

from services.leads.domain.numbers import lead_number
from services.leads.domain.openings import Contact, OpenLead
from services.leads.storage.numbering import Opening
from shared.kit.database import Connection
from shared.kit.writes import Target, Writes

_LEADS = Target(
    "leads",
    {
        "id": "bigint",
        "lead_uuid": "uuid",
        "number": "text",
        "business_date": "date",
        "serial": "int",
        "person_id": "bigint",
        "source": "text",
        "channel": "text",
        "account": "text",
        "thread": "text",
        "is_ready": "boolean",
        "is_repeat": "boolean",
        "repeat_of_id": "bigint",
        "preferred_owner_id": "bigint",
        "version": "int",
        "created_at": "timestamptz",
        "updated_at": "timestamptz",
        "hand_over_at": "timestamptz",
        "step": "smallint",
        "first_response_at": "timestamptz",
        **dict.fromkeys(Contact.__slots__, "text"),
    },
)
_contact_values = attrgetter(*Contact.__slots__)


async def open_batch(
    writes: Writes, openings: Sequence[Opening], now: datetime, hand_over_after: timedelta
) -> dict[int, str]:
    """Take numbers in the order given and leave the leads in `writes`; returns the numbers by lead.

    Send the writes and commit right after this. What is many rows is written before.
    Waits for another transaction that has taken numbers of the same day and has not committed yet.
    """
    if writes.is_large:
        await writes.send()
    serials = await _take_serials(writes.connection, Counter(lead.business_date for lead, _ in openings))
    hand_over_at = now + hand_over_after
    numbers: dict[int, str] = {}
    rows = []
    for lead, created_at in openings:
        assert lead.business_date is not None
        serial = next(serials[lead.business_date])
        numbers[lead.id] = number = lead_number(lead.business_date, serial)
        row = (
            lead.id, lead.lead_uuid, number, lead.business_date, serial, lead.person_id, lead.source, lead.channel,
            lead.account, lead.thread, lead.is_ready, lead.is_repeat, lead.repeat_of_id, lead.preferred_owner_id,
            lead.version, created_at, now, hand_over_at, lead.step, lead.first_response_at,
            *_contact_values(lead.contact),
        )  # fmt: skip
        rows.append(row)
    writes.insert(_LEADS, rows)
    return numbers


async def _take_serials(connection: Connection, wanted: Mapping[date | None, int]) -> dict[date, Iterator[int]]:
    """So many serials of each day, in their order."""
    rows = await connection.fetch(
        """
        INSERT INTO day_counters AS counter (business_date, last_serial)
        SELECT day, count FROM unnest($1::date[], $2::int[]) AS row (day, count) ORDER BY day
        ON CONFLICT (business_date) DO UPDATE SET last_serial = counter.last_serial + excluded.last_serial
        RETURNING business_date, last_serial
        """,
        list(wanted),
        list(wanted.values()),
    )
    return {day: iter(range(last - wanted[day] + 1, last + 1)) for day, last in rows}


def mark_rivals(writes: Writes, rivals: Sequence[OpenLead]) -> None:
    """Write the `repeat_of_id` of locked leads that is a new one, which goes before or together with it."""
    writes.add(
        """
        UPDATE leads SET repeat_of_id = row.repeat_of_id
        FROM unnest($1::bigint[], $2::bigint[]) AS row (id, repeat_of_id) WHERE leads.id = row.id
        """,
        [lead.id for lead in rivals],
        [lead.repeat_of_id for lead in rivals],
    )
