"""Statements on web forms and their posts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared.kit.database import Connection, affected

SAME_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class FormRules:
    """What the public edge must know of a form."""

    form_key: str
    default_region: str | None
    allowed_origins: Sequence[str]
    redirect_urls: Sequence[str]

    def allows(self, origin: str | None) -> bool:
        """Whether a page of this origin may post. Who sends none is no browser that we could protect."""
        return origin is None or not self.allowed_origins or origin.lower() in self.allowed_origins


async def find_active_form(connection: Connection, form_key: str) -> FormRules | None:
    """The rules of a form that may be posted to."""
    row = await connection.fetchrow(
        """
        SELECT form_key, default_region, allowed_origins, redirect_urls FROM web_forms
        WHERE form_key = $1 AND is_active
        """,
        form_key,
    )
    return FormRules(**row) if row else None


@dataclass(frozen=True, slots=True)
class EarlierPost:
    """A post that this one repeats."""

    lead_uuid: UUID
    content_hash: str


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
        "SELECT lead_uuid, content_hash FROM form_posts WHERE fingerprint = $1", fingerprint
    )
    assert row is not None
    return EarlierPost(row["lead_uuid"], row["content_hash"])


async def prune_posts(connection: Connection, older_than: timedelta) -> int:
    """Forget posts without a key whose time has long passed."""
    query = "DELETE FROM form_posts WHERE NOT is_keyed AND received_at < now() - $1::interval"
    return affected(await connection.execute(query, older_than))
