"""WhatsApp items that change what is there already: edits, new numbers and ids, echoes, preferences.

Facts from Meta's Cloud API (webhooks `messages`, `smb_message_echoes`, `user_id_update`, `user_preferences`).
"""

import re
from typing import Any

from services.intake.domain.adapters.whatsapp_sender import WhatsAppSender, read_person, read_sender
from services.intake.domain.outcomes import (
    Arrival,
    Edit,
    IdentityChange,
    Ignored,
    OptOut,
    Outcome,
    Quarantined,
    Response,
)
from services.intake.domain.values import as_id, as_list, as_mapping, as_text, read_instant

_SENTENCE = re.compile(r"(\S+) to (\S+?)\.?\s*")
_PREFERENCES = {"stop": True, "resume": False, "signup": False}
_SILENT_ECHOES = frozenset(("edit", "reaction", "revoke", "system", "unsupported"))
_STATUSES = frozenset(("deleted", "delivered", "failed", "played", "read", "sent", "warning"))


def read_status(status: dict[str, Any]) -> Ignored:
    """What became of a message of ours: no lead, but which kind it was can be filtered by."""
    kind = as_text(status.get("status"))
    return Ignored(f"status:{kind}" if kind in _STATUSES else "status")


def read_edit(
    message: dict[str, Any], body: dict[str, Any], arrival: Arrival, said: tuple[str | None, dict[str, Any]] | None
) -> Outcome:
    """An edit, with what the message says now, or a revoke, with None; both name the message that they change."""
    kind = str(message["type"])
    target = as_id(as_mapping(message.get(kind)).get("original_message_id"))
    if target is None:
        return Quarantined(f"{kind} without a target")
    sender = read_sender(message, as_list(body.get("contacts")))
    if sender is None:
        return Quarantined("no sender")
    text, content = said or (None, None)
    return Edit(
        sent_at=read_instant(message.get("timestamp"), arrival.received_at),
        sender=sender.sender,
        thread=sender.thread,
        target=("message", target),
        is_revoked=said is None,
        text=text,
        content=content,
    )


def read_system(message: dict[str, Any], arrival: Arrival) -> Outcome:
    """WhatsApp tells something about the sender. A new security code (`customer_identity_changed`) moves nobody."""
    system = as_mapping(message.get("system"))
    kind = as_text(system.get("type"))
    if kind == "customer_identity_changed":
        return Ignored(f"system:{kind}")
    if kind not in ("user_changed_number", "customer_changed_number", "user_changed_user_id"):
        return Quarantined("unknown system message")
    current = read_person(
        system.get("wa_id") or system.get("new_wa_id"), system.get("user_id"), system.get("parent_user_id")
    )
    before = [message.get("from_user_id")]
    before += (
        [_named_before(system)] if kind == "user_changed_user_id" else [message.get("from"), system.get("customer")]
    )
    previous = read_person(*before)
    if current is None or previous is None:
        return Quarantined(f"{kind} without both ids")
    return _change(previous, current, message.get("timestamp"), arrival)


def _named_before(system: dict[str, Any]) -> str | None:
    """The id that ended, which this message tells in its sentence only: `… changed from <id> to <id>`."""
    sentence, current = as_text(system.get("body")), as_id(system.get("user_id"))
    found = _SENTENCE.fullmatch(sentence.rsplit(" from ", 1)[-1]) if sentence and current else None
    return found[1] if found and found[2] == current else None


def read_user_id_update(update: dict[str, Any], arrival: Arrival) -> Outcome:
    """A scoped id rotated; the phone, where it is told, stays the same person's."""
    ids, parents = as_mapping(update.get("user_id")), as_mapping(update.get("parent_user_id"))
    current = read_person(ids.get("current"), parents.get("current"), update.get("wa_id"))
    previous = read_person(ids.get("previous"), parents.get("previous"))
    if current is None or previous is None:
        return Quarantined("user_id_update without both ids")
    return _change(previous, current, update.get("timestamp"), arrival)


def _change(previous: WhatsAppSender, current: WhatsAppSender, timestamp: Any, arrival: Arrival) -> Outcome:
    now = {(one.kind, one.match_key) for one in current.sender.identities}
    ended = tuple(one for one in previous.sender.identities if (one.kind, one.match_key) not in now)
    if not ended:
        return Ignored("nothing changed")
    # The thread of the past: what the person sent before the change is published in order with it.
    return IdentityChange(
        sent_at=read_instant(timestamp, arrival.received_at),
        sender=current.sender,
        thread=previous.thread,
        previous=ended,
    )


def read_preference(preference: dict[str, Any], arrival: Arrival) -> Outcome:
    """Somebody stopped or resumed marketing messages in WhatsApp itself."""
    is_opted_out = _PREFERENCES.get(as_text(preference.get("value")) or "")
    if is_opted_out is None:
        return Quarantined("unknown preference")
    who = read_person(preference.get("user_id"), preference.get("parent_user_id"), preference.get("wa_id"))
    if who is None:
        return Quarantined("no sender")
    return OptOut(
        sent_at=read_instant(preference.get("timestamp"), arrival.received_at),
        sender=who.sender,
        thread=who.thread,
        is_opted_out=is_opted_out,
        origin="preference",
    )


def read_echo(echo: dict[str, Any], arrival: Arrival) -> Outcome:
    """What the business wrote from its phone; taking back, reacting or writing to a group is no response."""
    kind = as_text(echo.get("type"))
    if kind in _SILENT_ECHOES:
        return Ignored(f"echo:{kind}")
    if echo.get("group_id"):
        return Ignored("echo:group")
    who = read_person(echo.get("to_user_id"), echo.get("to_parent_user_id"), echo.get("to"))
    if who is None:
        return Quarantined("echo without a recipient")
    return Response(
        sent_at=read_instant(echo.get("timestamp"), arrival.received_at), sender=who.sender, thread=who.thread
    )
