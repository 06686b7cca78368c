"""WhatsApp's deliveries: `entry[]`, `changes[]`, and in a change's value messages, statuses, errors or echoes."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from services.intake.domain.items import BROKEN, MOST_ITEMS, Item, fingerprint, make_item, whole
from services.intake.domain.values import as_id, as_list, as_mapping
from shared.contracts.words import Channel
from shared.kit.text import UnreadableJson, parse_json

_OBJECT = "whatsapp_business_account"
_MOST_CONTACTS = 20
# Messages and statuses share the field `messages`; some senders leave the field out.
_SPLIT_FIELDS = (None, "messages", "smb_message_echoes")
_LISTS = {"messages": "message", "statuses": "status", "errors": "error", "message_echoes": "echo"}


def split_whatsapp(raw: bytes) -> list[Item]:
    """The items of a delivery, at least one; raises nothing. What cannot be split is one item with an error."""
    try:
        delivery = parse_json(raw, clean=False)
    except UnreadableJson as error:
        return [whole(Channel.WHATSAPP, raw, str(error))]
    if not isinstance(delivery, dict):
        return [whole(Channel.WHATSAPP, raw, "not an object")]
    if "entry" not in delivery and "field" in delivery and "value" in delivery:
        return [_item(None, "dashboard_test", {"dashboard_test": True, "value": delivery["value"]}, delivery)]
    if delivery.get("object") != _OBJECT:
        return [whole(Channel.WHATSAPP, raw, "unknown object")]
    items = list(islice(_entries(delivery.get("entry")), MOST_ITEMS + 1))
    if len(items) > MOST_ITEMS:
        return [whole(Channel.WHATSAPP, raw, "too many items")]
    return items or [_item(None, "empty", {"empty": True}, delivery)]


def _entries(entries: Any) -> Iterator[Item]:
    if isinstance(entries, dict):
        entries = [entries]
    if not isinstance(entries, list):
        yield _broken(None, "entry is not a list", entries)
        return
    for entry in entries:
        changes = as_mapping(entry).get("changes")
        if not isinstance(changes, list):
            yield _broken(as_id(as_mapping(entry).get("id")), "changes is not a list", entry)
            continue
        for change in changes:
            yield from _change(as_id(entry.get("id")), change)


def _change(entry_id: str | None, change: Any) -> Iterator[Item]:
    value = as_mapping(change).get("value")
    if not isinstance(value, dict):
        yield _broken(entry_id, "a change has no value", change)
        return
    field = as_id(change.get("field"))
    metadata = as_mapping(value.get("metadata"))
    account = as_id(metadata.get("phone_number_id")) or entry_id
    envelope = {"field": field, "entry": entry_id, "metadata": metadata}
    found = [name for name in _LISTS if value.get(name)] if field in _SPLIT_FIELDS else []
    if not found:
        yield _item(account, field or "unknown", {**envelope, "value": value}, change)
    for name in found:
        if not isinstance(value[name], list):
            yield _broken(account, f"{name} is not a list", change)
            continue
        for element in value[name]:
            yield _element(account, _LISTS[name], element, envelope, as_list(value.get("contacts")))


def _element(account: str | None, name: str, element: Any, envelope: dict[str, Any], contacts: list[Any]) -> Item:
    if not isinstance(element, dict):
        return _broken(account, f"a {name} is not an object", {**envelope, name: element})
    body = {**envelope, "contacts": _contacts_of(element, contacts), name: element}
    kind = as_id(element.get("type")) or name if name == "message" else name
    message_id = as_id(element.get("id"))
    if name in ("message", "echo") and message_id:
        return make_item(Channel.WHATSAPP, account, kind, (name, message_id), body)
    return _item(account, kind, body, element)


def _contacts_of(element: dict[str, Any], contacts: list[Any]) -> list[Any]:
    """The contacts that carry an id of the sender; all of them, up to a limit, when none does."""
    ids = {as_id(element.get("from")), as_id(element.get("from_user_id"))} - {None}
    own = [
        contact
        for contact in contacts
        if isinstance(contact, dict) and ids & {as_id(contact.get("wa_id")), as_id(contact.get("user_id"))}
    ]
    return own[:_MOST_CONTACTS] or contacts[:_MOST_CONTACTS]


def _item(account: str | None, kind: str, body: Any, payload: Any) -> Item:
    return make_item(Channel.WHATSAPP, account, kind, (kind, fingerprint(payload)), body)


def _broken(account: str | None, error: str, payload: Any) -> Item:
    key = ("broken", fingerprint(payload))
    return make_item(Channel.WHATSAPP, account, BROKEN, key, payload, error)
