"""What colleagues and other systems write down about a person: stated evidence."""

from shared.contracts.inquiries import Identity
from shared.contracts.words import Evidence, IdentityKind
from shared.kit.emails import read_email
from shared.kit.phones import parse_phone


def stated_identities(phone: str | None, email: str | None, region: str | None) -> tuple[Identity, ...]:
    """The addresses that can be read; `region` reads national numbers. What cannot be read identifies nobody."""
    found = [(IdentityKind.PHONE, phone, phone_key(phone, region)), (IdentityKind.EMAIL, email, email_key(email))]
    return tuple(
        Identity(kind=kind, value=text, match_key=key, evidence=Evidence.STATED)
        for kind, text, key in found
        if text and key
    )


def phone_key(text: str | None, region: str | None) -> str | None:
    """What a phone is compared by; None for one that cannot be read or that no plan has room for."""
    phone = parse_phone(text, region) if text else None
    return phone.match_key if phone is not None and phone.is_valid else None


def email_key(text: str | None) -> str | None:
    """What a mail address is compared by; None for what is none."""
    return read_email(text) if text else None
