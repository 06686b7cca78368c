"""Form providers' deliveries: who signed them, and what makes one the same delivery again."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from services.intake.domain.form_rules import Provider
from services.intake.domain.values import as_id, as_mapping, as_text

DEFAULT_HEADER = "X-Leadline-Secret"
# Webflow: Working with webhooks, validating request signatures.
_WEBFLOW_VALID = timedelta(minutes=5)


def is_from(
    provider: Provider, headers: Mapping[str, str], raw: bytes, secret: str, now: datetime, header: str | None = None
) -> bool:
    """Whether a delivery is signed with our secret in the provider's way, over these very bytes; in constant time.

    `header` is where the generic provider sends the secret itself. Webflow signs the time as well: what is older
    than five minutes, or as far in the future, is no delivery of now.
    """
    if provider is Provider.GENERIC:
        return _equal(headers.get(header or DEFAULT_HEADER, ""), secret)
    key = secret.encode()
    if provider is Provider.TYPEFORM:
        return _equal(headers.get("typeform-signature", ""), f"sha256={_base64_mac(key, raw)}")
    if provider is Provider.TALLY:
        return _equal(headers.get("tally-signature", ""), _base64_mac(key, raw))
    timestamp = headers.get("x-webflow-timestamp", "")
    signed = hmac.new(key, timestamp.encode("latin-1", "replace") + b":" + raw, hashlib.sha256).hexdigest()
    return _equal(headers.get("x-webflow-signature", "").lower(), signed) and _is_recent(timestamp, now)


def delivery_id(provider: Provider, payload: Any) -> tuple[str, ...] | None:
    """What a provider calls the answers that it delivers, however often it does; None when it does not say."""
    told = as_mapping(payload)
    if provider is Provider.TYPEFORM:
        # Partial answers have the token that the whole ones will have.
        return _named(told.get("event_type"), as_mapping(told.get("form_response")).get("token"))
    if provider is Provider.TALLY:
        answers = as_mapping(told.get("data"))
        return _named(told.get("eventType"), answers.get("responseId") or answers.get("submissionId"))
    return _named(told.get("triggerType"), as_mapping(told.get("payload")).get("id"))


def _named(kind: Any, found: Any) -> tuple[str, ...] | None:
    name = as_id(found)
    return (as_text(kind) or "", name) if name else None


def _base64_mac(key: bytes, raw: bytes) -> str:
    return base64.b64encode(hmac.new(key, raw, hashlib.sha256).digest()).decode()


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode("utf-8", "replace"))


def _is_recent(timestamp: str, now: datetime) -> bool:
    """Whether a time in milliseconds since 1970 is about now."""
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 15):
        return False
    return abs(now.timestamp() * 1000 - int(timestamp)) <= _WEBFLOW_VALID.total_seconds() * 1000
