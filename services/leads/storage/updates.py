"""Updates in sets: the inquiries that they change, what waits for its target, and who wants to be left alone."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.leads.domain.openings import OpenLead
from services.leads.domain.updates import KnownInquiry, OptOut, Parked
from services.leads.storage.leads import OPEN_LEAD_COLUMNS, open_lead
from services.leads.storage.tables import IS_OPEN
from shared.contracts.events import event_type
from shared.contracts.inquiries import AnyIntakeEvent, InquiryEdited, ResponseSent, decode_inquiry
from shared.kit.database import SLICE, Connection, affected


class StoredInquiry(NamedTuple):
    """An inquiry as far as updates change it."""

    lead_id: int
    receipt_id: UUID
    edited_at: datetime | None
    revoked_at: datetime | None
    is_attributed: bool


async def list_people_of(connection: Connection, dedupe_keys: Collection[str]) -> set[int]:
    """The people whose inquiries have these keys, unlocked: so that they are locked in one order with the others."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT leads.person_id FROM claims JOIN leads ON leads.id = claims.lead_id
        WHERE claims.dedupe_key = ANY($1::text[])
        """,
        list(dedupe_keys),
    )
    return {row["person_id"] for row in rows}


async def list_inquiries(connection: Connection, dedupe_keys: Collection[str]) -> dict[str, StoredInquiry]:
    """Registered inquiries by dedupe key; unknown ones are left out. Their people should be locked."""
    rows = await connection.fetch(
        """
        SELECT claims.dedupe_key, inquiries.lead_id, inquiries.receipt_id, inquiries.edited_at, inquiries.revoked_at,
            inquiries.attribution <> '{}' AS is_attributed
        FROM claims JOIN inquiries ON inquiries.lead_id = claims.lead_id AND inquiries.receipt_id = claims.receipt_id
        WHERE claims.dedupe_key = ANY($1::text[])
        """,
        list(dedupe_keys),
    )
    return {row["dedupe_key"]: StoredInquiry(*tuple(row)[1:]) for row in rows}


async def save_inquiries(connection: Connection, inquiries: Iterable[KnownInquiry]) -> None:
    """Write what updates changed on inquiries."""
    changed = list(inquiries)
    await connection.execute(
        """
        UPDATE inquiries SET
            receipt_id = coalesce(row.new_receipt_id, inquiries.receipt_id),
            kind = coalesce(row.kind, inquiries.kind),
            text = CASE WHEN row.has_text THEN row.text ELSE inquiries.text END,
            content = coalesce(row.content::jsonb, inquiries.content),
            attribution = coalesce(row.attribution::jsonb, inquiries.attribution),
            edited_at = row.edited_at, revoked_at = row.revoked_at
        FROM unnest(
            $1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::boolean[], $6::text[], $7::text[], $8::text[],
            $9::timestamptz[], $10::timestamptz[]
        ) AS row (
            lead_id, receipt_id, new_receipt_id, kind, has_text, text, content, attribution, edited_at, revoked_at
        )
        WHERE inquiries.lead_id = row.lead_id AND inquiries.receipt_id = row.receipt_id
        """,
        [one.lead.id for one in changed],
        [one.receipt_id for one in changed],
        [one.new_receipt_id for one in changed],
        [one.kind for one in changed],
        [one.has_text for one in changed],
        [one.text for one in changed],
        [_json(one.content) for one in changed],
        [_json(one.attribution) for one in changed],
        [one.edited_at for one in changed],
        [one.revoked_at for one in changed],
    )


async def lock_leads(connection: Connection, lead_ids: Collection[int]) -> dict[int, OpenLead]:
    """Lock leads of locked people, whether they are open or not, and return them as they are now."""
    rows = await connection.fetch(
        f"SELECT {OPEN_LEAD_COLUMNS} FROM leads WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE",  # noqa: S608 (a constant of ours)  # nosec B608
        list(lead_ids),
    )
    return {row["id"]: open_lead(dict(row)) for row in rows}


async def list_first_sent(connection: Connection, lead_ids: Collection[int]) -> dict[int, datetime]:
    """When the first inquiry of each lead was sent."""
    rows = await connection.fetch(
        "SELECT lead_id, min(sent_at) AS sent_at FROM inquiries WHERE lead_id = ANY($1::bigint[]) GROUP BY lead_id",
        list(lead_ids),
    )
    return {row["lead_id"]: row["sent_at"] for row in rows}


async def list_parked(connection: Connection, targets: Collection[str]) -> list[tuple[str, AnyIntakeEvent]]:
    """The updates that wait for these targets as (target, update), in the order in which they were parked."""
    rows = await connection.fetch(
        "SELECT target, type, body FROM parked_updates WHERE target = ANY($1::text[]) ORDER BY id", list(targets)
    )
    found = ((row["target"], decode_inquiry(row["type"], row["body"].encode())) for row in rows)
    return [(target, event) for target, event in found if event is not None]


async def list_overdue(connection: Connection, since: datetime, limit: int) -> list[AnyIntakeEvent]:
    """Updates parked since an instant whose target is there all the same; none while another one is asking.

    Edits of inquiries that are registered, and responses to somebody who has an open lead and had written before.
    """
    if not await connection.fetchval("SELECT pg_try_advisory_xact_lock(hashtextextended('overdue updates', 0))"):
        return []
    rows = await connection.fetch(
        f"""
        SELECT DISTINCT ON (dedupe_key) type, body FROM parked_updates AS parked
        WHERE parked_at >= $1 AND CASE type
            WHEN $2 THEN EXISTS (
                SELECT FROM claims JOIN inquiries USING (lead_id, receipt_id)
                WHERE claims.dedupe_key = substr(target, length('inquiry:') + 1)
            )
            WHEN $3 THEN EXISTS (
                SELECT FROM identities JOIN leads USING (person_id) JOIN inquiries ON inquiries.lead_id = leads.id
                WHERE identities.kind = split_part(target, ':', 2) AND scope = split_part(target, ':', 3)
                    AND match_key = split_part(target, ':', 4) AND {IS_OPEN} AND inquiries.sent_at <= parked.sent_at
            )
        END
        ORDER BY dedupe_key LIMIT $4
        """,  # noqa: S608 (a constant of ours)  # nosec B608
        since,
        event_type(InquiryEdited),
        event_type(ResponseSent),
        limit,
    )
    found = (decode_inquiry(row["type"], row["body"].encode()) for row in rows)
    return [event for event in found if event is not None]


async def park(connection: Connection, parked: Sequence[Parked], now: datetime) -> None:
    """Let updates wait for their targets."""
    await connection.execute(
        """
        INSERT INTO parked_updates (target, dedupe_key, type, body, sent_at, parked_at)
        SELECT target, dedupe_key, type, body, sent_at, $6
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
            WITH ORDINALITY AS row (target, dedupe_key, type, body, sent_at, position)
        ORDER BY row.position
        """,
        [one.target for one in parked],
        [one.event.dedupe_key for one in parked],
        [event_type(one.event) for one in parked],
        [one.event.model_dump_json() for one in parked],
        [one.event.sent_at for one in parked],
        now,
    )


async def release(connection: Connection, dedupe_keys: Collection[str]) -> None:
    """Forget parked updates that were applied."""
    await connection.execute("DELETE FROM parked_updates WHERE dedupe_key = ANY($1::text[])", list(dedupe_keys))


async def prune_parked(connection: Connection, before: datetime) -> int:
    """Forget a slice of the updates that were parked before an instant."""
    status = await connection.execute(
        """
        DELETE FROM parked_updates WHERE id IN (
            SELECT id FROM parked_updates WHERE parked_at < $1 ORDER BY id LIMIT $2
        )
        """,
        before,
        SLICE,
    )
    return affected(status)


async def list_opt_outs(connection: Connection, person_ids: Collection[int]) -> dict[tuple[int, str], OptOut]:
    """What locked people wished, by person and channel."""
    rows = await connection.fetch(
        """
        SELECT person_id, channel, is_opted_out, changed_at, origin FROM opt_outs
        WHERE person_id = ANY($1::bigint[])
        """,
        list(person_ids),
    )
    return {(row["person_id"], row["channel"]): OptOut(*tuple(row)[2:]) for row in rows}


async def save_opt_outs(connection: Connection, wishes: Mapping[tuple[int, str], OptOut]) -> None:
    """Write what people wish now."""
    await connection.execute(
        """
        INSERT INTO opt_outs (person_id, channel, is_opted_out, changed_at, origin)
        SELECT * FROM unnest($1::bigint[], $2::text[], $3::boolean[], $4::timestamptz[], $5::text[])
        ON CONFLICT (person_id, channel) DO UPDATE SET
            is_opted_out = excluded.is_opted_out, changed_at = excluded.changed_at, origin = excluded.origin
        """,
        [person_id for person_id, _ in wishes],
        [channel for _, channel in wishes],
        [wish.is_opted_out for wish in wishes.values()],
        [wish.changed_at for wish in wishes.values()],
        [wish.origin for wish in wishes.values()],
    )


def _json(value: dict[str, Any] | None) -> str | None:
    # Not orjson: senders write integers beyond 64 bits, which Postgres keeps and orjson refuses.
    return None if value is None else json.dumps(value, ensure_ascii=False)
