"""What a WhatsApp item says. The facts are Meta's (Cloud API webhooks), the effects are this project's."""

from collections.abc import Callable
from typing import Any

from services.intake.domain.adapters.whatsapp_sender import read_sender
from services.intake.domain.outcomes import LONGEST_TEXT, Arrival, Ignored, Inquiry, Outcome, Quarantined
from services.intake.domain.values import as_list, as_mapping, as_text, bounded, pick, read_instant
from shared.kit.text import UnreadableJson, parse_json

Said = tuple[str | None, dict[str, Any]]
Read = Callable[[dict[str, Any]], Said | Ignored | Quarantined]

_FIRST_AD_MESSAGE = 131060
_IGNORED_TYPES = frozenset(("reaction", "edit", "revoke", "system", "request_welcome", "call_permission_reply"))
_IGNORED_FIELDS = frozenset(
    (
        "account_alerts",
        "account_review_update",
        "account_settings_update",
        "account_update",
        "business_capability_update",
        "business_status_update",
        "calls",
        "flows",
        "history",
        "message_template_components_update",
        "message_template_quality_update",
        "message_template_status_update",
        "messages",
        "partner_solutions",
        "payment_configuration_update",
        "phone_number_name_update",
        "phone_number_quality_update",
        "security",
        "smb_app_state_sync",
        "smb_message_echoes",
        "template_category_update",
        "user_id_update",
        "user_preferences",
    )
)


def read_whatsapp(body: dict[str, Any], arrival: Arrival) -> Outcome:
    """Normalise one item that `split_whatsapp` made."""
    for member in ("dashboard_test", "empty"):
        if member in body:
            return Ignored(member)
    for member in ("status", "error", "echo"):
        if member in body:
            return Ignored(member)
    if "message" not in body:
        field = as_text(body.get("field"))
        return Ignored(field) if field in _IGNORED_FIELDS else Quarantined("unknown field")
    return _read_message(as_mapping(body["message"]), body, arrival)


def _read_message(message: dict[str, Any], body: dict[str, Any], arrival: Arrival) -> Outcome:
    kind = as_text(message.get("type"))
    if kind is None:
        return Quarantined("message without a type")
    if kind in _IGNORED_TYPES:
        return Ignored(kind)
    if message.get("group_id"):
        return Ignored("group")
    read = _READERS.get(kind)
    if read is None:
        return Quarantined("unknown message type")
    said = read(message)
    if isinstance(said, (Ignored, Quarantined)):
        return said
    text, content = said
    sender = read_sender(message, as_list(body.get("contacts")))
    if sender is None:
        return Quarantined("no sender")
    if message.get("context"):
        content["context"] = pick(as_mapping(message["context"]), "id", "forwarded", "frequently_forwarded")
    return Inquiry(
        kind=kind,
        sent_at=read_instant(message.get("timestamp"), arrival.received_at),
        sender=sender.sender,
        thread=sender.thread,
        text=text[:LONGEST_TEXT] if text else None,
        content=bounded(content),
        attribution=_attribution(message),
    )


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
    kind = as_text(interactive.get("type"))
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
    codes = {as_mapping(error).get("code") for error in errors}
    if as_mapping(message.get("referral")) or codes & {_FIRST_AD_MESSAGE, str(_FIRST_AD_MESSAGE)}:
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
