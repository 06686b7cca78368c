"""Sessions: a random token in a cookie, of which the database knows the hash only."""

import hashlib
import hmac
import secrets
from datetime import timedelta

LIFETIME = timedelta(hours=12)
IDLE = timedelta(hours=2)
SEEN_EVERY = timedelta(minutes=1)


def new_token() -> str:
    """A token that nobody can guess: 256 random bits."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def form_token(session_token: str) -> str:
    """What a form of this session carries, so that no other site can send it."""
    return hmac.digest(session_token.encode("utf-8", "replace"), b"form", "sha256").hex()


def same(one: str, other: str) -> bool:
    """Whether two secrets are equal, without telling by time how far; two empty ones are not."""
    return bool(one) and hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))
