"""What a delivery is split into."""

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson

from shared.contracts.words import Channel
from shared.kit.text import clean_text, dump_json

MOST_ITEMS = 5000
UNKNOWN_ACCOUNT = "unknown"
# Kinds of our own, which no platform can claim for an item of its.
WHOLE = "(whole delivery)"
BROKEN = "(broken item)"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that arrived, with the part of the envelope that it needs as JSON in `body`.

    `key` says, within channel and account, what makes it the same item when it is delivered again. An item with
    an `error` is kept as it is: it could not be taken apart, and `body` may be anything.
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
    """An item whose words are safe to store, whatever was delivered."""
    return Item(
        channel=channel,
        account=clean_text(account or UNKNOWN_ACCOUNT)[:128],
        kind=BROKEN if error else clean_text(kind or "").strip("() ")[:64] or "unknown",
        key=key,
        body=dump_json(body),
        error=error,
    )


def whole(channel: Channel, raw: bytes, error: str) -> Item:
    """A delivery that cannot be split, as one item."""
    key = ("whole", hashlib.sha256(raw).hexdigest())
    return Item(channel=channel, account=UNKNOWN_ACCOUNT, kind=WHOLE, key=key, body=raw, error=error)


def fingerprint(value: Any) -> str:
    """The same text for the same JSON value, for items to which the sender gives no id."""
    try:
        canonical = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        canonical = dump_json(value)
    return hashlib.sha256(canonical).hexdigest()
