"""Bytes from outside become values that Postgres, JSON and the stack can bear."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.kit import text as kit_text
from shared.kit.text import UnreadableJson, clean_text, dump_json, parse_json, parse_json_parts


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


NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,4})?", fullmatch=True)
ESCAPES = st.from_regex(r"\\(u[dD][89a-fA-F][0-9a-f]{2}|u00[0-9a-f]{2}|[\"\\/bfnrt])", fullmatch=True)
TEXTS = st.lists(ESCAPES | st.text(st.characters(exclude_characters='"\\'), max_size=3), max_size=4).map(
    lambda parts: f'"{"".join(parts)}"'
)
CONSTANTS = st.sampled_from(["true", "false", "null", "NaN", "Infinity", "-Infinity", "-0", "1" * 18, "-" + "1" * 18])
DOCUMENTS = st.recursive(
    NUMBERS | TEXTS | CONSTANTS,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: f"[{','.join(items)}]")
        | st.lists(st.tuples(st.sampled_from(['"a"', '"b"']) | TEXTS, inner), max_size=4).map(
            lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"
        )
    ),
    max_leaves=12,
).map(lambda document: document.encode("utf-8", "surrogatepass"))
SPOILED = st.builds(
    lambda raw, place, more: raw[: place % (len(raw) + 1)] + more + raw[place % (len(raw) + 1) :],
    DOCUMENTS,
    st.integers(0, 500),
    st.sampled_from(
        [b"", b" ", b",", b"1", b"}", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b".", b"e", b"-"]
    ),
)


def outcome(read: Callable[[], Any]) -> str:
    """What reading gives, to the type of each number and the order of each object, or why it gives nothing."""
    try:
        return repr(read())
    except UnreadableJson as error:
        return f"unreadable: {error}"


@settings(max_examples=500)
@given(DOCUMENTS | SPOILED)
def test_both_ways_of_reading_agree(raw: bytes) -> None:
    """What is read fast is to the last digit what reading with care would give."""
    careful = outcome(lambda: kit_text._load_carefully(raw, Decimal))
    assert careful == outcome(lambda: parse_json_parts(raw))


@pytest.mark.parametrize(
    "raw",
    [b"1" * 18, b"1" * 19, b"-" + b"1" * 18, b"18446744073709551616", b"-0", b"-0.0", b"1e400", b'{"a":1,"b":2,"a":3}'],
)
def test_they_agree_at_the_borders(raw: bytes) -> None:
    """Where one parser would round or reorder, the other one is asked."""
    assert outcome(lambda: kit_text._load_carefully(raw, Decimal)) == outcome(lambda: parse_json_parts(raw))
