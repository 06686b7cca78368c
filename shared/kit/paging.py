"""Cursors: where a list goes on, opaque to the client and checked when it comes back."""

import base64
import binascii
from typing import Any, Generic, TypeVar

import orjson
from pydantic import BaseModel

from shared.kit.problems import Problem, invalid_field

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """One page of a list; `next_cursor` is None on the last one, `total` counts all pages."""

    items: list[T]
    next_cursor: str | None = None
    total: int


def encode_cursor(*values: Any) -> str:
    """Pack the sort values of a page's last row."""
    return base64.urlsafe_b64encode(orjson.dumps(values, default=str)).decode().rstrip("=")


def decode_cursor(cursor: str, length: int) -> list[Any]:
    """Unpack a cursor of `length` values; raises a 422 `Problem` for one that this service did not make."""
    problem: Problem = invalid_field("cursor", "cursor", "take next_cursor of the page before, unchanged")
    try:
        values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        raise problem from None
    if not isinstance(values, list) or len(values) != length:
        raise problem
    return values
