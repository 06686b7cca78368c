"""Forms in progress in sets, the inquiries that show them, and the experiences that they tell."""

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from services.leads.domain.form_drafts import FormDraft
from services.leads.domain.form_fillings import Merger
from shared.kit.database import SLICE, Connection, affected


async def lock_drafts(connection: Connection, lead_uuids: Collection[UUID], now: datetime) -> dict[UUID, FormDraft]:
    """Lock the drafts of forms, the missing ones made, and return them as they are now.

    Locked before any address, in sorted order; a form's beginning and its requests wait here for each other.
    """
    rows = await connection.fetch(
        """
        INSERT INTO form_drafts AS known (lead_uuid, created_at, updated_at)
        SELECT lead_uuid, $2, $2 FROM unnest($1::uuid[]) AS row (lead_uuid) ORDER BY lead_uuid
        ON CONFLICT (lead_uuid) DO UPDATE SET updated_at = excluded.updated_at
        RETURNING lead_uuid, lead_id, receipt_id, state::text
        """,
        sorted(lead_uuids),
        now,
    )
    drafts = {}
    for row in rows:
        draft = FormDraft(row["lead_uuid"], lead_id=row["lead_id"], receipt_id=row["receipt_id"])
        if row["state"] is not None:
            draft.load(json.loads(row["state"]))
        drafts[draft.lead_uuid] = draft
    return drafts


async def list_people_of(connection: Connection, lead_ids: Collection[int]) -> dict[int, tuple[int, bool]]:
    """Whose these leads are and whether they are open, unlocked: so that people are locked in one order."""
    rows = await connection.fetch(
        """
        SELECT id, person_id, status <> 3 AND deleted_at IS NULL AS is_open FROM leads WHERE id = ANY($1::bigint[])
        """,
        list(lead_ids),
    )
    return {row["id"]: (row["person_id"], row["is_open"]) for row in rows}


async def save_drafts(connection: Connection, drafts: Sequence[FormDraft]) -> None:
    """Write what locked drafts say now."""
    await connection.execute(
        """
        UPDATE form_drafts SET lead_id = row.lead_id, receipt_id = row.receipt_id, state = row.state::jsonb
        FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[]) AS row (lead_uuid, lead_id, receipt_id, state)
        WHERE form_drafts.lead_uuid = row.lead_uuid
        """,
        [draft.lead_uuid for draft in drafts],
        [draft.lead_id for draft in drafts],
        [draft.receipt_id for draft in drafts],
        [json.dumps(draft.to_json()) for draft in drafts],
    )


async def show_in_inquiries(connection: Connection, drafts: Iterable[FormDraft]) -> None:
    """Let the inquiries of forms show what these say now."""
    shown = [draft for draft in drafts if draft.lead_id is not None and draft.receipt_id is not None]
    await connection.execute(
        """
        UPDATE inquiries SET sender = row.sender::jsonb, text = row.text, content = row.content::jsonb
        FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::text[])
            AS row (lead_id, receipt_id, sender, text, content)
        WHERE inquiries.lead_id = row.lead_id AND inquiries.receipt_id = row.receipt_id
        """,
        [draft.lead_id for draft in shown],
        [draft.receipt_id for draft in shown],
        [draft.sender.model_dump_json(exclude_defaults=True) for draft in shown],
        [draft.message for draft in shown],
        [json.dumps(draft.content) for draft in shown],
    )


async def move_to_targets(connection: Connection, mergers: Sequence[Merger], now: datetime) -> None:
    """Let everything of merged leads belong to those that they were merged into, and their uuids lead there."""
    ids, targets = [merger.lead.id for merger in mergers], [merger.target.id for merger in mergers]
    for table in ("inquiries", "experiences"):
        await connection.execute(
            f"""
            UPDATE {table} SET lead_id = row.target_id FROM unnest($1::bigint[], $2::bigint[]) AS row (id, target_id)
            WHERE {table}.lead_id = row.id
            """,  # noqa: S608 (names of ours)  # nosec B608
            ids,
            targets,
        )
    await connection.execute(
        """
        INSERT INTO lead_aliases (lead_uuid, lead_id, created_at)
        SELECT lead_uuid, lead_id, $3 FROM unnest($1::uuid[], $2::bigint[]) AS row (lead_uuid, lead_id)
        ON CONFLICT (lead_uuid) DO UPDATE SET lead_id = excluded.lead_id
        """,
        [merger.lead.lead_uuid for merger in mergers],
        targets,
        now,
    )


async def write_experiences(connection: Connection, drafts: Sequence[FormDraft], now: datetime) -> None:
    """Write the experiences of forms in place of those that they told before; colleagues' stay."""
    await connection.execute(
        "DELETE FROM experiences WHERE lead_uuid = ANY($1::uuid[])", [draft.lead_uuid for draft in drafts]
    )
    rows = [
        (draft.lead_id, draft.lead_uuid, one.name, one.date, list(one.passengers), one.passenger_count, one.details)
        for draft in drafts
        if draft.lead_id is not None
        for one in draft.experiences
    ]
    await connection.execute(
        """
        INSERT INTO experiences (
            lead_id, lead_uuid, name, date, passengers, passenger_count, details, actor, created_at
        )
        SELECT lead_id, lead_uuid, name, date, passengers::jsonb, passenger_count, details::jsonb, 'visitor', $8
        FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::date[], $5::text[], $6::int[], $7::text[])
            WITH ORDINALITY AS row (lead_id, lead_uuid, name, date, passengers, passenger_count, details, position)
        ORDER BY position
        """,
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
        [row[3] for row in rows],
        [json.dumps(row[4]) for row in rows],
        [row[5] for row in rows],
        [json.dumps(row[6]) for row in rows],
        now,
    )


async def drop_repeated_experiences(connection: Connection, lead_ids: Collection[int]) -> None:
    """Keep one of the experiences of locked leads that visitors told twice: by a script, and by the page's own post."""
    await connection.execute(
        """
        DELETE FROM experiences AS later USING experiences AS earlier
        WHERE later.lead_id = ANY($1::bigint[]) AND earlier.lead_id = later.lead_id AND earlier.id < later.id
          AND later.actor = 'visitor' AND earlier.actor = 'visitor'
          AND (later.name, later.date, later.passengers, later.passenger_count, later.details)
            IS NOT DISTINCT FROM
              (earlier.name, earlier.date, earlier.passengers, earlier.passenger_count, earlier.details)
        """,
        list(lead_ids),
    )


async def prune_drafts(connection: Connection, before: datetime) -> int:
    """Forget a slice of the drafts that nothing was added to since an instant: what they said is in their leads."""
    status = await connection.execute(
        """
        DELETE FROM form_drafts WHERE lead_uuid IN (
            SELECT lead_uuid FROM form_drafts WHERE updated_at < $1 LIMIT $2
        )
        """,
        before,
        SLICE,
    )
    return affected(status)
