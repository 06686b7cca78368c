"""How the questions of a page's lead forms are read."""

from collections.abc import Mapping
from typing import Any

from shared.kit.database import Connection


async def find_mapping(connection: Connection, account_row: int, form_id: str | None) -> Mapping[str, Any]:
    """What stands beside a lead so that it can be read: the form's `fields`, and the region of its numbers."""
    row = await connection.fetchrow(
        """
        SELECT lead_forms.fields, coalesce(lead_forms.default_region, channel_accounts.default_region) AS default_region
        FROM channel_accounts LEFT JOIN lead_forms ON account = channel_accounts.id AND form_id = $2
        WHERE channel_accounts.id = $1
        """,
        account_row,
        form_id,
    )
    return {"fields": (row["fields"] if row else None) or [], "default_region": row["default_region"] if row else None}
