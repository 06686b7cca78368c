"""What clients write and read about web forms."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.intake.domain.field_names import LONGEST_NAME
from services.intake.domain.form_rules import OWN_FIELDS, Provider
from services.intake.domain.forms import MOST_FIELDS
from services.intake.storage.tables import WebForm
from services.intake.use_cases.manage_forms import FORM_KEY
from shared.kit.phones import is_region
from shared.kit.web import WriteModel

_ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:]{1,255}")


def _origin(value: str) -> str:
    origin = value.lower().rstrip("/")
    if not _ORIGIN.fullmatch(origin):
        raise ValueError("an origin is a scheme and a host, such as https://www.example.com")
    return origin


def _page(value: str) -> str:
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or not value.isascii() or not value.isprintable():
        raise ValueError("this must be an absolute http or https address")
    return value


def _region(value: str) -> str:
    if not is_region(value.upper()):
        raise ValueError("this must be a region of two letters, such as MX")
    return value.upper()


FieldName = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME)]


class FormField(WriteModel):
    """A field that the form has under `name`; without `maps_to` it is kept as extra."""

    name: FieldName
    maps_to: Literal[OWN_FIELDS] | None = None  # type: ignore[valid-type]


def _distinct(fields: list[FormField]) -> list[FormField]:
    for what, given in (
        ("name", [field.name for field in fields]),
        ("maps_to", [field.maps_to for field in fields if field.maps_to]),
    ):
        if len(set(given)) < len(given):
            raise ValueError(f"no two fields may have the same {what}")
    return fields


Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Region = Annotated[str, AfterValidator(_region)]
Origins = Annotated[list[Annotated[str, AfterValidator(_origin)]], Field(max_length=50)]
Pages = Annotated[list[Annotated[str, StringConstraints(max_length=2000), AfterValidator(_page)]], Field(max_length=20)]
Fields = Annotated[list[FormField], Field(max_length=MOST_FIELDS), AfterValidator(_distinct)]
Flag = Annotated[bool, Field(strict=True)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Rate = Annotated[int, Field(ge=1, le=100_000, strict=True)]
Seconds = Annotated[int, Field(ge=1, le=600, strict=True)]
Version = Annotated[str, StringConstraints(min_length=1, max_length=50)]
Prose = Annotated[str, StringConstraints(min_length=1, max_length=10_000)]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,100}$")]


class _Optional(WriteModel):
    """What a form need not have; null takes it away. Secrets can be written only, never read."""

    default_region: Region | None = None
    honeypot_field: FieldName | None = None
    minimum_seconds: Seconds | None = None
    turnstile_secret: Secret | None = None
    consent_field: FieldName | None = None
    consent_text: Prose | None = None
    consent_version: Version | None = None
    rate_limit: Rate | None = Field(None, description="Posts of everybody together in a minute.")
    rate_limit_per_address: Rate | None = Field(None, description="Posts of one client address in a minute.")
    provider: Provider | None = None
    provider_secret: Secret | None = None
    provider_header: HeaderName | None = None


class FormToCreate(_Optional):
    """A new form. Without allowed origins any page may post; without redirects a browser sees a page of ours."""

    form_key: Annotated[str, StringConstraints(pattern=f"^{FORM_KEY}$")]
    name: Name
    allowed_origins: Origins = Field(default_factory=list)
    redirect_urls: Pages = Field(default_factory=list)
    fields: Fields = Field(default_factory=list)
    capture_before_submit: Flag = False
    is_active: Flag = True


class FormChange(_Optional):
    """What of a form changes; what is left out stays."""

    name: Name | None = None
    allowed_origins: Origins | None = None
    redirect_urls: Pages | None = None
    fields: Fields | None = None
    capture_before_submit: Flag | None = None
    is_active: Flag | None = None

    @model_validator(mode="after")
    def _no_nulls(self) -> "FormChange":
        required = self.model_fields_set - _Optional.model_fields.keys()
        nulls = [name for name in required if getattr(self, name) is None]
        if nulls:
            raise ValueError(f"{', '.join(sorted(nulls))} must not be null; leave out what does not change")
        return self


class FormView(BaseModel):
    """A form as it is, without its secrets."""

    model_config = ConfigDict(from_attributes=True)

    form_key: str
    name: str
    default_region: str | None
    allowed_origins: list[str]
    redirect_urls: list[str]
    fields: list[dict[str, Any]]
    honeypot_field: str | None
    minimum_seconds: int | None
    has_turnstile_secret: bool
    consent_field: str | None
    consent_text: str | None
    consent_version: str | None
    rate_limit: int | None
    rate_limit_per_address: int | None
    capture_before_submit: bool
    provider: str | None
    has_provider_secret: bool
    provider_header: str | None
    is_active: bool
    version: int
    created_at: datetime
    updated_at: datetime


def form_view(form: WebForm) -> FormView:
    """A form as clients read it."""
    secrets = {f"has_{name}": getattr(form, name) is not None for name in ("turnstile_secret", "provider_secret")}
    return FormView.model_validate(form.model_dump(exclude={"turnstile_secret", "provider_secret"}) | secrets)
