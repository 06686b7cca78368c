"""Mail addresses as people type them, and the key under which two spellings are the same address."""

import re
import unicodedata

_LONGEST = 254
_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\\\"]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_][\w-]{0,61}[^\W_]")


def read_email(text: str) -> str | None:
    """The match key of an address, which is its lower case; None when this is no address."""
    address = unicodedata.normalize("NFKC", text).strip().removeprefix("mailto:").rstrip(".").lower()
    if len(address) > _LONGEST or not _ADDRESS.fullmatch(address):
        return None
    return address
