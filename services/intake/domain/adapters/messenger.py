"""What a Messenger or Instagram item says. Facts from Meta's Messenger Platform, effects are this project's."""

from typing import Any

from services.intake.domain.adapters.claims import claims_in, merged
from services.intake.domain.deliveries.messenger import kind_of
from services.intake.domain.outcomes import (
    LONGEST_TEXT,
    Arrival,
    Edit,
    Ignored,
    Inquiry,
    OptOut,
    Outcome,
    Quarantined,
    Response,
)
from services.intake.domain.values import as_id, as_list, as_mapping, as_text, bounded, pick, read_instant
from services.intake.domain.wishes import Wish
from shared.contracts.inquiries import Identity, Sender
from shared.contracts.words import Channel, Evidence, IdentityKind
from shared.kit.emails import read_email
from shared.kit.phones import parse_phone

_KINDS = frozenset(("message", "message_edit", "postback", "referral", "optin"))
_IGNORED_KINDS = frozenset(
    (
        "account_linking",
        "app_roles",
        "delivery",
        "empty",
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
# Meta: deliveries of the dashboard's test button.
_TEST_PAGE = "0"
_TEST_MESSAGE = ("12334", "random_mid")
# Meta: `notification_messages_status` of an opt-in for recurring notifications; some pages of theirs write spaces.
_NOTIFICATIONS = {"STOP_NOTIFICATIONS": True, "RESUME_NOTIFICATIONS": False}


def read_messenger(body: dict[str, Any], arrival: Arrival) -> Outcome:
    """Normalise one item that `split_messenger` made."""
    for member in ("dashboard_test", "empty", "standby"):
        if member in body:
            return Ignored(member)
    if "change" in body:
        return _read_change(as_mapping(body["change"]), arrival)
    event = as_mapping(body.get("messaging"))
    kind = kind_of(event)
    if kind != "empty" and arrival.account == _TEST_PAGE:
        return Ignored("dashboard_test")
    if kind in _IGNORED_KINDS:
        return Ignored(kind)
    return _read_event(kind, event, arrival) if kind in _KINDS else Quarantined("unknown kind of event")


def _read_event(kind: str, event: dict[str, Any], arrival: Arrival) -> Outcome:
    subject = as_mapping(event.get(kind))
    sender_id = as_id(as_mapping(event.get("sender")).get("id"))
    if (sender_id, subject.get("mid")) == _TEST_MESSAGE:
        return Ignored("dashboard_test")
    if subject.get("is_echo") is True or (sender_id is not None and sender_id == arrival.account):
        # Instagram's echoes come among the messages, and not all of them say that they are one.
        return _read_echo(kind, subject, event, arrival)
    if not subject:
        return Quarantined(f"{kind} without content")
    if kind == "message_edit" and as_text(subject.get("text")) is None:
        # Instagram is seen to announce new messages so, with `num_edit` 0: taken for an edit it would empty them.
        return Ignored("edit without text")
    if sender_id is None:
        return Quarantined("no sender") if kind in ("message", "message_edit") else Ignored("no sender id")
    if kind == "message_edit" or subject.get("is_deleted") is True:
        return _read_edit(subject, event, sender_id, arrival)
    if kind == "optin" and (is_opted_out := _is_opted_out(subject)) is not None:
        return OptOut(
            sent_at=read_instant(event.get("timestamp"), arrival.received_at),
            sender=Sender(identities=(_person(sender_id, arrival),)),
            thread=sender_id,
            is_opted_out=is_opted_out,
            origin="preference",
        )
    return _inquiry(kind, subject, event, sender_id, arrival)


def _read_change(change: dict[str, Any], arrival: Arrival) -> Outcome:
    field = as_text(change.get("field"))
    if arrival.account == _TEST_PAGE:
        return Ignored("dashboard_test")
    if field == "leadgen":
        return Quarantined("leadgen without an id")
    return Ignored(field) if field in _IGNORED_FIELDS else Quarantined("unknown field")


def _read_echo(kind: str, subject: dict[str, Any], event: dict[str, Any], arrival: Arrival) -> Outcome:
    """What we wrote; changing it or taking it back is no response."""
    if kind == "message_edit":
        return Ignored("echo:edit")
    if subject.get("is_deleted") is True:
        return Ignored("echo:deleted")
    recipient = as_id(as_mapping(event.get("recipient")).get("id"))
    if recipient is None or recipient == arrival.account:
        return Ignored("echo")
    return Response(
        sent_at=read_instant(event.get("timestamp"), arrival.received_at),
        sender=Sender(identities=(_person(recipient, arrival),)),
        thread=recipient,
    )


def _read_edit(subject: dict[str, Any], event: dict[str, Any], sender_id: str, arrival: Arrival) -> Outcome:
    """A message was changed, or taken back, under its own id."""
    mid, is_revoked = as_id(subject.get("mid")), subject.get("is_deleted") is True
    text = as_text(subject.get("text"))
    if mid is None:
        return Quarantined("edit without a target")
    return Edit(
        sent_at=read_instant(event.get("timestamp"), arrival.received_at),
        sender=Sender(identities=(_person(sender_id, arrival),)),
        thread=sender_id,
        target=("mid", mid),
        is_revoked=is_revoked,
        text=text[:LONGEST_TEXT] if text and not is_revoked else None,
    )


def _is_opted_out(optin: dict[str, Any]) -> bool | None:
    """Whether a person stopped or resumed recurring notifications; None for every other opt-in."""
    status = as_text(optin.get("notification_messages_status"))
    return _NOTIFICATIONS.get("_".join(status.upper().split())) if status else None


def _person(scoped_id: str, arrival: Arrival) -> Identity:
    is_instagram = arrival.channel is Channel.INSTAGRAM
    return Identity(
        kind=IdentityKind.INSTAGRAM_USER if is_instagram else IdentityKind.MESSENGER_USER,
        value=scoped_id,
        match_key=scoped_id,
        scope=arrival.account,
        evidence=Evidence.VERIFIED,
    )


def _inquiry(
    kind: str, subject: dict[str, Any], event: dict[str, Any], sender_id: str, arrival: Arrival
) -> Inquiry | OptOut:
    own = _person(sender_id, arrival)
    shared = _shared_address(subject) if kind == "message" else None
    text = as_text(subject.get("text")) or as_text(subject.get("title"))
    sent_at = read_instant(event.get("timestamp"), arrival.received_at)
    claims = claims_in(text) if kind == "message" else ()
    sender = Sender(
        identities=merged([own], [shared] if shared else [], claims),
        phone=shared.value if shared and shared.kind is IdentityKind.PHONE else None,
        email=shared.value if shared and shared.kind is IdentityKind.EMAIL else None,
    )
    wish = arrival.wishes.read(text) if not _attachments(subject) else None
    if wish is Wish.STOP:
        return OptOut(sent_at=sent_at, sender=sender, thread=sender_id, is_opted_out=True, origin="message")
    return Inquiry(
        kind=kind,
        sent_at=sent_at,
        sender=sender,
        thread=sender_id,
        text=text[:LONGEST_TEXT] if text else None,
        content=bounded(_content(kind, subject)),
        attribution=_attribution(kind, subject, event),
        takes_back_opt_out=wish is Wish.START,
    )


def _content(kind: str, subject: dict[str, Any]) -> dict[str, Any]:
    if kind == "message":
        content = pick(subject, "quick_reply", "reply_to", "is_unsupported")
        if attachments := _attachments(subject):
            content["attachments"] = attachments
        return content
    return {name: value for name, value in subject.items() if name not in ("mid", "title", "referral")}


def _attachments(message: dict[str, Any]) -> list[Any]:
    attachments = message.get("attachments")
    return [attachments] if attachments and isinstance(attachments, dict) else as_list(attachments)


def _attribution(kind: str, subject: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
    """The ad, link or plugin that led here; it has three homes, may stand beside them, and `source` is open-ended."""
    referral = subject if kind == "referral" else as_mapping(subject.get("referral") or event.get("referral"))
    return {"referral": bounded(referral)} if referral else {}


def _shared_address(message: dict[str, Any]) -> Identity | None:
    """One's own phone or mail address, given by a `user_phone_number` or `user_email` quick reply.

    The webhook does not say which sort of quick reply it was: for these two the platform sends the same address
    as payload and as text, a phone with its plus, each in a spelling of its own. A payload that merely looks like a
    phone is the bot's own word.
    """
    payload, shown = as_text(as_mapping(message.get("quick_reply")).get("payload")), as_text(message.get("text"))
    if payload is None or shown is None:
        return None
    if payload.strip().startswith("+") and (phone := parse_phone(payload)) and phone.is_valid:
        same = parse_phone(shown)
        if same is None or same.match_key != phone.match_key:
            return None
        return Identity(kind=IdentityKind.PHONE, value=payload, match_key=phone.match_key, evidence=Evidence.VERIFIED)
    email = read_email(payload)
    if email is None or email != read_email(shown):
        return None
    return Identity(kind=IdentityKind.EMAIL, value=payload, match_key=email, evidence=Evidence.VERIFIED)
