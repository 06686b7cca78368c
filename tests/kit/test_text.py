"""Bytes from outside become values that Postgres, JSON and the stack can bear."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kit.text import UnreadableJson, clean_text, dump_json, parse_json


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a": "\\u0000b"}', {"a": "\ufffdb"}),
        (b'{"a": "x\\ud800y"}', {"a": "x\ufffdy"}),
        (b'{"\\u0000": 1}', {"\ufffd": 1}),
        (b'{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        (b"12345678901234567890", "12345678901234567890"),
        (b"9" * 5000, "9" * 5000),
        (b"1e999", "1e999"),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b"[" * 32 + b"]" * 32, None),
    ],
)
def test_what_can_be_read_is_read_and_clean(raw: bytes, value: Any) -> None:
    """NUL, lone surrogates and numbers that do not fit come back as something that can be stored."""
    parsed = parse_json(raw)
    assert value is None or value == parsed
    orjson.dumps(parsed)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty"),
        (b"{", "not JSON"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b"[NaN]", "NaN is not JSON"),
        (b"[-Infinity]", "-Infinity is not JSON"),
        (b"[" * 33 + b"]" * 33, "nested too deeply"),
        (b'["\\u0041",' + b"[" * 40 + b"]" * 41, "nested too deeply"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_what_cannot_be_read_has_one_error(raw: bytes, reason: str) -> None:
    """Whatever is wrong, the caller gets one exception with a reason."""
    with pytest.raises(UnreadableJson, match=f"^{reason}$"):
        parse_json(raw)


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_nothing_else_is_raised(raw: bytes) -> None:
    """Any bytes are either a value or the one error."""
    try:
        parse_json(raw)
    except UnreadableJson:
        return


@given(st.text(alphabet=st.characters(), max_size=50))
def test_clean_text_can_be_stored(text: str) -> None:
    """Cleaned text encodes and holds no NUL, and clean text is left alone."""
    cleaned = clean_text(text)
    assert "\x00" not in cleaned
    assert cleaned == clean_text(cleaned)
    cleaned.encode()


@pytest.mark.parametrize("raw", [b'{"a":"\\u0000"}', b'["\\ud800"]', '["\u00e4"]'.encode()])
def test_uncleaned_json_survives_being_written(raw: bytes) -> None:
    """A value that was parsed without cleaning is written without a loss, so that it can be cleaned later."""
    uncleaned = parse_json(raw, clean=False)
    assert uncleaned == parse_json(dump_json(uncleaned), clean=False)
