"""What is sent through a public door, and what must become of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from deploy.demo.people import Person


class Channel(StrEnum):
    """Where something is sent, as the counters show it."""

    WHATSAPP = "WhatsApp"
    MESSENGER = "Messenger"
    INSTAGRAM = "Instagram"
    LEAD_ADS = "Lead Ads"
    FORM = "web form"


class Fate(StrEnum):
    """What must become of an item when it comes for the first time."""

    INQUIRY = "inquiry"
    UPDATE = "update"
    IGNORED = "ignored"
    QUARANTINED = "quarantined"


class Signature(StrEnum):
    """Whose secret signs a delivery, or how it fails to. `CONNECTED` is the app of the connected accounts."""

    WHATSAPP = "whatsapp"
    MESSENGER = "messenger"
    CONNECTED = "connected"
    WRONG = "wrong"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing within a delivery: what must have one effect, however often its `key` is delivered."""

    key: str
    fate: Fate
    words: str
    person: Person | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request; `status` is the answer that it must get. What is refused has no items: it leaves no trace."""

    channel: Channel
    path: str
    body: bytes
    items: tuple[Item, ...] = ()
    signature: Signature = Signature.NONE
    status: int = 200
    note: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


WHATSAPP_PATH: Final = "/webhooks/whatsapp"
MESSENGER_PATH: Final = "/webhooks/messenger"
JSON: Final = {"Content-Type": "application/json"}
