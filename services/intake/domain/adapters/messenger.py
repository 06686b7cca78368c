"""What a Messenger or Instagram item says. Facts from Meta's Messenger Platform, effects are this project's."""

from typing import Any

from services.intake.domain.deliveries.messenger import kind_of
from services.intake.domain.outcomes import LONGEST_TEXT, Arrival, Ignored, Inquiry, Outcome, Quarantined
from services.intake.domain.values import as_id, as_list, as_mapping, as_text, bounded, pick, read_instant
from shared.contracts.inquiries import Identity, Sender
from shared.contracts.words import Channel, Evidence, IdentityKind
from shared.kit.emails import read_email
from shared.kit.phones import parse_phone

_KINDS = frozenset(("message", "postback", "referral", "optin"))
_IGNORED_KINDS = frozenset(
    (
        "account_linking",
        "app_roles",
        "delivery",
        "empty",
        "message_edit",
        "message_request",
        "pass_thread_control",
        "policy_enforcement",
        "reaction",
        "read",
        "request_thread_control",
        "take_thread_control",
        "typing",
    )
)
_IGNORED_FIELDS = frozenset(("comments", "feed", "live_comments", "mention", "mentions", "ratings", "story_insights"))
_TEST_PAGE, _TEST_MESSAGE = "0", "random_mid"


def read_messenger(body: dict[str, Any], arrival: Arrival) -> Outcome:
    """Normalise one item that `split_messenger` made."""
    for member in ("dashboard_test", "empty", "standby"):
        if member in body:
            return Ignored(member)
    if "change" in body:
        return _read_change(as_mapping(body["change"]), arrival)
    event = as_mapping(body.get("messaging"))
    kind = kind_of(event)
    if kind in _IGNORED_KINDS:
        return Ignored(kind)
    if kind not in _KINDS:
        return Quarantined("unknown kind of event")
    subject = as_mapping(event.get(kind))
    sender_id = as_id(as_mapping(event.get("sender")).get("id"))
    if reason := _no_inquiry(kind, subject, sender_id, arrival):
        return Ignored(reason)
    if not subject:
        return Quarantined(f"{kind} without content")
    if sender_id is None:
        return Quarantined("no sender") if kind == "message" else Ignored("no sender id")
    return _inquiry(kind, subject, event, sender_id, arrival)


def _read_change(change: dict[str, Any], arrival: Arrival) -> Outcome:
    field = as_text(change.get("field"))
    if arrival.account == _TEST_PAGE:
        return Ignored("dashboard_test")
    if field == "leadgen":
        return Quarantined("lead ads have no adapter")
    return Ignored(field) if field in _IGNORED_FIELDS else Quarantined("unknown field")


def _no_inquiry(kind: str, subject: dict[str, Any], sender_id: str | None, arrival: Arrival) -> str | None:
    if subject.get("is_echo") is True or (sender_id is not None and sender_id == arrival.account):
        # Instagram's echoes come among the messages, and not all of them say that they are one.
        return "echo"
    if subject.get("is_deleted") is True:
        return "deleted"
    if arrival.account == _TEST_PAGE and kind == "message" and subject.get("mid") == _TEST_MESSAGE:
        return "dashboard_test"
    return None


def _inquiry(kind: str, subject: dict[str, Any], event: dict[str, Any], sender_id: str, arrival: Arrival) -> Inquiry:
    is_instagram = arrival.channel is Channel.INSTAGRAM
    own = Identity(
        kind=IdentityKind.INSTAGRAM_USER if is_instagram else IdentityKind.MESSENGER_USER,
        value=sender_id,
        match_key=sender_id,
        scope=arrival.account,
        evidence=Evidence.VERIFIED,
    )
    shared = _shared_address(subject) if kind == "message" else None
    text = as_text(subject.get("text")) or as_text(subject.get("title"))
    return Inquiry(
        kind=kind,
        sent_at=read_instant(event.get("timestamp"), arrival.received_at),
        sender=Sender(
            identities=(own, shared) if shared else (own,),
            phone=shared.value if shared and shared.kind is IdentityKind.PHONE else None,
            email=shared.value if shared and shared.kind is IdentityKind.EMAIL else None,
        ),
        thread=sender_id,
        text=text[:LONGEST_TEXT] if text else None,
        content=bounded(_content(kind, subject)),
        attribution=_attribution(kind, subject),
    )


def _content(kind: str, subject: dict[str, Any]) -> dict[str, Any]:
    if kind == "message":
        content = pick(subject, "quick_reply", "reply_to", "is_unsupported")
        if attachments := as_list(subject.get("attachments")):
            content["attachments"] = attachments
        return content
    return {name: value for name, value in subject.items() if name not in ("mid", "title", "referral")}


def _attribution(kind: str, subject: dict[str, Any]) -> dict[str, Any]:
    """The ad, link or plugin that led here; it has three homes, and `source` is open-ended."""
    referral = subject if kind == "referral" else as_mapping(subject.get("referral"))
    return {"referral": bounded(referral)} if referral else {}


def _shared_address(message: dict[str, Any]) -> Identity | None:
    """One's own phone or mail address, given by a `user_phone_number` or `user_email` quick reply.

    The webhook does not say which sort of quick reply it was: for these two the platform sends the same address
    as payload and as text, a phone with its plus. A payload that merely looks like a phone is the bot's own word.
    """
    payload = as_text(as_mapping(message.get("quick_reply")).get("payload"))
    if payload is None or payload != as_text(message.get("text")):
        return None
    if payload.strip().startswith("+") and (phone := parse_phone(payload)) and phone.is_valid:
        return Identity(kind=IdentityKind.PHONE, value=payload, match_key=phone.match_key, evidence=Evidence.VERIFIED)
    if email := read_email(payload):
        return Identity(kind=IdentityKind.EMAIL, value=payload, match_key=email, evidence=Evidence.VERIFIED)
    return None
