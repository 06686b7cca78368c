"""Text from outside, made safe once at the edge: for Postgres, for JSON and for the stack."""

import json
import math
from typing import Any

import orjson

MAX_DEPTH = 32
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_SAFE_DIGITS = 18


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
        raise UnreadableJson("nested too deeply")
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
    try:
        text = raw.decode("utf-8-sig")
        value = json.loads(text, parse_int=_integer, parse_float=_float, parse_constant=_refuse)
    except UnicodeDecodeError:
        raise UnreadableJson("not UTF-8") from None
    except RecursionError:
        raise UnreadableJson("nested too deeply") from None
    except UnreadableJson:
        raise
    except ValueError:
        raise UnreadableJson("not JSON" if raw.strip() else "empty") from None
    if clean and b"\\u" in raw:
        return clean_json(value, max_depth)
    if raw.count(b"[") + raw.count(b"{") > max_depth:
        _check_depth(value, max_depth)
    return value


def dump_json(value: Any) -> bytes:
    """Write a value that came from JSON, uncleaned ones included: what UTF-8 cannot hold stays escaped."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode()


def _check_depth(value: Any, allowed: int) -> None:
    if isinstance(value, (dict, list)):
        if allowed == 0:
            raise UnreadableJson("nested too deeply")
        for item in value.values() if isinstance(value, dict) else value:
            _check_depth(item, allowed - 1)


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _SAFE_DIGITS else digits


def _float(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits


def _refuse(constant: str) -> Any:
    raise UnreadableJson(f"{constant} is not JSON")
