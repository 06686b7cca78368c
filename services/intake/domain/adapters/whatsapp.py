"""What a WhatsApp item says. The facts are Meta's (Cloud API webhooks), the effects are this project's."""

from collections.abc import Callable
from typing import Any

from services.intake.domain.adapters.claims import claims_in, claims_of, merged
from services.intake.domain.adapters.whatsapp_sender import WhatsAppSender, read_sender
from services.intake.domain.adapters.whatsapp_updates import (
    read_echo,
    read_edit,
    read_preference,
    read_status,
    read_system,
    read_user_id_update,
)
from services.intake.domain.outcomes import LONGEST_TEXT, Arrival, Ignored, Inquiry, OptOut, Outcome, Quarantined
from services.intake.domain.values import as_id, as_list, as_mapping, as_text, bounded, pick, read_instant
from services.intake.domain.wishes import Wish
from shared.contracts.inquiries import Identity
from shared.kit.text import UnreadableJson, parse_json

Said = tuple[str | None, dict[str, Any]]
Read = Callable[[dict[str, Any]], Said | Ignored | Quarantined]

# Meta: deliveries of the dashboard's test button.
_TEST_ENTRY = "0"
_FIRST_AD_MESSAGE = "131060"
_PLACEHOLDERS = frozenset(("unsupported", "unknown"))
_MOST_CARDS = 20
_REPLIES = ("button_reply", "list_reply", "nfm_reply")
_IGNORED_TYPES = frozenset(("reaction", "request_welcome", "call_permission_reply"))
# Types whose whole content is a few words of the sender, which may be STOP.
_WORDS_ONLY = frozenset(("text", "button", "interactive"))
_IGNORED_FIELDS = frozenset(
    (
        "account_alerts",
        "account_review_update",
        "account_settings_update",
        "account_update",
        "automatic_events",
        "business_capability_update",
        "business_status_update",
        "business_username_update",
        "calls",
        "flows",
        "group_lifecycle_update",
        "group_participants_update",
        "group_settings_update",
        "group_status_update",
        "history",
        "message_echoes",
        "message_template_components_update",
        "message_template_quality_update",
        "message_template_status_update",
        "messages",
        "messaging_handovers",
        "partner_solutions",
        "payment_configuration_update",
        "phone_number_name_update",
        "phone_number_quality_update",
        "security",
        "smb_app_state_sync",
        "smb_message_echoes",
        "standby",
        "template_category_update",
        "template_correct_category_detection",
        "tracking_events",
        "user_id_update",
        "user_preferences",
    )
)


def read_whatsapp(body: dict[str, Any], arrival: Arrival) -> Outcome:
    """Normalise one item that `split_whatsapp` made."""
    for member in ("dashboard_test", "empty"):
        if member in body:
            return Ignored(member)
    if body.get("entry") == _TEST_ENTRY:
        return Ignored("dashboard_test")
    for member, read in _OTHERS.items():
        if member in body:
            return read(as_mapping(body[member]), arrival)
    if "message" not in body:
        field = as_text(body.get("field"))
        return Ignored(field) if field in _IGNORED_FIELDS else Quarantined("unknown field")
    return _read_message(as_mapping(body["message"]), body, arrival)


_OTHERS: dict[str, Callable[[dict[str, Any], Arrival], Outcome]] = {
    "status": lambda status, _: read_status(status),
    "error": lambda *_: Ignored("error"),
    "echo": read_echo,
    "user_id_update": read_user_id_update,
    "user_preference": read_preference,
}


def _read_message(message: dict[str, Any], body: dict[str, Any], arrival: Arrival) -> Outcome:
    kind = as_text(message.get("type"))
    if kind is None:
        return Quarantined("message without a type")
    if message.get("group_id"):
        return Ignored("group")
    if kind in _IGNORED_TYPES:
        return Ignored(kind)
    if kind == "system":
        return read_system(message, arrival)
    if kind == "revoke":
        return read_edit(message, body, arrival, None)
    if kind == "edit":
        return _read_edit(message, body, arrival)
    said = _say(kind, message)
    if isinstance(said, (Ignored, Quarantined)):
        return said
    text, content = said
    sender = read_sender(message, as_list(body.get("contacts")), _claims(kind, text, message))
    if sender is None:
        return Quarantined("no sender")
    return _inquiry(kind, text, content, message, sender, arrival)


def _inquiry(
    kind: str, text: str | None, content: dict[str, Any], message: dict[str, Any], who: WhatsAppSender, arrival: Arrival
) -> Inquiry | OptOut:
    sent_at = read_instant(message.get("timestamp"), arrival.received_at)
    wish = arrival.wishes.read(text) if kind in _WORDS_ONLY else None
    if wish is Wish.STOP:
        return OptOut(sent_at=sent_at, sender=who.sender, thread=who.thread, is_opted_out=True, origin="message")
    if message.get("context"):
        content["context"] = pick(as_mapping(message["context"]), "id", "forwarded", "frequently_forwarded")
    message_id = as_id(message.get("id"))
    return Inquiry(
        kind=kind,
        sent_at=sent_at,
        sender=who.sender,
        thread=who.thread,
        text=text[:LONGEST_TEXT] if text else None,
        content=bounded(content),
        attribution=_attribution(message),
        stands_for=("message", message_id) if kind in _PLACEHOLDERS and message_id else None,
        takes_back_opt_out=wish is Wish.START,
    )


def _say(kind: str, message: dict[str, Any]) -> Said | Ignored | Quarantined:
    read = _READERS.get(kind)
    return read(message) if read else Quarantined("unknown message type")


def _read_edit(message: dict[str, Any], body: dict[str, Any], arrival: Arrival) -> Outcome:
    """What an edit says now is a message within it; one that is no longer told leaves nothing to change."""
    inner = as_mapping(as_mapping(message.get("edit")).get("message"))
    kind = as_text(inner.get("type"))
    if kind is None:
        return Quarantined("edit without a message")
    said = _say(kind, inner)
    if isinstance(said, (Ignored, Quarantined)):
        return said
    text, content = said
    return read_edit(message, body, arrival, (text[:LONGEST_TEXT] if text else None, bounded(content)))


def _claims(kind: str, text: str | None, message: dict[str, Any]) -> tuple[Identity, ...]:
    """Addresses that the sender writes about; those on other people's cards are as little their own."""
    sender_phone = as_id(message.get("from"))
    claims = claims_in(text, f"+{sender_phone}" if sender_phone else None)
    if kind != "contacts":
        return claims
    cards = [as_mapping(card) for card in as_list(message.get("contacts"))]
    others = [card for card in cards if card.get("origin") != "contact_request"][:_MOST_CARDS]
    phones = [as_mapping(entry) for card in others for entry in as_list(card.get("phones"))]
    emails = [as_mapping(entry) for card in others for entry in as_list(card.get("emails"))]
    numbers = [f"+{wa_id}" if (wa_id := as_id(one.get("wa_id"))) else as_id(one.get("phone")) for one in phones]
    addresses = [as_text(one.get("email")) for one in emails]
    return merged(claims, claims_of(filter(None, numbers), filter(None, addresses)))


def _attribution(message: dict[str, Any]) -> dict[str, Any]:
    """The ad or post that led here. `source_id` is the ad's id and never the click's; `ctwa_clid` may be absent."""
    found: dict[str, Any] = {}
    if referral := as_mapping(message.get("referral")):
        found["referral"] = referral
    context = as_mapping(message.get("context"))
    if product := as_mapping(context.get("referred_product")):
        found["referred_product"] = product
    kept: dict[str, Any] = bounded(found)
    return kept


def _text(message: dict[str, Any]) -> Said | Quarantined:
    body = as_mapping(message.get("text")).get("body")
    return (body, {}) if isinstance(body, str) else Quarantined("text without a body")


def _button(message: dict[str, Any]) -> Said | Quarantined:
    button = as_mapping(message.get("button"))
    if not button:
        return Quarantined("button without a button")
    return as_text(button.get("text")), {"button": pick(button, "text", "payload")}


def _interactive(message: dict[str, Any]) -> Said | Ignored | Quarantined:
    interactive = as_mapping(message.get("interactive"))
    kind = as_text(interactive.get("type")) or next((one for one in _REPLIES if interactive.get(one)), None)
    if not interactive:
        # Seen where the platform could not build the payload: somebody did answer.
        return None, {}
    if kind == "call_permission_reply":
        return Ignored(kind)
    if kind in ("button_reply", "list_reply"):
        reply = as_mapping(interactive.get(kind))
        return as_text(reply.get("title")), {kind: pick(reply, "id", "title", "description")}
    if kind == "nfm_reply":
        return _flow(as_mapping(interactive.get("nfm_reply")))
    return Quarantined("unknown interactive type")


def _flow(reply: dict[str, Any]) -> Said:
    """A completed flow. Its answers are JSON in a text, under names of the flow's author, and may be invalid."""
    answers = reply.get("response_json")
    content: dict[str, Any] = pick(reply, "name")
    if isinstance(answers, str):
        try:
            content["response"] = parse_json(answers.encode("utf-8", "replace"))
        except UnreadableJson:
            content["unreadable_response"] = answers
    elif isinstance(answers, dict):
        content["response"] = answers
    return as_text(reply.get("body")), {"nfm_reply": content}


def _media(message: dict[str, Any]) -> Said:
    kind = str(message["type"])
    media = as_mapping(message.get(kind))
    content: dict[str, Any] = {kind: media}
    if errors := as_list(message.get("errors")):
        content["errors"] = errors
    return as_text(media.get("caption")), content


def _location(message: dict[str, Any]) -> Said:
    location = as_mapping(message.get("location"))
    words = [as_text(location.get("name")), as_text(location.get("address"))]
    return ", ".join(word for word in words if word) or None, {"location": location}


def _order(message: dict[str, Any]) -> Said:
    order = as_mapping(message.get("order"))
    return as_text(order.get("text")), {"order": order}


def _contacts(message: dict[str, Any]) -> Said:
    return None, {"contacts": as_list(message.get("contacts"))}


def _unsupported(message: dict[str, Any]) -> Said | Ignored:
    """What the platform cannot pass on; an inquiry only where an ad's first message hides behind it."""
    errors = as_list(message.get("errors"))
    codes = {as_id(as_mapping(error).get("code")) for error in errors}
    if as_mapping(message.get("referral")) or _FIRST_AD_MESSAGE in codes:
        return None, {"errors": errors}
    return Ignored("unsupported")


_READERS: dict[str, Read] = {
    "text": _text,
    "button": _button,
    "interactive": _interactive,
    "image": _media,
    "video": _media,
    "audio": _media,
    "voice": _media,
    "document": _media,
    "sticker": _media,
    "location": _location,
    "order": _order,
    "contacts": _contacts,
    "unsupported": _unsupported,
    "unknown": _unsupported,
}
