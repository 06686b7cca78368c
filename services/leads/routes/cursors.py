"""Positions in lists, as they come back from clients."""

from typing import Any

from services.leads.routes.models import LARGEST
from shared.kit.problems import invalid_field


def id_of(value: Any) -> int:
    """The id in a cursor; a 422 `Problem` for what none of our cursors has."""
    if type(value) is not int or not 0 <= value <= LARGEST:
        raise invalid_field("cursor", "cursor", "take next_cursor of the page before, unchanged")
    return value
