"""WhatsApp's deliveries: `entry[]`, `changes[]`, and in a change's value messages, statuses, errors or echoes."""

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
from services.intake.domain.values import as_id, as_list, as_mapping, pick
from shared.contracts.words import Channel
from shared.kit.text import find_flaw

_OBJECT = "whatsapp_business_account"
_MOST_CONTACTS = 20
# Messages and statuses share the field `messages`; some senders leave the field out.
_ECHO_FIELDS = ("smb_message_echoes", "message_echoes")
_SPLIT_FIELDS = (None, "messages", *_ECHO_FIELDS, "user_id_update", "user_preferences")
_LISTS = {
    "messages": "message",
    "statuses": "status",
    "errors": "error",
    "message_echoes": "echo",
    "user_id_update": "user_id_update",
    "user_preferences": "user_preference",
}
# Types that may carry the id of another message: of the one that they change, or whose content is still to come.
_OTHERS_IDS = ("edit", "revoke", "unsupported", "unknown")


def split_whatsapp(raw: bytes) -> list[Item]:
    """The items of a delivery, at least one; raises nothing. What cannot be split is one item with an error.

    Members that nobody knows become items of their own, in quarantine, so that nothing of a delivery is lost.
    """
    return split_safely(Channel.WHATSAPP, raw, _split)


def _split(delivery: Any, raw: bytes) -> list[Item]:
    usual = find_usual(delivery)
    return split_any(delivery, raw) if usual is None else [usual]


def find_usual(delivery: Any) -> Item | None:
    """The item of a delivery with one message, one contact and nothing that we do not know; None for all others.

    Nearly all messages come like this. `split_any` finds the very same, in several times as long.
    """
    try:
        (entry,), (change,) = delivery["entry"], delivery["entry"][0]["changes"]
        value, metadata = change["value"], change["value"]["metadata"]
        (message,), contacts = value["messages"], value["contacts"]
        ids = as_id(entry["id"]), as_id(metadata["phone_number_id"]), as_id(message["type"]), as_id(message["id"])
        names = delivery["object"], change["field"]
        sizes = len(delivery), len(entry), len(change), len(value), len(contacts)
    except (KeyError, TypeError, ValueError, IndexError):
        return None
    entry_id, account, kind, message_id = ids
    if sizes != (2, 2, 2, 4, 1) or names != (_OBJECT, "messages") or "messaging_product" not in value:
        return None
    if not (entry_id and account and kind and message_id) or kind in _OTHERS_IDS or not isinstance(contacts, list):
        return None
    if "to" in message or "to_user_id" in message:
        return None
    body = {"field": "messages", "entry": entry_id, "metadata": metadata, "contacts": contacts, "message": message}
    return make_item(Channel.WHATSAPP, account, kind, ("message", message_id), body)


def split_any(delivery: Any, raw: bytes) -> list[Item]:
    """The items of any JSON that was delivered, at least one."""
    if not isinstance(delivery, dict):
        return [whole(Channel.WHATSAPP, raw, find_flaw(delivery) or "not an object")]
    if "entry" not in delivery and "field" in delivery and "value" in delivery:
        return [_item(None, "dashboard_test", delivery | {"dashboard_test": True}, delivery)]
    if delivery.get("object") != _OBJECT:
        return [whole(Channel.WHATSAPP, raw, "unknown object")]
    entries = delivery.get("entry")
    if isinstance(entries, dict):
        entries = [entries]
    if not isinstance(entries, list):
        return [whole(Channel.WHATSAPP, raw, "entry is not a list")]
    items = list(islice(_items(delivery, entries), MOST_ITEMS + 1))
    if len(items) > MOST_ITEMS:
        return [whole(Channel.WHATSAPP, raw, "too many items")]
    return items or [_item(None, "empty", {"empty": True, "delivery": delivery}, delivery)]


def _items(delivery: dict[str, Any], entries: list[Any]) -> Iterator[Item]:
    if unknown := unknown_members(delivery, "object", "entry"):
        yield broken(Channel.WHATSAPP, None, "unknown members", {"object": _OBJECT, "entry": [], **unknown})
    for entry in entries:
        yield from _entry(entry)


def _entry(entry: Any) -> Iterator[Item]:
    account = as_id(as_mapping(entry).get("id"))
    if not isinstance(entry, dict) or not isinstance(entry.get("changes"), list):
        yield _broken(account, "changes is not a list", entry)
        return
    envelope = pick(entry, "id", "time")
    if unknown := unknown_members(entry, "id", "time", "changes"):
        yield _broken(account, "unknown members", envelope | {"changes": []} | unknown)
    for change in entry["changes"]:
        if isinstance(change, dict) and isinstance(change.get("value"), dict):
            yield from _change(envelope, change, change["value"])
        else:
            yield _broken(account, "a change has no value", envelope | {"changes": [change]})


def _change(entry: dict[str, Any], change: dict[str, Any], value: dict[str, Any]) -> Iterator[Item]:
    entry_id, field = as_id(entry.get("id")), as_id(change.get("field"))
    metadata = as_mapping(value.get("metadata"))
    account = as_id(metadata.get("phone_number_id")) or entry_id
    envelope: dict[str, Any] = {"field": field, "entry": entry_id, "metadata": metadata}

    def part(members: dict[str, Any], **beside: Any) -> dict[str, Any]:
        """The entry with no more than these members of the value."""
        kept = pick(value, "messaging_product", "metadata") | members
        return entry | {"changes": [pick(change, "field") | {"value": kept} | beside]}

    beside = unknown_members(change, "value", *(("field",) if field else ()))
    if field is not None and field not in _SPLIT_FIELDS:
        other = envelope | {"value": value} | ({"beside": beside} if beside else {})
        yield _item(account, field, other, change, entry.get("time"))
        return
    if beside:
        yield _broken(account, "unknown members", part({}, **beside))
    if unknown := _unknown(value):
        yield _broken(account, "unknown members", part(unknown))
    found = [name for name in _LISTS if value.get(name)]
    if not (found or beside or unknown):
        yield _item(account, field or "unknown", {**envelope, "value": value}, change, entry.get("time"))
    contacts = as_list(value.get("contacts"))
    by_id = _by_id(contacts)
    for name in found:
        if not isinstance(value[name], list):
            yield _broken(account, f"{name} is not a list", part({"contacts": contacts, name: value[name]}))
            continue
        for element in value[name]:
            own = _contacts_of(as_mapping(element), contacts, by_id)
            if isinstance(element, dict):
                part_name = "echo" if name == "messages" and _is_ours(element, field, metadata) else _LISTS[name]
                body = {**envelope, "contacts": own, part_name: element}
                yield _element(account, part_name, element, body, entry.get("time"))
            else:
                lone = part({"contacts": own, name: [element]})
                yield _broken(account, f"a {_LISTS[name]} is not an object", lone)


def _is_ours(message: dict[str, Any], field: str | None, metadata: dict[str, Any]) -> bool:
    """Whether what stands among the messages is an echo: by its field, or from our own number to somebody."""
    if field in _ECHO_FIELDS:
        return True
    if not (message.get("to") or message.get("to_user_id")):
        return False
    ours = "".join(filter(str.isdecimal, as_id(metadata.get("display_phone_number")) or ""))
    return bool(ours) and as_id(message.get("from")) == ours


def _unknown(value: dict[str, Any]) -> dict[str, Any]:
    known = ["messaging_product", *_LISTS]
    known += [name for name, shape in (("metadata", dict), ("contacts", list)) if isinstance(value.get(name), shape)]
    return unknown_members(value, *known)


def _element(account: str | None, name: str, element: dict[str, Any], body: Any, entry_time: Any) -> Item:
    kind = as_id(element.get("type")) or name if name == "message" else name
    message_id = as_id(element.get("id"))
    if name == "message" and message_id and kind in _OTHERS_IDS:
        key = (kind, message_id, as_id(element.get("timestamp")) or "")
        return make_item(Channel.WHATSAPP, account, kind, key, body)
    if name in ("message", "echo") and message_id:
        return make_item(Channel.WHATSAPP, account, kind, (name, message_id), body)
    return _item(account, kind, body, element, entry_time)


def _by_id(contacts: list[Any]) -> dict[str, list[Any]]:
    """The contacts that carry an id, by each of their ids: a delivery may hold a thousand people."""
    found: dict[str, list[Any]] = {}
    for contact in contacts:
        if isinstance(contact, dict):
            for one in {as_id(contact.get("wa_id")), as_id(contact.get("user_id"))} - {None}:
                found.setdefault(str(one), []).append(contact)
    return found


def _contacts_of(element: dict[str, Any], contacts: list[Any], by_id: dict[str, list[Any]]) -> list[Any]:
    """The contacts that carry an id of the sender; all of them, up to a limit, when none does."""
    own: dict[int, Any] = {}
    for one in (as_id(element.get("from")), as_id(element.get("from_user_id"))):
        own |= {id(contact): contact for contact in by_id.get(one or "", ())[:_MOST_CONTACTS]}
    return [*own.values()][:_MOST_CONTACTS] or contacts[:_MOST_CONTACTS]


def _item(account: str | None, kind: str, body: Any, content: dict[str, Any], entry_time: Any = None) -> Item:
    return make_item(Channel.WHATSAPP, account, kind, key_of_content(kind, content, entry_time), body)


def _broken(account: str | None, error: str, entry: Any) -> Item:
    return broken(Channel.WHATSAPP, account, error, {"object": _OBJECT, "entry": [entry]})
