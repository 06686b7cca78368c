"""Messenger's and Instagram's deliveries: `entry[]` with `messaging[]`, `standby[]` or `changes[]`."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from services.intake.domain.items import (
    MOST_ITEMS,
    Item,
    broken,
    key_of_content,
    make_item,
    split_safely,
    unknown_members,
    whole,
)
from services.intake.domain.values import as_id, as_mapping, pick
from shared.contracts.words import Channel
from shared.kit.text import find_flaw

_CHANNELS = {"page": Channel.MESSENGER, "instagram": Channel.INSTAGRAM}
_OBJECTS = {channel: name for name, channel in _CHANNELS.items()}
_LISTS = ("messaging", "standby", "changes")
# Instagram with its own login delivers the same events as changes, one for each.
_EVENT_FIELDS = frozenset(
    (
        "message_edit",
        "message_reactions",
        "messages",
        "messaging_handover",
        "messaging_optins",
        "messaging_postbacks",
        "messaging_referral",
        "messaging_referrals",
        "messaging_seen",
        "standby",
    )
)
# `hop_context` says by way of which apps an event came.
_ENVELOPE = frozenset(("hop_context", "prior_message", "recipient", "sender", "timestamp"))


def split_messenger(raw: bytes) -> list[Item]:
    """The items of a delivery, at least one; raises nothing. What cannot be split is one item with an error.

    Members that nobody knows become items of their own, in quarantine, so that nothing of a delivery is lost.
    """
    return split_safely(Channel.MESSENGER, raw, _split)


def kind_of(event: dict[str, Any]) -> str:
    """Which sort of messaging event this is: the name of the one member that is not envelope."""
    for kind in ("message", "postback", "referral", "optin"):
        if kind in event:
            return kind
    return next((name for name in event if name not in _ENVELOPE), "empty")


def _split(delivery: Any, raw: bytes) -> list[Item]:
    if not isinstance(delivery, dict):
        return [whole(Channel.MESSENGER, raw, find_flaw(delivery) or "not an object")]
    if "entry" not in delivery and "field" in delivery and "value" in delivery:
        body = delivery | {"dashboard_test": True}
        return [_unnamed(Channel.MESSENGER, None, "dashboard_test", body, delivery)]
    name = delivery.get("object")
    channel = _CHANNELS.get(name) if isinstance(name, str) else None
    if channel is None:
        return [whole(Channel.MESSENGER, raw, "unknown object")]
    entries = delivery.get("entry")
    if isinstance(entries, dict):
        entries = [entries]
    if not isinstance(entries, list):
        return [whole(channel, raw, "entry is not a list")]
    items = list(islice(_items(channel, delivery, entries), MOST_ITEMS + 1))
    if len(items) > MOST_ITEMS:
        return [whole(channel, raw, "too many items")]
    return items or [_unnamed(channel, None, "empty", {"empty": True, "delivery": delivery}, delivery)]


def _items(channel: Channel, delivery: dict[str, Any], entries: list[Any]) -> Iterator[Item]:
    if unknown := unknown_members(delivery, "object", "entry"):
        yield broken(channel, None, "unknown members", {"object": _OBJECTS[channel], "entry": [], **unknown})
    for entry in entries:
        yield from _entry(channel, entry)


def _entry(channel: Channel, entry: Any) -> Iterator[Item]:
    if not isinstance(entry, dict):
        yield _broken(channel, None, "an entry is not an object", entry)
        return
    page, envelope = as_id(entry.get("id")), pick(entry, "id", "time")
    found = [name for name in _LISTS if entry.get(name)]
    if unknown := unknown_members(entry, "id", "time", "hop_context", *_LISTS):
        yield _broken(channel, page, "unknown members", envelope | unknown)
    elif not found:
        yield _unnamed(channel, page, "empty", {"empty": True, "entry": entry}, entry)
    for name in found:
        if not isinstance(entry[name], list):
            yield _broken(channel, page, f"{name} is not a list", envelope | {name: entry[name]})
            continue
        for element in entry[name]:
            yield _element(channel, envelope, name, element)


def _element(channel: Channel, envelope: dict[str, Any], name: str, element: Any) -> Item:
    page, time = as_id(envelope.get("id")), envelope.get("time")
    if not isinstance(element, dict):
        return _broken(channel, page, f"a member of {name} is not an object", envelope | {name: [element]})
    field = as_id(element.get("field"))
    if name == "changes" and field in _EVENT_FIELDS and isinstance(element.get("value"), dict):
        name = "standby" if field == "standby" else "messaging"
        element = element["value"]
    if name == "changes":
        kind = field or "unknown"
        body = {"page": page, "change": element}
        if kind == "leadgen" and (leadgen_id := as_id(as_mapping(element.get("value")).get("leadgen_id"))):
            # However often and in how many deliveries it comes, it is one lead.
            return make_item(Channel.LEAD_ADS, page, kind, (kind, leadgen_id), body)
        return _unnamed(channel, page, kind, body, element, time)
    kind = kind_of(element)
    message = as_mapping(element.get(kind))
    ours = "sender" if message.get("is_echo") is True else "recipient"
    account = page or as_id(as_mapping(element.get(ours)).get("id"))
    body = {"page": account, name: element}
    mid = as_id(message.get("mid"))
    if name == "messaging" and kind in ("message", "postback") and mid:
        # A deletion has the id of the message that it takes back.
        event = "deleted" if message.get("is_deleted") else "mid"
        return make_item(channel, account, kind, (event, mid), body)
    return _unnamed(channel, account, kind if name == "messaging" else name, body, element, time)


def _unnamed(
    channel: Channel, account: str | None, kind: str, body: Any, content: dict[str, Any], entry_time: Any = None
) -> Item:
    # The content holds sender, recipient and timestamp, so that its key covers them.
    return make_item(channel, account, kind, key_of_content(kind, content, entry_time), body)


def _broken(channel: Channel, account: str | None, error: str, entry: Any) -> Item:
    return broken(channel, account, error, {"object": _OBJECTS[channel], "entry": [entry]})
