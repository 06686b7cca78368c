"""What somebody states about themselves in a field that anybody can fill."""

from shared.contracts.inquiries import Identity
from shared.contracts.words import Evidence, IdentityKind
from shared.kit.emails import read_email
from shared.kit.phones import parse_phone


def stated_identities(phone: str | None, email: str | None, region: str | None) -> tuple[Identity, ...]:
    """What can be compared; a number or address that is none stays in the sender as it came."""
    found = []
    read = parse_phone(phone, region) if phone else None
    if phone and read and read.is_valid:
        found.append(Identity(kind=IdentityKind.PHONE, value=phone, match_key=read.match_key, evidence=Evidence.STATED))
    address = read_email(email) if email else None
    if email and address:
        found.append(Identity(kind=IdentityKind.EMAIL, value=email, match_key=address, evidence=Evidence.STATED))
    return tuple(found)
