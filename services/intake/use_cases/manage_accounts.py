"""Admins connect accounts of the platforms, change them and let them go."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from services.intake.storage.accounts import AccountNotFound, secret_place
from services.intake.storage.tables import ChannelAccount
from shared.kit.database import Database
from shared.kit.sealing import Seal

_SEALED = ("app_secret", "access_token")


class AccountExists(Exception):
    """This account is connected already."""


class AccountVersionOutdated(Exception):
    """Somebody else changed the account in the meantime; `version` is the present one."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


@dataclass(frozen=True)
class ManageAccounts:
    """The accounts, and what seals their secrets. `app_secret` and `access_token` come in clear."""

    database: Database
    seal: Seal

    async def create(self, now: datetime, values: dict[str, Any]) -> tuple[ChannelAccount, str]:
        """Add an account; returns it with its verify token, which nobody can read again. Raises `AccountExists`."""
        token = new_verify_token()
        account = ChannelAccount(
            **self._sealed(values["channel"], values["account_id"], values),
            verify_token=self._seal(values["channel"], values["account_id"], "verify_token", token),
            created_at=now,
            updated_at=now,
        )
        try:
            async with self.database.session() as session:
                session.add(account)
        except IntegrityError:
            raise AccountExists from None
        return account, token

    async def find(self, account_id: int) -> ChannelAccount:
        """An account by its row's id; raises `AccountNotFound`."""
        async with self.database.session() as session:
            account = await session.get(ChannelAccount, account_id)
        if account is None:
            raise AccountNotFound
        return account

    async def change(
        self, now: datetime, account_id: int, changes: dict[str, Any], version: int | None
    ) -> ChannelAccount:
        """Change what is given; raises `AccountNotFound`, or `AccountVersionOutdated` unless `version` is the present.

        Another secret, token or parent means that what failed or was subscribed before says nothing any more.
        """
        async with self.database.session() as session:
            account = await _lock(session, account_id, version)
            for name, value in self._sealed(account.channel, account.account_id, changes).items():
                setattr(account, name, value)
            if changes.keys() & {*_SEALED, "parent_id", "app_id"}:
                account.subscribed_at = account.failed_step = account.last_error = account.last_error_at = None
            _touch(account, now)
        return account

    async def renew_verify_token(
        self, now: datetime, account_id: int, version: int | None
    ) -> tuple[ChannelAccount, str]:
        """Give an account a new verify token and return both; raises as `change` does."""
        token = new_verify_token()
        async with self.database.session() as session:
            account = await _lock(session, account_id, version)
            account.verify_token = self._seal(account.channel, account.account_id, "verify_token", token)
            _touch(account, now)
        return account, token

    async def delete(self, account_id: int, version: int | None) -> None:
        """Forget an account with its secrets; what it delivered stays. Raises as `change` does."""
        async with self.database.session() as session:
            await session.delete(await _lock(session, account_id, version))

    def _sealed(self, channel: str, account_id: str, values: dict[str, Any]) -> dict[str, Any]:
        return {
            name: self._seal(channel, account_id, name, value) if name in _SEALED and value is not None else value
            for name, value in values.items()
        }

    def _seal(self, channel: str, account_id: str, name: str, value: str) -> str:
        return self.seal.close(value, secret_place(channel, account_id, name))


def new_verify_token() -> str:
    """A token that the platform must show when it asks whether the callback address is ours."""
    return secrets.token_urlsafe(32)


def _touch(account: ChannelAccount, now: datetime) -> None:
    account.version += 1
    account.updated_at = now


async def _lock(session: AsyncSession, account_id: int, version: int | None) -> ChannelAccount:
    query = select(ChannelAccount).where(col(ChannelAccount.id) == account_id).with_for_update()
    account = (await session.exec(query)).one_or_none()
    if account is None:
        raise AccountNotFound
    if version is not None and account.version != version:
        raise AccountVersionOutdated(account.version)
    return account
