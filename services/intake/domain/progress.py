"""What one request tells about a form that is being filled in: only what it supplies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from services.intake.domain.form_rules import FormRules
from services.intake.domain.forms import FieldRefused, check_fields, is_known
from services.intake.domain.spam import SECONDS_FIELD, TURNSTILE_FIELD
from services.intake.domain.values import as_list, as_mapping, as_text, bounded, read_instant
from services.intake.domain.withheld import without_cards
from shared.contracts.words import LeadStep

RIGHT_MEMBER = "token"
_CONTROLS = frozenset((
    "form_key", RIGHT_MEMBER, "fields", "step", "sequence", "sent_at", "experiences", "attribution", "page_url",
    "submitted", "visit",
))  # fmt: skip
_STEPS = {step.name.lower(): step for step in LeadStep} | {str(int(step)): step for step in LeadStep}
_LARGEST = 2**53
_MOST_EXPERIENCES = 20
_MOST_PASSENGERS = 100
_COUNT_DIGITS = 3
_SHORTEST_VISIT = 16
_YES = frozenset(("1", "true", "yes", "on"))


@dataclass(frozen=True, slots=True)
class Progress:
    """The checked content of a request.

    `fields` are those that it supplied, under their known names; an empty text empties one. `sequence` orders the
    requests of one form: the page's own number, else its time in milliseconds, None when it tells neither.
    `experiences` None means that it says nothing about them. `visit` is a secret of the page's that names this form
    before it has a uuid.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    step: LeadStep | None = None
    sequence: int | None = None
    experiences: list[dict[str, Any]] | None = None
    attribution: dict[str, Any] = field(default_factory=dict)
    page_url: str | None = None
    is_submitted: bool = False
    visit: str | None = None


def read_progress(told: Mapping[str, Any], rules: FormRules, now: datetime) -> Progress:
    """Check what a page sent. Fields are in `fields`, or beside the other members.

    Before the form is submitted, only fields that the form asks for are taken, whatever is sent. Raises
    `FieldRefused`.
    """
    given = told.get("fields")
    if given is not None and not isinstance(given, dict):
        raise FieldRefused("fields", "object_type", "this must be an object")
    loose = {name: value for name, value in told.items() if name not in _CONTROLS}
    fields = {name: value for name, value in {**loose, **(given or {})}.items() if value is not None}
    is_submitted = str(told.get("submitted", "")).strip().lower() in _YES
    if not is_submitted:
        fields = {name: value for name, value in fields.items() if _is_captured(name, rules)}
    return Progress(
        fields=check_fields(fields, rules.mapping),
        step=_step(told.get("step")),
        sequence=_sequence(told, now),
        experiences=_experiences(told.get("experiences")),
        attribution=bounded(as_mapping(told.get("attribution")), text=1000, items=60, depth=2),
        page_url=(as_text(told.get("page_url")) or "")[:1000] or None,
        is_submitted=is_submitted,
        visit=_visit(told.get("visit")),
    )


def _is_captured(name: str, rules: FormRules) -> bool:
    guards = (SECONDS_FIELD, TURNSTILE_FIELD, rules.honeypot_field, rules.consent_field)
    return is_known(name, rules.mapping) or name in guards


def _visit(value: Any) -> str | None:
    """A name that nobody guesses; a shorter one is none."""
    return value if isinstance(value, str) and _SHORTEST_VISIT <= len(value) <= 200 else None


def _step(value: Any) -> LeadStep | None:
    if value is None or value == "":
        return None
    step = _STEPS.get(str(value).strip().lower().replace(" ", "_"))
    if step is None or isinstance(value, (bool, float)):
        raise FieldRefused("step", "step", "a step is 3 (tour selection), 2 (passenger detail) or 1 (payment)")
    return step


def _sequence(told: Mapping[str, Any], now: datetime) -> int | None:
    """A number of the page's, or its time."""
    value = told.get("sequence")
    if value is not None:
        if isinstance(value, str) and value.isascii() and value.isdecimal():
            value = int(value[:17])
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _LARGEST:
            raise FieldRefused("sequence", "integer", "this must be a whole number that grows with each request")
        return value
    sent_at = told.get("sent_at")
    return None if sent_at is None else int(read_instant(sent_at, now).timestamp() * 1000)


def _experiences(value: Any) -> list[dict[str, Any]] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > _MOST_EXPERIENCES:
        message = f"this must be a list of {_MOST_EXPERIENCES} experiences at most"
        raise FieldRefused("experiences", "list_type", message)
    return [experience for one in value if (experience := read_experience(one))]


def read_experience(value: Any) -> dict[str, Any]:
    """An experience as a page tells it: a name, or an object with name, date and passengers; else empty.

    What else an object has is kept in `details`, and so is a date that cannot be read.
    """
    told = without_cards(bounded(value, text=400, items=_MOST_PASSENGERS, depth=4))
    if isinstance(told, str):
        told = {"name": told}
    told = as_mapping(told)
    day, passengers = _date(told.get("date")), _passengers(told.get("passengers"))
    details = {name: item for name, item in told.items() if name not in ("name", "date", "passengers")}
    if day is None and told.get("date") not in (None, ""):
        details["date"] = told["date"]
    found = {
        "name": as_text(told.get("name")),
        "date": day and day.isoformat(),
        "passengers": passengers,
        "passenger_count": len(passengers) or _count(told.get("passengers")),
        "details": details,
    }
    return found if any(found.values()) else {}


def _passengers(value: Any) -> list[dict[str, Any]]:
    """People, each as an object; a mere name becomes one."""
    if isinstance(value, str) and value.strip() and _count(value) is None:
        value = [name for name in value.replace("\n", ",").split(",") if name.strip()]
    found = [{"name": one.strip()} if isinstance(one, str) else as_mapping(one) for one in as_list(value)]
    return [one for one in found if any(one.values())][:_MOST_PASSENGERS]


def _count(value: Any) -> int | None:
    text = str(value).strip() if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
    is_count = text.isascii() and text.isdecimal() and len(text) <= _COUNT_DIGITS
    return int(text) or None if is_count else None


def _date(value: Any) -> date | None:
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
