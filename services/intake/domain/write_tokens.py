"""The right to go on with one form: a token that is bound to the form and its lead, expires, and is stored nowhere."""

import hmac
import re
from datetime import UTC, datetime
from uuid import UUID

from shared.kit.privacy import keyed_hash

_TOKEN = re.compile(r"([a-z0-9][a-z0-9_-]{0,63})\.([0-9a-z]{1,11})\.([0-9a-f]{32})", re.ASCII)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def make_token(key: str, form_key: str, lead_uuid: UUID, expires_at: datetime) -> str:
    """The token for a lead that a form has begun; the same for the same arguments. `key` is a secret of ours."""
    expires = _written(int(expires_at.timestamp()))
    return f"{form_key}.{expires}.{_proof(key, form_key, lead_uuid, expires)}"


def read_token(key: str, token: str, lead_uuid: UUID, now: datetime) -> str | None:
    """The key of the form that a token is for; None for one that is no token, another lead's, or expired."""
    found = _TOKEN.fullmatch(token)
    if found is None:
        return None
    form_key, expires, proof = found.groups()
    if not hmac.compare_digest(proof, _proof(key, form_key, lead_uuid, expires)):
        return None
    # Proven to be ours, so that it is a time that a datetime can be.
    return form_key if now < datetime.fromtimestamp(int(expires, 36), UTC) else None


def _proof(key: str, form_key: str, lead_uuid: UUID, expires: str) -> str:
    return keyed_hash(key, "form write token", form_key, str(lead_uuid), expires)


def _written(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text or "0"
