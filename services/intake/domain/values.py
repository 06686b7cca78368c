"""Reading JSON that nobody vouches for: each function answers for a value of any type."""

from datetime import UTC, datetime, timedelta
from typing import Any

_LONGEST_ID = 512
_EARLIEST = datetime(2004, 1, 1, tzinfo=UTC)
_CLOCKS_DIFFER = timedelta(days=1)


def as_mapping(value: Any) -> dict[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: Any) -> str | None:
    """The value if it is a text with something in it, else None."""
    return value if isinstance(value, str) and value.strip() else None


def as_id(value: Any) -> str | None:
    """An id as text, since platforms send them as integers too; None when there is none or it is absurd."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and 0 < len(value.strip()) <= _LONGEST_ID:
        return value.strip()
    return None


def pick(source: dict[str, Any], *names: str) -> dict[str, Any]:
    """Those of the named members that are there and not null."""
    return {name: source[name] for name in names if source.get(name) is not None}


def read_instant(value: Any, received_at: datetime) -> datetime:
    """A sender's timestamp: unix seconds or milliseconds, as number or text, or ISO 8601.

    What is missing, zero, absurd or more than a day ahead of us becomes the time of receipt.
    """
    instant = _parse_instant(value)
    if instant is None or not _EARLIEST <= instant <= received_at + _CLOCKS_DIFFER:
        return received_at
    return instant


def _parse_instant(value: Any) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        if isinstance(value, str) and not value.strip().isdecimal():
            instant = datetime.fromisoformat(value)
            return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
        number = float(value)
        return datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def bounded(value: Any, *, text: int = 4000, items: int = 100, depth: int = 12) -> Any:
    """A copy of a JSON value that cannot be large: long texts, long lists and deep levels are cut."""
    if isinstance(value, str):
        return value[:text]
    if isinstance(value, dict):
        if depth == 0:
            return {}
        return {
            key[:200]: bounded(item, text=text, items=items, depth=depth - 1)
            for key, item in list(value.items())[:items]
        }
    if isinstance(value, list):
        if depth == 0:
            return []
        return [bounded(item, text=text, items=items, depth=depth - 1) for item in value[:items]]
    return value
