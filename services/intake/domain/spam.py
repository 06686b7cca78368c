"""What gives away a post that no person made. It is answered like any other, kept, and becomes no inquiry."""

from dataclasses import dataclass
from typing import Any

from services.intake.domain.form_rules import FormRules

SECONDS_FIELD = "form_seconds"
"""How long the page was open when it was sent, as the page measured it: two clocks need not agree for that."""
TURNSTILE_FIELD = "cf-turnstile-response"


@dataclass(frozen=True, slots=True)
class Guards:
    """What a post tells for the form's guards; none of it is part of its content."""

    honeypot: str = ""
    seconds: str = ""
    turnstile_token: str = ""


def take_guards(rules: FormRules, fields: dict[str, Any]) -> tuple[Guards, dict[str, Any]]:
    """The guards' fields and, apart from them, the others."""
    names = {SECONDS_FIELD: "seconds", TURNSTILE_FIELD: "turnstile_token"}
    if rules.honeypot_field:
        names[rules.honeypot_field] = "honeypot"
    told = {names[name]: str(value) for name, value in fields.items() if name in names}
    return Guards(**told), {name: value for name, value in fields.items() if name not in names}


def spam_reason(rules: FormRules, guards: Guards, *, is_sent: bool = True) -> str | None:
    """Which guard caught a post, as a short word; None for what a person may have sent.

    A post that does not tell its seconds passes the time trap: a page without scripts cannot measure them. So does one
    of a form that is not sent yet, whose first field anybody may fill in at once.
    """
    if guards.honeypot.strip():
        return "honeypot"
    if not is_sent:
        return None
    seconds = _number(guards.seconds)
    if rules.minimum_seconds is not None and seconds is not None and seconds < rules.minimum_seconds:
        return "too quick"
    return None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
