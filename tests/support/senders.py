"""Deliveries as the platforms make them, with people and words of our own."""

import hashlib
import hmac
import json
from typing import Any

WHATSAPP_NUMBER = "20550001"
PAGE = "30660001"


def signed(body: bytes, secret: str) -> dict[str, str]:
    """The headers that Meta sends with a body. Meta: Webhooks, validating payloads."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}", "Content-Type": "application/json"}


def encoded(delivery: dict[str, Any]) -> bytes:
    """JSON as Meta writes it: ASCII, with escaped slashes."""
    return json.dumps(delivery, separators=(",", ":")).replace("/", "\\/").encode()


def whatsapp_text(
    sender: str, message_id: str, text: str = "Hello", *, name: str = "Marisol", sent_at: int = 1_790_000_000
) -> dict[str, Any]:
    """One text message within the `value` of a change."""
    return {
        "contacts": [{"wa_id": sender, "profile": {"name": name}}],
        "messages": [
            {"from": sender, "id": message_id, "timestamp": str(sent_at), "type": "text", "text": {"body": text}}
        ],
    }


def whatsapp(*values: dict[str, Any], number: str = WHATSAPP_NUMBER) -> bytes:
    """A delivery with one change for each value."""
    metadata = {"display_phone_number": "4930550001", "phone_number_id": number}
    changes = [
        {"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}
        for value in values
    ]
    return encoded({"object": "whatsapp_business_account", "entry": [{"id": "10440001", "changes": changes}]})


def messenger_text(sender: str, message_id: str, text: str = "Hello", *, at: int = 1_790_000_000_000) -> dict[str, Any]:
    """One messaging item with a text."""
    return {
        "sender": {"id": sender},
        "recipient": {"id": PAGE},
        "timestamp": at,
        "message": {"mid": message_id, "text": text},
    }


def messenger(*items: dict[str, Any], page: str = PAGE) -> bytes:
    """A page's delivery of these items."""
    return encoded({"object": "page", "entry": [{"id": page, "time": 1_790_000_000_500, "messaging": list(items)}]})
