"""Deliveries as the platforms send them, with people of our own."""

import hashlib
import hmac
import json
from typing import Any

APP_SECRET = "development-whatsapp-secret"
SECOND_SECRET = "development-second-secret"
MESSENGER_SECRET = "development-messenger-secret"
VERIFY_TOKEN = "development-verify-token"

LINE = "771000111222333"
PAGE = "880011223344556"
LUPE = "5215512345678"
JOAO = "554188887777"
SCOPED = "MX.4455667788990011"


def sign(raw: bytes, secret: str = APP_SECRET) -> dict[str, str]:
    """The headers of a signed delivery."""
    digest = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}", "Content-Type": "application/json"}


def dumped(delivery: Any) -> bytes:
    """A delivery as bytes, escaped the way the platforms do it."""
    return json.dumps(delivery).replace("/", "\\/").encode()


def message(mid: str = "wamid.A1", sender: str | None = LUPE, kind: str = "text", **parts: Any) -> dict[str, Any]:
    """A WhatsApp message; a text unless `kind` and its part say otherwise."""
    found: dict[str, Any] = {"id": mid, "timestamp": "1795000000", "type": kind}
    if sender is not None:
        found["from"] = sender
    if kind == "text" and "text" not in parts:
        parts["text"] = {"body": "Do you have two places on Saturday?"}
    return found | parts


def contact(wa_id: str | None = LUPE, name: str = "Lupe Ríos", **parts: Any) -> dict[str, Any]:
    """A WhatsApp contact."""
    return {"profile": {"name": name}} | ({"wa_id": wa_id} if wa_id else {}) | parts


def change(*, line: str = LINE, field: str = "messages", **lists: Any) -> dict[str, Any]:
    """A change of one line with its lists."""
    value = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": line, "display_phone_number": "1"}}
    return {"field": field, "value": value | lists}


def whatsapp(*changes: dict[str, Any]) -> dict[str, Any]:
    """A WhatsApp delivery with one entry."""
    return {"object": "whatsapp_business_account", "entry": [{"id": "660001", "changes": list(changes)}]}


def whatsapp_messages(*messages: dict[str, Any], contacts: list[Any] | None = None) -> dict[str, Any]:
    """A WhatsApp delivery of messages, with Lupe's contact unless others are given."""
    return whatsapp(change(messages=list(messages), contacts=[contact()] if contacts is None else contacts))


def event(sender: Any = "3003001", timestamp: Any = 1795000000123, **parts: Any) -> dict[str, Any]:
    """A messaging event of Messenger or Instagram."""
    found: dict[str, Any] = {"recipient": {"id": PAGE}, "timestamp": timestamp}
    if sender is not None:
        found["sender"] = sender if isinstance(sender, dict) else {"id": sender}
    return found | parts


def messenger(*events: Any, name: str = "page", page: str = PAGE, where: str = "messaging") -> dict[str, Any]:
    """A Messenger delivery with one entry."""
    return {"object": name, "entry": [{"id": page, "time": 1795000000456, where: list(events)}]}
