"""What a delivery is split into."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from services.intake.domain.values import as_mapping
from shared.contracts.words import Channel
from shared.kit.text import MAX_DEPTH, TOO_DEEP, UnreadableJson, clean_text, dump_json, find_flaw, parse_json_parts

MOST_ITEMS = 5000
UNKNOWN_ACCOUNT = "unknown"
# Kinds of our own, which no platform can claim for an item of its.
WHOLE = "(whole delivery)"
BROKEN = "(broken item)"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that arrived, with the part of the envelope that it needs as JSON in `body`.

    `key` says, within channel and account, what makes it the same item when it is delivered again. An item with
    an `error` is kept as it is: it could not be taken apart or read, and `body` may be anything.
    """

    channel: Channel
    account: str
    kind: str
    key: tuple[str, ...]
    body: bytes
    error: str | None = None


def make_item(
    channel: Channel, account: str | None, kind: str | None, key: tuple[str, ...], body: Any, error: str | None = None
) -> Item:
    """An item whose words are safe to store, whatever was delivered.

    A body that no adapter will be able to read is an error of this item alone, which keeps its kind.
    """
    try:
        written, is_plain = orjson.dumps(body), True
    except TypeError:
        written, is_plain = dump_json(body), False
    return Item(
        channel=channel,
        account=clean_text(account or UNKNOWN_ACCOUNT)[:128],
        kind=BROKEN if error else clean_text(kind or "").strip("() ")[:64] or "unknown",
        key=key,
        body=written,
        error=error or _flaw(body, written, is_plain=is_plain),
    )


def broken(channel: Channel, account: str | None, error: str, delivery: dict[str, Any]) -> Item:
    """A part of a delivery that could not be taken apart, kept as the delivery that would hold this part alone.

    Splitting that again gives this very item, or what it always was once the splitter has learnt to read it.
    """
    return make_item(channel, account, BROKEN, ("broken", fingerprint(delivery)), delivery, error)


def whole(channel: Channel, raw: bytes, error: str) -> Item:
    """A delivery that cannot be split, as one item."""
    key = ("whole", hashlib.sha256(raw).hexdigest())
    return Item(channel=channel, account=UNKNOWN_ACCOUNT, kind=WHOLE, key=key, body=raw, error=error)


def split_safely(channel: Channel, raw: bytes, split: Callable[[Any, bytes], list[Item]]) -> list[Item]:
    """What `split` makes of the JSON in a delivery; one item with an error when there is none to split."""
    try:
        return split(parse_json_parts(raw), raw)
    except UnreadableJson as error:
        return [whole(channel, raw, str(error))]
    except RecursionError:
        return [whole(channel, raw, TOO_DEEP)]


def fingerprint(value: Any) -> str:
    """The same text for the same JSON value, for items to which the sender gives no id."""
    try:
        canonical = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        canonical = dump_json(value)
    return hashlib.sha256(canonical).hexdigest()


def key_of_content(kind: str, content: dict[str, Any], entry_time: Any) -> tuple[str, ...]:
    """The key of what has no id: its content, and when that has no time of its own, that of the entry it came in."""
    has_time = any(
        part.get(name)
        for part in (content, as_mapping(content.get("value")))
        for name in ("timestamp", "created_time", "time")
    )
    if has_time or entry_time is None:
        return (kind, fingerprint(content))
    return (kind, fingerprint({"entry_time": entry_time, "content": content}))


def unknown_members(group: dict[str, Any], *known: str) -> dict[str, Any]:
    """The members of an object that nobody knows and that say something."""
    return {name: item for name, item in group.items() if name not in known and item not in (None, "", [], {})}


def _flaw(body: Any, written: bytes, *, is_plain: bool) -> str | None:
    # Most bodies show at a glance that they are too small to be deep, and orjson writes none with NaN in it.
    if is_plain and written.count(b"[") + written.count(b"{") <= MAX_DEPTH:
        return None
    return find_flaw(body)
