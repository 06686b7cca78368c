"""WhatsApp's deliveries, in the shape and with the escapes of the Cloud API."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from deploy.demo.deliveries import JSON, WHATSAPP_PATH, Channel, Delivery, Fate, Item, Signature
from deploy.demo.people import Person

BUSINESS: Final = "700100200300400"
MAIN_LINE: Final = "700100200300401"
SECOND_LINE: Final = "700100200300411"
_NUMBERS: Final = {MAIN_LINE: "525550000401", SECOND_LINE: "554130000411"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A message, status or error as it stands in a delivery, the contact that belongs to it, and its item."""

    name: str
    body: dict[str, Any]
    item: Item
    contact: dict[str, Any] | None = field(default=None)


def text(person: Person, message_id: str, at: int, words: str, **more: Any) -> Piece:
    """A text of somebody whose number is shown; `more` are further members, such as a referral."""
    body = {"from": person.wa_id, "id": message_id, "timestamp": str(at), "type": "text", "text": {"body": words}}
    contact = {"profile": {"name": person.name}, "wa_id": person.wa_id}
    return Piece("messages", body | more, Item(message_id, Fate.INQUIRY, words, person), contact)


def scoped_text(person: Person, message_id: str, at: int, words: str, *, with_phone: bool = False) -> Piece:
    """A text of somebody with a username: known by a business-scoped id, and by the number only if they show it."""
    known = {"from": person.wa_id} if with_phone else {}
    body = {
        **known,
        "from_user_id": person.scoped_id,
        "id": message_id,
        "timestamp": str(at),
        "type": "text",
        "text": {"body": words},
    }
    contact: dict[str, Any] = {"profile": {"name": person.name, "username": f"@{person.first_name.lower()}"}}
    contact |= {"user_id": person.scoped_id} | ({"wa_id": person.wa_id} if with_phone else {})
    return Piece("messages", body, Item(message_id, Fate.INQUIRY, words, person), contact)


def voice(person: Person, message_id: str, at: int, media_id: str) -> Piece:
    """A voice message."""
    audio = {"mime_type": "audio/ogg; codecs=opus", "id": media_id, "voice": True}
    body = {"from": person.wa_id, "id": message_id, "timestamp": str(at), "type": "audio", "audio": audio}
    contact = {"profile": {"name": person.name}, "wa_id": person.wa_id}
    return Piece("messages", body, Item(message_id, Fate.INQUIRY, "🎤 (voice message)", person), contact)


def picture(person: Person, message_id: str, at: int, media_id: str, words: str) -> Piece:
    """A picture with a caption."""
    image = {"caption": words, "mime_type": "image/jpeg", "id": media_id}
    body = {"from": person.wa_id, "id": message_id, "timestamp": str(at), "type": "image", "image": image}
    contact = {"profile": {"name": person.name}, "wa_id": person.wa_id}
    return Piece("messages", body, Item(message_id, Fate.INQUIRY, f"🖼 {words}", person), contact)


def reaction(person: Person, message_id: str, at: int, to: str) -> Piece:
    """A thumb under a message: no inquiry."""
    thumb = {"message_id": to, "emoji": "👍"}
    body = {"from": person.wa_id, "id": message_id, "timestamp": str(at), "type": "reaction", "reaction": thumb}
    contact = {"profile": {"name": person.name}, "wa_id": person.wa_id}
    return Piece("messages", body, Item(message_id, Fate.IGNORED, "👍", person), contact)


def unheard_of(person: Person, message_id: str, at: int) -> Piece:
    """A message type that nobody has seen yet: kept for somebody to look at."""
    body = {"from": person.wa_id, "id": message_id, "timestamp": str(at), "type": "hologram", "hologram": {"id": "1"}}
    return Piece("messages", body, Item(message_id, Fate.QUARANTINED, "(unknown type)", person))


def status(person: Person, message_id: str, at: int, word: str) -> Piece:
    """What became of a message of ours: sent, delivered, read."""
    body = {"id": message_id, "status": word, "timestamp": str(at), "recipient_id": person.wa_id}
    return Piece("statuses", body, Item(f"{message_id} {word} {at}", Fate.IGNORED, word, person))


def error(key: str) -> Piece:
    """An error of the platform, without a message."""
    body = {"code": 130429, "title": "Rate limit hit", "error_data": {"details": key}}
    return Piece("errors", body, Item(f"error {key}", Fate.IGNORED, "(platform error)"))


def deliver(*pieces: Piece, line: str = MAIN_LINE, note: str = "") -> Delivery:
    """One signed delivery with everything in one change."""
    return deliver_many([(line, pieces)], note=note)


def deliver_many(changes: Sequence[tuple[str, Sequence[Piece]]], note: str = "") -> Delivery:
    """One signed delivery with a change for each line of ours, two to an entry."""
    bodies = [_change(line, pieces) for line, pieces in changes]
    entries = [{"id": BUSINESS, "changes": bodies[at : at + 2]} for at in range(0, len(bodies), 2)]
    delivery = {"object": "whatsapp_business_account", "entry": entries}
    items = tuple(piece.item for _, pieces in changes for piece in pieces)
    return Delivery(
        Channel.WHATSAPP, WHATSAPP_PATH, encode(delivery), items, Signature.WHATSAPP, note=note, headers=JSON
    )


def encode(delivery: dict[str, Any]) -> bytes:
    r"""JSON as Meta writes it: `\u00e4` for what is not ASCII, and `\/`."""
    return json.dumps(delivery, separators=(",", ":")).replace("/", "\\/").encode()


def _change(line: str, pieces: Sequence[Piece]) -> dict[str, Any]:
    metadata = {"display_phone_number": _NUMBERS[line], "phone_number_id": line}
    value: dict[str, Any] = {"messaging_product": "whatsapp", "metadata": metadata}
    # Contacts in reverse: they belong to messages by id, never by place.
    contacts = {json.dumps(piece.contact): piece.contact for piece in reversed(pieces) if piece.contact}
    if contacts:
        value["contacts"] = list(contacts.values())
    for piece in pieces:
        value.setdefault(piece.name, []).append(piece.body)
    return {"field": "messages", "value": value}
