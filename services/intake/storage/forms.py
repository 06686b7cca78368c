"""Statements on web forms and their posts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.intake.domain.form_rules import FormRules
from shared.kit.database import Connection, affected

SAME_WITHIN = timedelta(minutes=10)


async def find_active_form(connection: Connection, form_key: str) -> FormRules | None:
    """The rules of a form that may be used."""
    row = await connection.fetchrow(
        """
        SELECT form_key, default_region, allowed_origins, redirect_urls, fields, honeypot_field, minimum_seconds,
            turnstile_secret, consent_field, consent_version, rate_limit, rate_limit_per_address,
            capture_before_submit, provider, provider_secret, provider_header
        FROM web_forms WHERE form_key = $1 AND is_active
        """,
        form_key,
    )
    if row is None:
        return None
    columns = dict(row)
    mapping = {one["name"]: one["maps_to"] for one in columns.pop("fields")}
    return FormRules(**columns, mapping=mapping)


@dataclass(frozen=True, slots=True)
class EarlierPost:
    """A post that is kept, and whatever repeats it stands for."""

    lead_uuid: UUID
    content_hash: str
    received_at: datetime


async def claim_post(
    connection: Connection,
    *,
    fingerprint: str,
    content_hash: str,
    is_keyed: bool,
    lead_uuid: UUID,
    received_at: datetime,
) -> EarlierPost | None:
    """Claim a post; None when it is a new one, else the earlier one that it repeats.

    A keyed fingerprint is claimed for ever, the others for ten minutes. Two at once queue up on the row.
    """
    claimed = await connection.fetchval(
        """
        INSERT INTO form_posts AS earlier (fingerprint, content_hash, is_keyed, lead_uuid, received_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (fingerprint) DO UPDATE
        SET lead_uuid = excluded.lead_uuid, received_at = excluded.received_at
        WHERE NOT earlier.is_keyed AND earlier.received_at <= excluded.received_at - $6::interval
        RETURNING lead_uuid
        """,
        fingerprint,
        content_hash,
        is_keyed,
        lead_uuid,
        received_at,
        SAME_WITHIN,
    )
    if claimed is not None:
        return None
    row = await connection.fetchrow(
        "SELECT lead_uuid, content_hash, received_at FROM form_posts WHERE fingerprint = $1", fingerprint
    )
    assert row is not None
    return EarlierPost(**row)


async def find_post(connection: Connection, fingerprint: str, now: datetime) -> EarlierPost | None:
    """What was claimed under a fingerprint, ten minutes ago at most where it was not keyed."""
    row = await connection.fetchrow(
        """
        SELECT lead_uuid, content_hash, received_at FROM form_posts
        WHERE fingerprint = $1 AND (is_keyed OR received_at > $2::timestamptz - $3::interval)
        """,
        fingerprint,
        now,
        SAME_WITHIN,
    )
    return EarlierPost(**row) if row else None


async def prune_posts(connection: Connection, older_than: timedelta) -> int:
    """Forget posts without a key whose time has long passed."""
    query = "DELETE FROM form_posts WHERE NOT is_keyed AND received_at < now() - $1::interval"
    return affected(await connection.execute(query, older_than))
