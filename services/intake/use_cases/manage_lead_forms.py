"""Admins say how the questions of a page's lead forms are read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.intake.storage.accounts import AccountNotFound
from services.intake.storage.tables import ChannelAccount, LeadForm
from shared.contracts.words import Channel
from shared.kit.database import Database


class LeadFormNotFound(LookupError):
    """The page has no lead form of this id that anybody described."""


class NoLeadForms(Exception):
    """Only pages have lead forms."""


class LeadFormVersionOutdated(Exception):
    """Somebody else changed the lead form in the meantime; `version` is the present one."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


async def list_lead_forms(database: Database, account_row: int) -> Sequence[LeadForm]:
    """The described lead forms of a page, by id; raises `AccountNotFound` and `NoLeadForms`."""
    async with database.session() as session:
        await _lock_page(session, account_row)
        query = select(LeadForm).where(col(LeadForm.account) == account_row).order_by(col(LeadForm.form_id))
        return (await session.exec(query)).all()


async def put_lead_form(
    database: Database, now: datetime, account_row: int, form_id: str, values: dict[str, Any], version: int | None
) -> LeadForm:
    """Describe a lead form anew, as a whole, from the next lead that is fetched on.

    Raises as `list_lead_forms`, `LeadFormVersionOutdated` unless `version` is the present one, and
    `LeadFormNotFound` when it names one of a form that is not there.
    """
    async with database.session() as session:
        await _lock_page(session, account_row)
        form = await session.get(LeadForm, (account_row, form_id))
        _require_version(form, version)
        if form is None:
            form = LeadForm(account=account_row, form_id=form_id, **values, created_at=now, updated_at=now)
            session.add(form)
        else:
            for name, value in values.items():
                setattr(form, name, value)
            form.version += 1
            form.updated_at = now
    return form


async def delete_lead_form(database: Database, account_row: int, form_id: str, version: int | None) -> None:
    """Forget how a lead form is read: from now on by the platform's own keys. Raises as `put_lead_form`."""
    async with database.session() as session:
        await _lock_page(session, account_row)
        form = await session.get(LeadForm, (account_row, form_id))
        _require_version(form, version)
        if form is None:
            raise LeadFormNotFound
        await session.delete(form)


async def _lock_page(session: AsyncSession, account_row: int) -> None:
    query = select(ChannelAccount).where(col(ChannelAccount.id) == account_row).with_for_update()
    account = (await session.exec(query)).one_or_none()
    if account is None:
        raise AccountNotFound
    if account.channel != Channel.MESSENGER:
        raise NoLeadForms


def _require_version(form: LeadForm | None, version: int | None) -> None:
    if version is None:
        return
    if form is None:
        raise LeadFormNotFound
    if form.version != version:
        raise LeadFormVersionOutdated(form.version)
