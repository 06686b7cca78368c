"""Cursors that this service did not make."""

from typing import Any

from shared.kit.paging import encode_cursor
from tests.leads.rest.conftest import Person

LISTS: list[list[Any]] = [
    ["-created_at", "2026-03-02T12:00:00", 1],
    ["-created_at", "0001-01-01T00:00:00+14:00", 1],
    ["-created_at", "9999-12-31T23:59:59-14:00", 1],
    ["-created_at", 5, 1],
    ["-created_at", "2026-03-02T12:00:00Z", 2**64 - 1],
    ["-created_at", "2026-03-02T12:00:00Z", "1"],
    ["-created_at", "2026-03-02T12:00:00Z", True],
    ["-created_at", None, None],
    [["-created_at"], {}, 1],
]
LIVES: list[list[Any]] = [["x"], [-1], [2**63], [None], [1, 2], ["0001-01-01T00:00:00+14:00", 1], [1.5]]


async def test_forged_cursors(opened: Any, supervisor: Person) -> None:
    """A forged cursor is 422, or a page like any other, and never an error of ours."""
    lead_id = await opened("Ada")
    asked = [("", values) for values in LISTS]
    asked += [(f"/{lead_id}/{part}", values) for part in ("history", "comments", "inquiries") for values in LIVES]
    for path, values in asked:
        response = await supervisor.call("GET", path, params={"cursor": encode_cursor(*values)})
        assert response.status_code in (200, 422), (path, values)
