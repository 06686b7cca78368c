"""Text from outside, made safe once at the edge: for Postgres, for JSON and for the stack."""

import json
import math
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any

import orjson

MAX_DEPTH = 32
TOO_DEEP = "nested too deeply"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_SAFE_DIGITS = 18
_DIGITS_TO_ZERO = bytes.maketrans(b"0123456789", b"0000000000")
_EIGHTEEN_DIGITS = b"0" * _SAFE_DIGITS


class UnreadableJson(ValueError):
    """The bytes are no JSON that is worth having: its message is a reason without any of the content."""


def clean_text(text: str) -> str:
    """Replace what Postgres refuses in text and jsonb: NUL and lone surrogates become U+FFFD."""
    if "\x00" in text:
        text = text.replace("\x00", _REPLACEMENT)
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join(_REPLACEMENT if "\ud800" <= character <= "\udfff" else character for character in text)
    return text


def clean_json(value: Any, max_depth: int = MAX_DEPTH) -> Any:
    """A copy of a JSON value with all texts and keys cleaned; raises `UnreadableJson` below `max_depth`."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, (dict, list)) and max_depth == 0:
        raise UnreadableJson(TOO_DEEP)
    if isinstance(value, dict):
        return {clean_text(key): clean_json(item, max_depth - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [clean_json(item, max_depth - 1) for item in value]
    return value


def parse_json(raw: bytes, max_depth: int = MAX_DEPTH, *, clean: bool = True) -> Any:
    """Read JSON bytes of any origin; raises `UnreadableJson` and nothing else.

    Numbers that do not fit (integers of more than 18 digits, floats beyond the range) stay text, so that long
    ids keep every digit; NaN and infinity are refused. Of doubled keys the last counts. Texts come back
    cleaned, unless the caller keeps them as they came and has them cleaned by who reads them.
    """
    value = _load(raw, _refuse)
    if clean and b"\\u" in raw:
        return clean_json(value, max_depth)
    if raw.count(b"[") + raw.count(b"{") > max_depth and _is_deeper(value, max_depth):
        raise UnreadableJson(TOO_DEEP)
    return value


def parse_json_parts(raw: bytes) -> Any:
    """Read JSON bytes of which some parts may be unfit to be used, so that the others can be; texts are not cleaned.

    Any depth is read that Python can hold, and NaN and infinity become a Decimal: `find_flaw` says which part has
    one, and `dump_json` writes it as it came. Raises `UnreadableJson` and nothing else.
    """
    return _load(raw, Decimal)


def find_flaw(value: Any, max_depth: int = MAX_DEPTH) -> str | None:
    """Why `parse_json` would refuse this part of what `parse_json_parts` read; None when it would not."""
    if _is_deeper(value, max_depth):
        return TOO_DEEP
    constant = next((one for one in _scalars(value) if isinstance(one, Decimal)), None)
    return None if constant is None else _not_json(constant)


def dump_json(value: Any) -> bytes:
    """Write a value that came from JSON, uncleaned ones included: what UTF-8 cannot hold stays escaped."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":"), default=float).encode()


def _load(raw: bytes, constant: Callable[[str], Any]) -> Any:
    """Fast where both parsers agree; what orjson refuses or would round is read with care."""
    if _EIGHTEEN_DIGITS not in raw.translate(_DIGITS_TO_ZERO):
        try:
            return orjson.loads(raw)
        except ValueError:
            pass
    return _load_carefully(raw, constant)


def _load_carefully(raw: bytes, constant: Callable[[str], Any]) -> Any:
    try:
        text = raw.decode("utf-8-sig")
        return json.loads(text, parse_int=_integer, parse_float=_float, parse_constant=constant)
    except UnicodeDecodeError:
        raise UnreadableJson("not UTF-8") from None
    except RecursionError:
        raise UnreadableJson(TOO_DEEP) from None
    except UnreadableJson:
        raise
    except ValueError:
        raise UnreadableJson("not JSON" if raw.strip() else "empty") from None


def _is_deeper(value: Any, allowed: int) -> bool:
    """Level by level, so that no depth is too much for the stack."""
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(allowed):
        level = [item for group in level for item in _members(group) if isinstance(item, (dict, list))]
        if not level:
            return False
    return bool(level)


def _scalars(value: Any) -> Iterator[Any]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, (dict, list)):
            waiting.extend(_members(item))
        else:
            yield item


def _members(group: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return group.values() if isinstance(group, dict) else group


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _SAFE_DIGITS else digits


def _float(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits


def _refuse(constant: str) -> Any:
    raise UnreadableJson(_not_json(constant))


def _not_json(constant: object) -> str:
    return f"{constant} is not JSON"
