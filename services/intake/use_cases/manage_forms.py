"""Admins decide which web forms there are."""

from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.intake.domain.field_names import guess_name
from services.intake.domain.form_rules import Provider
from services.intake.domain.withheld import is_withheld
from services.intake.storage.tables import WebForm
from shared.kit.database import Database
from shared.kit.sealing import Seal

_SECRETS = ("turnstile_secret", "provider_secret")
FORM_KEY = r"[a-z0-9][a-z0-9_-]{0,63}"


class FormNotFound(LookupError):
    """There is no form with this key."""


class FormExists(Exception):
    """There is a form with this key already."""


class FormInconsistent(ValueError):
    """Settings of a form do not go together; `field` is the one to mend."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class FormVersionOutdated(Exception):
    """Somebody else changed the form in the meantime; `version` is the present one."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


async def create_form(database: Database, seal: Seal, now: datetime, values: dict[str, Any]) -> WebForm:
    """Add a form; raises `FormExists` and `FormInconsistent`. Secrets among the values are sealed."""
    form = WebForm(**_sealed(seal, values), created_at=now, updated_at=now)
    _require_consistent(form)
    try:
        async with database.session() as session:
            session.add(form)
    except IntegrityError:
        raise FormExists from None
    return form


async def find_form(database: Database, form_key: str) -> WebForm:
    """A form, active or not; raises `FormNotFound`."""
    async with database.session() as session:
        form = await session.get(WebForm, form_key)
    if form is None:
        raise FormNotFound
    return form


async def change_form(
    database: Database, seal: Seal, now: datetime, form_key: str, changes: dict[str, Any], version: int | None
) -> WebForm:
    """Change what is given; raises `FormNotFound` and `FormInconsistent`, and then nothing is changed.

    Raises `FormVersionOutdated` when `version` is not the present one.
    """
    async with database.session() as session:
        form = await _lock_form(session, form_key, version)
        consent = (form.consent_text, form.consent_version)
        for name, value in _sealed(seal, changes).items():
            setattr(form, name, value)
        _require_consistent(form)
        if form.consent_text and None not in consent and _is_same_version(consent, form):
            raise FormInconsistent("consent_version", "a changed text needs another version")
        form.version += 1
        form.updated_at = now
    return form


async def delete_form(database: Database, form_key: str, version: int | None) -> None:
    """Remove a form: posts to it find nothing from now on, its receipts stay.

    Raises `FormNotFound`, or `FormVersionOutdated` when `version` is not the present one.
    """
    async with database.session() as session:
        await session.delete(await _lock_form(session, form_key, version))


async def _lock_form(session: AsyncSession, form_key: str, version: int | None) -> WebForm:
    query = select(WebForm).where(col(WebForm.form_key) == form_key).with_for_update()
    form = (await session.exec(query)).one_or_none()
    if form is None:
        raise FormNotFound
    if version is not None and form.version != version:
        raise FormVersionOutdated(form.version)
    return form


def _sealed(seal: Seal, values: dict[str, Any]) -> dict[str, Any]:
    return values | {name: seal.close(values[name]) for name in _SECRETS if values.get(name) is not None}


def _is_same_version(before: tuple[str | None, str | None], form: WebForm) -> bool:
    """Whether people who agreed to different texts could not be told apart."""
    text, version = before
    return version == form.consent_version and text != form.consent_text


def _require_consistent(form: WebForm) -> None:
    listed = {field["name"] for field in form.fields}
    if form.provider and not form.provider_secret:
        raise FormInconsistent("provider_secret", "a provider's deliveries are known by a secret: set it as well")
    if form.consent_field and not (form.consent_text and form.consent_version):
        missing = "consent_version" if form.consent_text else "consent_text"
        raise FormInconsistent(missing, "consent is recorded with its text's version: set both")
    for guard in ("honeypot_field", "consent_field"):
        name = getattr(form, guard)
        if name and name not in listed and (guess_name(name) or is_withheld(name)):
            raise FormInconsistent(guard, "a field of this name is read as something else: give it a name of its own")
    if form.honeypot_field in listed or (form.honeypot_field and form.honeypot_field == form.consent_field):
        raise FormInconsistent("honeypot_field", "no field that people fill in may be the honeypot")
    if form.provider_header and form.provider != Provider.GENERIC:
        raise FormInconsistent("provider_header", "only the provider `generic` has a header of its own")
