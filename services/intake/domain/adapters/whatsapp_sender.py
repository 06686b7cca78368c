"""Who wrote a WhatsApp message: a phone, a business-scoped id, or both."""

import re
from dataclasses import dataclass
from typing import Any

from services.intake.domain.values import as_id, as_list, as_mapping, as_text
from shared.contracts.inquiries import Identity, Sender
from shared.contracts.words import Evidence, IdentityKind
from shared.kit.phones import Phone, parse_phone, parse_wa_id

# Meta: business-scoped user ids, `CC.` and up to 128 alphanumerics; those of a parent portfolio `CC.ENT.…`.
_SCOPED_ID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9_-]{1,128}")
_MOST_IDENTITIES = 10


@dataclass(frozen=True, slots=True)
class WhatsAppSender:
    """A sender, and the id that names the thread: the scoped one, which survives when the phone is hidden."""

    sender: Sender
    thread: str


def read_sender(
    message: dict[str, Any], contacts: list[Any], claims: tuple[Identity, ...] = ()
) -> WhatsAppSender | None:
    """The sender of a message with the contact that belongs to it by id; None when there is no usable id.

    `claims` are what the message says about somebody's addresses; they identify nobody.
    """
    contact = _contact_of(message, [as_mapping(contact) for contact in contacts])
    phone = _phone_of(as_id(message.get("from"))) or _phone_of(as_id(contact.get("wa_id")))
    scoped = _scoped_ids(message, contact)
    shared_phones = _shared_phones(message)
    identities = _identities(([phone] if phone else []) + shared_phones, scoped)
    if not identities:
        return None
    known = {(one.kind, one.match_key) for one in identities}
    profile = as_mapping(contact.get("profile"))
    name = as_text(profile.get("name"))
    sender = Sender(
        identities=(*identities, *(one for one in claims if (one.kind, one.match_key) not in known)),
        profile_name=name[:200] if name else None,
        phone=phone[1].e164 if phone else shared_phones[0][1].e164 if shared_phones else None,
    )
    return WhatsAppSender(sender, thread=_thread(identities))


def read_person(*ids: Any) -> WhatsAppSender | None:
    """The person with these ids, each a wa_id or a scoped one, whichever it is; None when none is usable."""
    found = [found for value in ids if (found := as_id(value))]
    phones = [phone for value in found if (phone := _phone_of(value))]
    scoped = [value for value in found if _SCOPED_ID.fullmatch(value)]
    identities = _identities(phones, scoped)
    if not identities:
        return None
    sender = Sender(identities=identities, phone=phones[0][1].e164 if phones else None)
    return WhatsAppSender(sender, thread=_thread(identities))


def _identities(phones: list[tuple[str, Phone]], scoped: list[str]) -> tuple[Identity, ...]:
    identities: dict[tuple[str, str], Identity] = {}
    for value, phone in phones:
        key = (IdentityKind.PHONE, phone.match_key)
        identities.setdefault(
            key,
            Identity(kind=IdentityKind.PHONE, value=value, match_key=phone.match_key, evidence=Evidence.VERIFIED),
        )
    for scoped_id in scoped:
        # No scope: the id belongs to the whole portfolio, which may own several of our accounts.
        identities[(IdentityKind.WHATSAPP_USER, scoped_id)] = Identity(
            kind=IdentityKind.WHATSAPP_USER, value=scoped_id, match_key=scoped_id, evidence=Evidence.VERIFIED
        )
    return tuple(identities.values())[:_MOST_IDENTITIES]


def _thread(identities: tuple[Identity, ...]) -> str:
    """The scoped id if there is one, the first of them, else the phone."""
    scoped = (one.match_key for one in identities if one.kind is IdentityKind.WHATSAPP_USER)
    return next(scoped, identities[0].match_key)


def _contact_of(message: dict[str, Any], contacts: list[dict[str, Any]]) -> dict[str, Any]:
    """The contact with one of the message's ids, never by position; the only one if the message has no id."""
    phone, scoped = as_id(message.get("from")), as_id(message.get("from_user_id"))
    for contact in contacts:
        listed_phone, listed_scoped = as_id(contact.get("wa_id")), as_id(contact.get("user_id"))
        # A scoped id is seen in `from` too.
        if (phone and phone in (listed_phone, listed_scoped)) or (scoped and scoped == listed_scoped):
            return contact
    sent_from = parse_wa_id(phone) if phone else None
    for contact in contacts:
        listed = parse_wa_id(as_id(contact.get("wa_id")) or "")
        # Brazilian and Mexican numbers come in both spellings, sometimes within one delivery.
        if sent_from and listed and sent_from.match_key == listed.match_key:
            return contact
    if phone is None and scoped is None and len(contacts) == 1:
        return contacts[0]
    return {}


def _phone_of(wa_id: str | None) -> tuple[str, Phone] | None:
    phone = parse_wa_id(wa_id) if wa_id else None
    return (wa_id, phone) if wa_id and phone else None


def _scoped_ids(message: dict[str, Any], contact: dict[str, Any]) -> list[str]:
    sent_from = as_id(message.get("from"))
    ids = (
        as_id(message.get("from_user_id")),
        as_id(contact.get("user_id")),
        sent_from if sent_from and _SCOPED_ID.fullmatch(sent_from) else None,
        as_id(message.get("from_parent_user_id")),
        as_id(contact.get("parent_user_id")),
    )
    return list(dict.fromkeys(found for found in ids if found))


def _shared_phones(message: dict[str, Any]) -> list[tuple[str, Phone]]:
    """The sender's own numbers, given on our request; cards with any other origin are somebody else's."""
    if message.get("type") != "contacts":
        return []
    found = []
    for card in as_list(message.get("contacts")):
        if as_mapping(card).get("origin") != "contact_request":
            continue
        for entry in as_list(as_mapping(card).get("phones")):
            wa_id, typed = as_id(as_mapping(entry).get("wa_id")), as_id(as_mapping(entry).get("phone"))
            phone = (parse_wa_id(wa_id) if wa_id else None) or (parse_phone(typed) if typed else None)
            # Anybody may write a card: unlike a sender's id, the platform does not vouch for what is on it.
            if phone and phone.is_valid:
                found.append((wa_id or typed or "", phone))
    return found
