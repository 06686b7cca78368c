"""Messenger's and Instagram's deliveries."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from deploy.demo.deliveries import JSON, MESSENGER_PATH, Channel, Delivery, Fate, Item, Signature
from deploy.demo.people import Person
from deploy.demo.whatsapp import encode

PAGE: Final = "700100200300402"
INSTAGRAM: Final = "700100200300403"


@dataclass(frozen=True, slots=True)
class Event:
    """A messaging event and its item."""

    body: dict[str, Any]
    item: Item


def message(person: Person, mid: str, at: int, words: str, *, instagram: bool = False, **more: Any) -> Event:
    """Somebody wrote; `more` are further members of the message, such as a referral."""
    body = _envelope(person, at, instagram=instagram) | {"message": {"mid": mid, "text": words, **more}}
    return Event(body, Item(mid, Fate.INQUIRY, words, person))


def own_phone(person: Person, mid: str, at: int, number: str) -> Event:
    """Somebody tapped the quick reply that gives their own number, which the platform vouches for."""
    said = {"mid": mid, "text": number, "quick_reply": {"payload": number}}
    return Event(_envelope(person, at) | {"message": said}, Item(mid, Fate.INQUIRY, f"📱 {number}", person))


def postback(person: Person, mid: str, at: int, title: str) -> Event:
    """Somebody pressed a button, such as the first one of a conversation."""
    pressed = {"mid": mid, "title": title, "payload": "GET_STARTED"}
    return Event(_envelope(person, at) | {"postback": pressed}, Item(mid, Fate.INQUIRY, f"▸ {title}", person))


def echo(person: Person, mid: str, at: int, words: str) -> Event:
    """Our own answer, told back to us: a response to their lead."""
    body = {
        "sender": {"id": PAGE},
        "recipient": {"id": person.page_id},
        "timestamp": at,
        "message": {"mid": mid, "is_echo": True, "app_id": 700100200300499, "text": words},
    }
    return Event(body, Item(mid, Fate.UPDATE, "(echo)", person))


def seen(person: Person, at: int, kind: str) -> Event:
    """A delivery or read receipt: no inquiry."""
    body = _envelope(person, at) | {kind: {"watermark": at}}
    return Event(body, Item(f"{kind} {person.page_id} {at}", Fate.IGNORED, f"({kind})", person))


def reaction(person: Person, at: int, mid: str) -> Event:
    """A heart under a message: no inquiry."""
    heart = {"mid": mid, "action": "react", "reaction": "love", "emoji": "❤"}
    body = _envelope(person, at) | {"reaction": heart}
    return Event(body, Item(f"reaction {mid} {at}", Fate.IGNORED, "❤", person))


def deliver(*events: Event, note: str = "") -> Delivery:
    """One signed delivery of the page."""
    return _deliver("page", Channel.MESSENGER, PAGE, events, note)


def deliver_instagram(*events: Event, note: str = "") -> Delivery:
    """One signed delivery of the Instagram account; it comes through the same door."""
    return _deliver("instagram", Channel.INSTAGRAM, INSTAGRAM, events, note)


def _deliver(name: str, channel: Channel, account: str, events: Sequence[Event], note: str) -> Delivery:
    time = max(event.body["timestamp"] for event in events)
    entry = {"id": account, "time": time, "messaging": [event.body for event in events]}
    body = encode({"object": name, "entry": [entry]})
    items = tuple(event.item for event in events)
    return Delivery(channel, MESSENGER_PATH, body, items, Signature.MESSENGER, note=note, headers=JSON)


def _envelope(person: Person, at: int, *, instagram: bool = False) -> dict[str, Any]:
    sender, account = (person.instagram_id, INSTAGRAM) if instagram else (person.page_id, PAGE)
    return {"sender": {"id": sender}, "recipient": {"id": account}, "timestamp": at}


def nonsense(channel: Channel, key: str, *, is_json: bool) -> Delivery:
    """Something with a right signature that nobody understands: kept, and answered 200."""
    text = json.dumps({"object": "mystery", "entry": [{"id": key}]}) if is_json else f"<xml>{key}</xml>"
    is_whatsapp = channel is Channel.WHATSAPP
    return Delivery(
        channel,
        "/webhooks/whatsapp" if is_whatsapp else MESSENGER_PATH,
        text.encode(),
        (Item(f"nonsense {key}", Fate.QUARANTINED, "(unreadable)"),),
        Signature.WHATSAPP if is_whatsapp else Signature.MESSENGER,
        note="signed, but nobody understands it",
        headers=JSON,
    )
