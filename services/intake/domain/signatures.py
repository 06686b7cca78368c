"""The signature of a platform's webhook."""

import hmac
import re
from collections.abc import Sequence

_HEADER = re.compile(rb"sha256=([0-9a-fA-F]{64})")


def is_signed(header: bytes | None, body: bytes, secrets: Sequence[bytes]) -> bool:
    """Whether `X-Hub-Signature-256` holds the HMAC-SHA256 of these very bytes under one of our apps' secrets.

    Meta signs the bytes as sent, escapes included, so that a body which was parsed and written again would fail.
    Each secret is compared in constant time, and all of them always are.
    """
    found = _HEADER.fullmatch(header) if header else None
    if found is None:
        return False
    given = bytes.fromhex(found[1].decode())
    matches = [hmac.compare_digest(hmac.digest(secret, body, "sha256"), given) for secret in secrets]
    return any(matches)
