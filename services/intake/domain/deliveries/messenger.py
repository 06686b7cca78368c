"""Messenger's and Instagram's deliveries: `entry[]` with `messaging[]`, `standby[]` or `changes[]`."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from services.intake.domain.items import BROKEN, MOST_ITEMS, Item, fingerprint, make_item, whole
from services.intake.domain.values import as_id, as_mapping
from shared.contracts.words import Channel
from shared.kit.text import UnreadableJson, parse_json

_CHANNELS = {"page": Channel.MESSENGER, "instagram": Channel.INSTAGRAM}
_LISTS = ("messaging", "standby", "changes")
_ENVELOPE = frozenset(("sender", "recipient", "timestamp", "prior_message"))


def split_messenger(raw: bytes) -> list[Item]:
    """The items of a delivery, at least one; raises nothing. What cannot be split is one item with an error."""
    try:
        delivery = parse_json(raw, clean=False)
    except UnreadableJson as error:
        return [whole(Channel.MESSENGER, raw, str(error))]
    if not isinstance(delivery, dict):
        return [whole(Channel.MESSENGER, raw, "not an object")]
    if "entry" not in delivery and "field" in delivery and "value" in delivery:
        body = {"dashboard_test": True, "value": delivery["value"]}
        return [_unnamed(Channel.MESSENGER, None, "dashboard_test", body, delivery)]
    name = delivery.get("object")
    channel = _CHANNELS.get(name) if isinstance(name, str) else None
    if channel is None:
        return [whole(Channel.MESSENGER, raw, "unknown object")]
    items = list(islice(_entries(channel, delivery.get("entry")), MOST_ITEMS + 1))
    if len(items) > MOST_ITEMS:
        return [whole(channel, raw, "too many items")]
    return items or [_unnamed(channel, None, "empty", {"empty": True}, delivery)]


def kind_of(event: dict[str, Any]) -> str:
    """Which sort of messaging event this is: the name of the one member that is not envelope."""
    for kind in ("message", "postback", "referral", "optin"):
        if kind in event:
            return kind
    return next((name for name in event if name not in _ENVELOPE), "empty")


def _entries(channel: Channel, entries: Any) -> Iterator[Item]:
    if isinstance(entries, dict):
        entries = [entries]
    if not isinstance(entries, list):
        yield _broken(channel, None, "entry is not a list", entries)
        return
    for entry in entries:
        if not isinstance(entry, dict):
            yield _broken(channel, None, "an entry is not an object", entry)
            continue
        page = as_id(entry.get("id"))
        found = [name for name in _LISTS if entry.get(name)]
        if not found:
            yield _unnamed(channel, page, "empty", {"empty": True}, entry)
        for name in found:
            if not isinstance(entry[name], list):
                yield _broken(channel, page, f"{name} is not a list", entry)
                continue
            for element in entry[name]:
                yield _element(channel, page, name, element)


def _element(channel: Channel, page: str | None, name: str, element: Any) -> Item:
    if not isinstance(element, dict):
        return _broken(channel, page, f"a member of {name} is not an object", {name: element})
    if name == "changes":
        kind = as_id(element.get("field")) or "unknown"
        return _unnamed(channel, page, kind, {"page": page, "change": element}, element)
    kind = kind_of(element)
    account = page or as_id(as_mapping(element.get("recipient")).get("id"))
    body = {"page": account, name: element}
    message = as_mapping(element.get(kind))
    mid = as_id(message.get("mid"))
    if name == "messaging" and kind in ("message", "postback") and mid:
        # A deletion has the id of the message that it takes back.
        event = "deleted" if message.get("is_deleted") else "mid"
        return make_item(channel, account, kind, (event, mid), body)
    return _unnamed(channel, account, kind if name == "messaging" else name, body, element)


def _unnamed(channel: Channel, account: str | None, kind: str, body: Any, payload: Any) -> Item:
    # The payload holds sender, recipient and timestamp, so that its fingerprint covers them.
    return make_item(channel, account, kind, (kind, fingerprint(payload)), body)


def _broken(channel: Channel, account: str | None, error: str, payload: Any) -> Item:
    return make_item(channel, account, BROKEN, ("broken", fingerprint(payload)), payload, error)
