"""Keyed hashes, so that a phone number or a message id never is a key in the clear."""

import hmac


def keyed_hash(key: str, *parts: str) -> str:
    """The first 128 bits of HMAC-SHA256 over the parts, as 32 hex digits.

    Each part is preceded by its length, so that ("ab", "c") and ("a", "bc") differ.
    """
    encoded = [part.encode("utf-8", "replace") for part in parts]
    message = b"".join([len(raw).to_bytes(4, "big") + raw for raw in encoded])
    return hmac.digest(key.encode(), message, "sha256")[:16].hex()
