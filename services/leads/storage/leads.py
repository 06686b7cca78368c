"""Leads as registration needs them, in sets. Their person is locked before any of these is called."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.leads.domain.openings import Contact, EarlierLead, OpenLead, Touch
from services.leads.storage.tables import IS_OPEN
from shared.kit.database import Connection
from shared.kit.writes import Writes

OPEN_LEAD_COLUMNS = """
    id, person_id, lead_uuid, number, version, channel, account, thread, assigned_id, is_repeat, repeat_of_id,
    preferred_owner_id, step, is_ready, merged_into_id, first_response_at, first_name, last_name, phone, phone_key,
    email, email_key, language
"""


async def lock_open_leads(connection: Connection, person_ids: Collection[int]) -> list[OpenLead]:
    """Lock the open leads of locked people and return them as they are now.

    A statement of its own after the people are locked: its snapshot has every lead that the transactions which
    were waited for have opened or closed.
    """
    rows = await connection.fetch(
        f"""
        SELECT {OPEN_LEAD_COLUMNS} FROM leads
        WHERE person_id = ANY($1::bigint[]) AND {IS_OPEN} ORDER BY id FOR NO KEY UPDATE
        """,  # noqa: S608 (a constant of ours)  # nosec B608
        list(person_ids),
    )
    return [open_lead(dict(row)) for row in rows]


def open_lead(fields: dict[str, Any]) -> OpenLead:
    """A lead as registration sees it, of the columns that it reads."""
    contact = Contact(**{name: fields.pop(name) for name in Contact.__slots__})
    return OpenLead(**fields, contact=contact)


async def list_touches(connection: Connection, lead_ids: Collection[int]) -> list[tuple[int, Touch]]:
    """Where the inquiries of leads came from, as (lead id, touch)."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT lead_id, channel, account, thread, coalesce(
            nullif(attribution -> 'referral' ->> 'source_id', ''), nullif(attribution -> 'referral' ->> 'ad_id', '')
        ) AS ad
        FROM inquiries WHERE lead_id = ANY($1::bigint[])
        """,
        list(lead_ids),
    )
    return [(row["lead_id"], Touch(*tuple(row)[1:])) for row in rows]


async def list_earlier_leads(connection: Connection, person_ids: Collection[int]) -> dict[int, EarlierLead]:
    """The latest lead of each person that is not deleted, else the latest; people without one are left out."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT ON (person_id) person_id, id, assigned_id, deleted_at IS NOT NULL AS is_deleted
        FROM leads WHERE person_id = ANY($1::bigint[]) ORDER BY person_id, is_deleted, id DESC
        """,
        list(person_ids),
    )
    return {row["person_id"]: EarlierLead(row["id"], row["assigned_id"], row["is_deleted"]) for row in rows}


async def list_taken_uuids(connection: Connection, lead_uuids: Collection[UUID]) -> set[UUID]:
    """Those of the uuids that name a lead already, as its own or as an alias."""
    rows = await connection.fetch(
        """
        SELECT lead_uuid FROM leads WHERE lead_uuid = ANY($1::uuid[])
        UNION ALL
        SELECT lead_uuid FROM lead_aliases WHERE lead_uuid = ANY($1::uuid[])
        """,
        list(lead_uuids),
    )
    return {row["lead_uuid"] for row in rows}


async def take_lead_ids(connection: Connection, count: int) -> list[int]:
    """New ids for leads. They may have gaps; numbers, which are taken last, have none."""
    rows = await connection.fetch("SELECT nextval('leads_id_seq') AS id FROM generate_series(1, $1::int)", count)
    return [row["id"] for row in rows]


def save_leads(
    writes: Writes,
    leads: Sequence[OpenLead],
    now: datetime,
    hand_over_after: timedelta,
    pending: Collection[int] = (),
) -> None:
    """Write what further inquiries and updates changed on locked leads; who became ready is handed over again later.

    A `repeat_of_id` that is `pending`, which is a lead that is not there yet, is left to the statement that opens it.
    """
    writes.add(
        """
        UPDATE leads SET
            version = row.version, is_repeat = row.is_repeat, repeat_of_id = row.repeat_of_id,
            first_name = row.first_name, last_name = row.last_name, phone = row.phone, phone_key = row.phone_key,
            email = row.email, email_key = row.email_key, language = row.language,
            first_response_at = row.first_response_at, updated_at = $13::timestamptz, person_id = row.person_id,
            preferred_owner_id = row.preferred_owner_id, step = row.step, is_ready = row.is_ready,
            merged_into_id = row.merged_into_id,
            hand_over_at = CASE WHEN row.is_ready AND NOT leads.is_ready THEN $13::timestamptz + $14::interval
                ELSE hand_over_at END
        FROM unnest(
            $1::bigint[], $2::int[], $3::boolean[], $4::bigint[], $5::timestamptz[], $6::text[], $7::text[],
            $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $15::bigint[], $16::bigint[],
            $17::smallint[], $18::boolean[], $19::bigint[]
        ) AS row (
            id, version, is_repeat, repeat_of_id, first_response_at, first_name, last_name, phone, phone_key, email,
            email_key, language, person_id, preferred_owner_id, step, is_ready, merged_into_id
        )
        WHERE leads.id = row.id
        """,
        [lead.id for lead in leads],
        [lead.version for lead in leads],
        [lead.is_repeat for lead in leads],
        [None if lead.repeat_of_id in pending else lead.repeat_of_id for lead in leads],
        [lead.first_response_at for lead in leads],
        *contact_columns(leads),
        now,
        hand_over_after,
        [lead.person_id for lead in leads],
        [lead.preferred_owner_id for lead in leads],
        [lead.step for lead in leads],
        [lead.is_ready for lead in leads],
        [lead.merged_into_id for lead in leads],
    )


def contact_columns(leads: Sequence[OpenLead]) -> list[list[str | None]]:
    """The columns first_name, last_name, phone, phone_key, email, email_key and language, in this order."""
    return [[getattr(lead.contact, name) for lead in leads] for name in Contact.__slots__]


def add_aliases(writes: Writes, aliases: Mapping[UUID, OpenLead], now: datetime) -> None:
    """Let further uuids lead to leads; one that got another meaning in the meantime keeps it."""
    writes.add(
        """
        INSERT INTO lead_aliases (lead_uuid, lead_id, created_at)
        SELECT lead_uuid, lead_id, $3 FROM unnest($1::uuid[], $2::bigint[]) AS row (lead_uuid, lead_id)
        WHERE NOT EXISTS (SELECT FROM leads WHERE leads.lead_uuid = row.lead_uuid)
        ON CONFLICT (lead_uuid) DO NOTHING
        """,
        list(aliases),
        [lead.id for lead in aliases.values()],
        now,
    )
