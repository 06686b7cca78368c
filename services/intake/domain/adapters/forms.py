"""What a web form says."""

import re
from datetime import datetime
from typing import Any

from services.intake.domain.adapters.form_answers import AnswersUnknown, answered_at, is_whole, read_answers
from services.intake.domain.adapters.stated import stated_identities
from services.intake.domain.field_names import REDIRECT_FIELD, read_name
from services.intake.domain.form_rules import EXPERIENCE_FIELDS, Provider
from services.intake.domain.forms import FieldRefused, as_told, check_fields
from services.intake.domain.outcomes import LONGEST_TEXT, Arrival, Filling, Ignored, Inquiry, Outcome, Quarantined
from services.intake.domain.progress import read_experience
from services.intake.domain.receipts import SPAM
from services.intake.domain.values import as_mapping, as_text, bounded, read_instant
from shared.contracts.inquiries import FormProgress, Sender

_PERSON = frozenset(("first_name", "last_name", "name", "email", "phone", "message"))
_CLICK_IDS = frozenset((
    "gclid", "gbraid", "wbraid", "fbclid", "msclkid", "ttclid", "dclid",
    "li_fat_id", "twclid", "ctwa_clid", "gad_source", "gad_campaignid",
))  # fmt: skip
_ORIGINS = frozenset(("referrer", "landing_page", "page_url"))
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8}){0,3}")
_LONGEST_ORIGIN = 1000
_LONGEST_NAME = 64
_MOST_ORIGINS = 60
# A member of JSON posts: `{"first": {…}, "last": {…}}`, each with campaign, click ids and pages, or only the latter.
_ATTRIBUTION = "attribution"
_KEPT = ("consent", "flags")
_OF_A_VISIT = frozenset((REDIRECT_FIELD, "language", "locale"))
_APART = frozenset((REDIRECT_FIELD, *EXPERIENCE_FIELDS))


def read_form(body: dict[str, Any], arrival: Arrival) -> Outcome:
    """Normalise a form post; what it states about a person is only as good as any field that anybody can fill."""
    spam = as_text(body.get("spam"))
    if spam and not arrival.is_released:
        return Ignored(f"{SPAM}{spam}")
    if provider := as_text(body.get("provider")):
        return _read_delivery(Provider(provider), body, arrival)
    return _read_fields(as_mapping(body.get("fields")), body, arrival)


def _read_delivery(provider: Provider, body: dict[str, Any], arrival: Arrival) -> Outcome:
    """Normalise what a form provider delivered, like a post of the same form."""
    payload, mapping = as_mapping(body.get("payload")), as_mapping(body.get("mapping"))
    if not is_whole(provider, payload):
        return Ignored(f"{provider}: no submission")
    try:
        fields = check_fields(read_answers(provider, payload, mapping), mapping)
    except (AnswersUnknown, FieldRefused) as error:
        return Quarantined(f"{provider}: {error}")
    return _read_fields(fields, body, arrival, read_instant(answered_at(provider, payload), arrival.received_at))


def _read_fields(
    fields: dict[str, Any], body: dict[str, Any], arrival: Arrival, sent_at: datetime | None = None
) -> Outcome:
    progress = _progress(fields, as_mapping(body.get("progress")))
    is_further = bool(as_mapping(body.get("progress")).get("is_further"))
    if is_further and not (_is_news(progress) or body.get("consent")):
        return Ignored("nothing new")
    if not is_further and not (_is_filled_in(fields) or (progress and progress.experiences)):
        return Ignored("empty form")
    name = read_name(fields)
    phone, email = as_text(fields.get("phone")), as_text(fields.get("email"))
    text = as_text(fields.get("message"))
    told: dict[str, Any] = {
        "sent_at": sent_at or arrival.received_at,
        "sender": Sender(
            identities=stated_identities(phone, email, as_text(body.get("default_region"))),
            first_name=name.first,
            last_name=name.last,
            phone=phone,
            email=email,
            language=_language(fields, body),
        ),
        "thread": str(arrival.lead_uuid),
        "content": _content(fields, body),
        "attribution": _attribution(fields, body),
    }
    if is_further and progress is not None:
        return Filling(**told, progress=progress)
    return Inquiry(kind="form", text=text[:LONGEST_TEXT] if text else None, progress=progress, **told)


def _progress(fields: dict[str, Any], told: dict[str, Any]) -> FormProgress | None:
    """How far a form is; None for one that was simply sent, and tells of no experience."""
    experience = _experience(fields)
    if not (told or experience):
        return None
    told = told or {"sequence": 0, "is_submitted": True}
    supplied = {
        name: bounded(value) for name, value in fields.items() if not _is_attribution(name) and name not in _APART
    }
    if "name" in supplied and not (name := read_name(supplied)).spare:
        del supplied["name"]
        supplied |= {"first_name": name.first or "", "last_name": name.last or ""}
    return FormProgress.model_validate(told | {"fields": supplied, "experience": experience})


def _experience(fields: dict[str, Any]) -> dict[str, Any]:
    """The parts of an experience that fields of their own tell."""
    named = {"experience": "name", "experience_date": "date", "passengers": "passengers"}
    told = {part: fields[name] for name, part in named.items() if name in fields}
    read = read_experience(told)
    parts = {part: read.get(part) for part in told}
    if "passengers" in told:
        parts |= {"passengers": read.get("passengers", []), "passenger_count": read.get("passenger_count")}
    if "date" in told:
        parts["details"] = read.get("details", {})
    return parts


def _is_news(progress: FormProgress | None) -> bool:
    if progress is None:
        return False
    told = (progress.fields, progress.experience, progress.step, progress.is_submitted)
    return any(told) or progress.experiences is not None


def _is_filled_in(fields: dict[str, Any]) -> bool:
    """Whether a person told anything, besides what a page knows of every visit."""
    told = [value for name, value in fields.items() if name not in _OF_A_VISIT and not _is_attribution(name)]
    return any(as_text(value) if isinstance(value, str) else value for value in told)


def _is_attribution(name: str) -> bool:
    plain = name.lower()
    return plain.startswith("utm_") or plain in _CLICK_IDS or plain in _ORIGINS or name == _ATTRIBUTION


def _content(fields: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    known = {*_PERSON, *_APART}
    extra = {name: value for name, value in fields.items() if name not in known and not _is_attribution(name)}
    if read_name(fields).spare:
        extra["name"] = fields["name"]
    content = {"extra": bounded(extra)} if extra else {}
    return content | {name: body[name] for name in _KEPT if body.get(name)}


def _attribution(fields: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Campaign, click ids and pages as the page told them, the last touch in the open, the first beside it.

    Bounded, and never trusted.
    """
    told = as_mapping(fields.get(_ATTRIBUTION))
    last, first = (as_mapping(told.get(touch) or told.get(f"{touch}_touch")) for touch in ("last", "first"))
    found = _touch(told) | _touch(last) | _touch({name: fields[name] for name in fields if name != "at"})
    if (page := as_text(body.get("page_url"))) and "page_url" not in found:
        found["page_url"] = page[:_LONGEST_ORIGIN]
    if touched := _touch(first):
        found["first_touch"] = touched
    return found


def _touch(told: dict[str, Any]) -> dict[str, Any]:
    return {
        name.lower()[:_LONGEST_NAME]: value[:_LONGEST_ORIGIN]
        for name, item in list(told.items())[:_MOST_ORIGINS]
        if (_is_attribution(name) or name == "at") and (value := as_told(item))
    }


def _language(fields: dict[str, Any], body: dict[str, Any]) -> str | None:
    for stated in (fields.get("language"), fields.get("locale"), body.get("language")):
        if isinstance(stated, str) and _LANGUAGE.fullmatch(stated.strip()):
            return stated.strip()
    return None
