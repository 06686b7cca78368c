"""Admins decide which web forms there are."""

from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.intake.storage.tables import WebForm
from shared.kit.database import Database

FORM_KEY = r"[a-z0-9][a-z0-9_-]{0,63}"


class FormNotFound(LookupError):
    """There is no form with this key."""


class FormExists(Exception):
    """There is a form with this key already."""


class FormVersionOutdated(Exception):
    """Somebody else changed the form in the meantime; `version` is the present one."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


async def create_form(database: Database, now: datetime, values: dict[str, Any]) -> WebForm:
    """Add a form; raises `FormExists`."""
    form = WebForm(**values, created_at=now, updated_at=now)
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
    database: Database, now: datetime, form_key: str, changes: dict[str, Any], version: int | None
) -> WebForm:
    """Change what is given; raises `FormNotFound`, or `FormVersionOutdated` when `version` is not the present one."""
    async with database.session() as session:
        form = await _lock_form(session, form_key, version)
        for name, value in changes.items():
            setattr(form, name, value)
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
