"""Phones and mail addresses that somebody writes about: a claim, by which two people may become candidates.

Reading is cheap for a text without any, since every message passes here.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

import phonenumbers

from shared.contracts.inquiries import Identity
from shared.contracts.words import Evidence, IdentityKind
from shared.kit.emails import read_email
from shared.kit.phones import parse_phone

_READ = 2000
_MOST = 3
_PHONE = re.compile(r"(?<![\w.+/-])\+?\(?\d(?:[ ().-]{0,2}\d){6,16}(?![\w/])")
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\"]{1,64}@[^\s@<>()\[\],;:\"]{3,200}")


def claims_in(text: str | None, sender_phone: str | None = None) -> tuple[Identity, ...]:
    """The addresses in a free text; a national number is read in the region of the sender's own."""
    if not text:
        return ()
    text = text[:_READ]
    phones = _PHONE.findall(text)
    emails = _EMAIL.findall(text) if "@" in text else []
    if not (phones or emails):
        return ()
    region = _region(sender_phone) if phones and sender_phone else None
    return claims_of(phones, emails, region)


def claims_of(phones: Iterable[str], emails: Iterable[str], region: str | None = None) -> tuple[Identity, ...]:
    """Claims of what can be read as a valid number or an address, a few of each."""
    found = [_claim(IdentityKind.PHONE, text, key) for text in phones if (key := _phone_key(text, region))][:_MOST]
    found += [_claim(IdentityKind.EMAIL, text, key) for text in emails if (key := read_email(text.rstrip(".!?")))][
        :_MOST
    ]
    return tuple({(one.kind, one.match_key): one for one in found}.values())


def merged(*groups: Sequence[Identity]) -> tuple[Identity, ...]:
    """Identities without those that are there already, in their order: the first evidence counts."""
    found: dict[tuple[str, str, str], Identity] = {}
    for group in groups:
        for one in group:
            found.setdefault((one.kind, one.scope, one.match_key), one)
    return tuple(found.values())


def _claim(kind: IdentityKind, value: str, match_key: str) -> Identity:
    return Identity(kind=kind, value=value, match_key=match_key, evidence=Evidence.CLAIMED)


def _phone_key(text: str, region: str | None) -> str | None:
    phone = parse_phone(text, region)
    return phone.match_key if phone and phone.is_valid else None


@lru_cache(maxsize=4096)
def _region(e164: str) -> str | None:
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(e164))
    except phonenumbers.NumberParseException:
        return None
