"""What a form's owner decided about it, as the public edge must know it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

EXPERIENCE_FIELDS = ("experience", "experience_date", "passengers")
"""What a page may say about one experience that its visitor wants; the last is a number of people or their names."""

OWN_FIELDS = (
    "first_name", "last_name", "name", "email", "phone", "message", "language", *EXPERIENCE_FIELDS,
)  # fmt: skip
"""The fields that mean something to us; everything else is kept as extra, under the page's own name."""


class Provider(StrEnum):
    """Who else may deliver a form's answers, and in whose way they sign."""

    TYPEFORM = "typeform"
    TALLY = "tally"
    WEBFLOW = "webflow"
    GENERIC = "generic"


@dataclass(frozen=True, slots=True)
class FormRules:
    """A form that may be used. Secrets are sealed.

    `mapping` has the page's names of fields: to one of ours, or None for those that are kept as extra. Limits are
    requests a minute; None does not limit. `minimum_seconds` is how long a person takes to fill it in at least.
    """

    form_key: str
    default_region: str | None = None
    allowed_origins: Sequence[str] = ()
    redirect_urls: Sequence[str] = ()
    mapping: Mapping[str, str | None] = field(default_factory=dict)
    honeypot_field: str | None = None
    minimum_seconds: int | None = None
    turnstile_secret: str | None = None
    consent_field: str | None = None
    consent_version: str | None = None
    rate_limit: int | None = None
    rate_limit_per_address: int | None = None
    capture_before_submit: bool = False
    provider: str | None = None
    provider_secret: str | None = None
    provider_header: str | None = None

    def allows(self, origin: str | None) -> bool:
        """Whether a page of this origin may post. Who sends none is no browser that we could protect."""
        return origin is None or not self.allowed_origins or origin.lower() in self.allowed_origins
