"""What somebody states about themselves in a field that anybody can fill."""

import re
from collections.abc import Callable

from services.intake.domain.adapters.claims import claims_of, merged
from shared.contracts.inquiries import Identity
from shared.contracts.words import Evidence, IdentityKind
from shared.kit.emails import read_email
from shared.kit.phones import parse_phone

# Between two numbers or addresses in one field, and around one behind a name.
_BETWEEN = re.compile(r"[,;/|<>\n]")


def stated_identities(phone: str | None, email: str | None, region: str | None) -> tuple[Identity, ...]:
    """What can be compared; a number or address that is none stays in the sender as it came.

    Of several in one field the first is stated, the others are claims: they may be somebody else's.
    """
    phones = _readable(phone, lambda text: _phone_key(text, region))
    emails = _readable(email, read_email)
    stated = [_stated(IdentityKind.PHONE, *found) for found in phones[:1]]
    stated += [_stated(IdentityKind.EMAIL, *found) for found in emails[:1]]
    claimed = claims_of([text for text, _ in phones[1:]], [text for text, _ in emails[1:]], region)
    return merged(stated, claimed)


def _readable(text: str | None, read: Callable[[str], str | None]) -> list[tuple[str, str]]:
    """The values in a field with their keys: the whole of it, or else those of its parts that can be read."""
    if not text:
        return []
    if key := read(text):
        return [(text, key)]
    parts = [part.strip() for part in _BETWEEN.split(text)]
    return [(part, key) for part in parts if part and part != text and (key := read(part))]


def _phone_key(text: str, region: str | None) -> str | None:
    phone = parse_phone(text, region)
    return phone.match_key if phone and phone.is_valid else None


def _stated(kind: IdentityKind, value: str, match_key: str) -> Identity:
    return Identity(kind=kind, value=value, match_key=match_key, evidence=Evidence.STATED)
