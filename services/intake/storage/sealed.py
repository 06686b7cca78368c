"""Every secret that intake keeps sealed, in one place, so that keys can be changed for all of them at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.kit.database import Connection
from shared.kit.sealing import Seal


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A table with sealed columns: how its rows are locked, and written back as `(key, *columns)`."""

    columns: Sequence[str]
    lock: str
    write: str


_TABLES = (
    _Sealed(
        ("app_secret", "access_token", "verify_token"),
        "SELECT id, app_secret, access_token, verify_token FROM channel_accounts ORDER BY id FOR UPDATE",
        "UPDATE channel_accounts SET app_secret = $2, access_token = $3, verify_token = $4 WHERE id = $1",
    ),
    _Sealed(
        ("turnstile_secret", "provider_secret"),
        "SELECT form_key, turnstile_secret, provider_secret FROM web_forms ORDER BY form_key FOR UPDATE",
        "UPDATE web_forms SET turnstile_secret = $2, provider_secret = $3 WHERE form_key = $1",
    ),
)


async def reseal_secrets(connection: Connection, seal: Seal) -> int:
    """Seal every secret anew with the first key, in the caller's transaction; returns how many there are.

    Raises `SealBroken` at the first that no key opens, so that the old key is not given up too early.
    """
    resealed = 0
    for table in _TABLES:
        for row in await connection.fetch(table.lock):
            secrets = [seal.reseal(row[name]) if row[name] is not None else None for name in table.columns]
            await connection.execute(table.write, row[0], *secrets)
            resealed += sum(secret is not None for secret in secrets)
    return resealed
