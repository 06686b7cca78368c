"""The signature of a platform's webhook."""

import hmac
from collections.abc import Sequence

_SCHEME = b"sha256="


def is_signed(header: bytes | None, body: bytes, secrets: Sequence[bytes]) -> bool:
    """Whether `X-Hub-Signature-256` holds the HMAC-SHA256 of these very bytes under one of our apps' secrets.

    Meta signs the bytes as sent, escapes included, so that a body which was parsed and written again would fail.
    Each secret is compared in constant time, and all of them always are.
    """
    if not header or not header.startswith(_SCHEME):
        return False
    given = header[len(_SCHEME) :].lower()
    matches = [hmac.compare_digest(hmac.digest(secret, body, "sha256").hex().encode(), given) for secret in secrets]
    return any(matches)
