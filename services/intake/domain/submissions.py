"""What is written down of a post beside its fields: where it came from, and what its visitor agreed to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.intake.domain.form_rules import FormRules

_NO = frozenset(("", "0", "false", "no", "off", "none"))


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a request tells besides its fields; nothing of it is trusted. `address` is for guards, and never kept."""

    idempotency_key: str | None = None
    origin: str | None = None
    page_url: str | None = None
    language: str | None = None
    address: str = ""


def describe_post(form: FormRules, fields: dict[str, Any], seen: Circumstances) -> dict[str, Any]:
    """The content of a receipt, as the adapter reads it."""
    return {
        "default_region": form.default_region,
        "fields": fields,
        "origin": seen.origin,
        "page_url": seen.page_url,
        "language": seen.language,
    }


def take_consent(
    form: FormRules, fields: dict[str, Any], seen: Circumstances, at: datetime
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """What the visitor agreed to, by the version of its text, and the other fields; None where the form asks nothing.

    A box that is not ticked is not sent, so that silence is a no.
    """
    if form.consent_field is None:
        return None, fields
    ticked = str(fields.get(form.consent_field, "")).strip().lower() not in _NO
    consent = {"is_given": ticked, "version": form.consent_version, "at": at.isoformat(), "page_url": seen.page_url}
    return consent, {name: value for name, value in fields.items() if name != form.consent_field}
