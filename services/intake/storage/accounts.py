"""Statements on connected accounts, and where their secrets are sealed for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from asyncpg import Record

from services.intake.domain.accounts import DOORS
from shared.contracts.words import Channel
from shared.kit.database import Connection
from shared.kit.logging import get_logger
from shared.kit.sealing import Seal, SealBroken

log = get_logger()


def secret_place(channel: str, account_id: str, name: str) -> str:
    """The place that a secret of an account is sealed for."""
    return f"channel_accounts/{channel}/{account_id}/{name}"


@dataclass(frozen=True, slots=True)
class DoorKeys:
    """What opens one webhook: any of these secrets signs deliveries, any of these tokens shakes hands.

    `is_known` is false until the connected accounts were read for the first time.
    """

    app_secrets: tuple[bytes, ...] = ()
    verify_tokens: tuple[bytes, ...] = ()
    is_known: bool = False

    def __add__(self, other: "DoorKeys") -> "DoorKeys":
        """The keys of both, each once: accounts of one app share its secret. Known when either is."""
        return DoorKeys(
            app_secrets=tuple(dict.fromkeys(self.app_secrets + other.app_secrets)),
            verify_tokens=tuple(dict.fromkeys(self.verify_tokens + other.verify_tokens)),
            is_known=self.is_known or other.is_known,
        )


async def read_fingerprint(connection: Connection) -> tuple[int, int, int]:
    """Three numbers that differ whenever somebody added, changed or removed an account.

    Ids and versions only grow: one more row raises the highest id, one less the count, a change the sum.
    """
    row = await connection.fetchrow(
        "SELECT count(*), coalesce(max(id), 0), coalesce(sum(version), 0)::bigint FROM channel_accounts"
    )
    assert row is not None
    return row[0], row[1], row[2]


async def read_door_keys(connection: Connection, seal: Seal) -> Mapping[str, DoorKeys]:
    """The keys of the active accounts for each door; a secret that cannot be opened is left out, with a warning."""
    rows = await connection.fetch(
        "SELECT id, channel, account_id, app_secret, verify_token FROM channel_accounts WHERE is_active ORDER BY id"
    )
    keys = {door: DoorKeys(is_known=True) for door in DOORS.values()}
    for row in rows:
        door = DOORS[Channel(row["channel"])]
        keys[door] += DoorKeys(_open(seal, row, "app_secret"), _open(seal, row, "verify_token"), is_known=True)
    return keys


def _open(seal: Seal, row: Record, name: str) -> tuple[bytes, ...]:
    if row[name] is None:
        return ()
    try:
        return (seal.open(row[name], secret_place(row["channel"], row["account_id"], name)).encode(),)
    except SealBroken:
        log.warning("a secret of a connected account cannot be opened", account=row["id"], which=name)
        return ()


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """An account with its secrets in clear, for as long as something is done with it."""

    id: int
    channel: Channel
    account_id: str
    parent_id: str | None
    app_id: str | None
    default_region: str | None
    last_delivery_at: datetime | None
    app_secret: str | None = field(repr=False)
    access_token: str | None = field(repr=False)
    verify_token: str = field(repr=False)

    @property
    def subscribed_id(self) -> str:
        """What an app is subscribed to so that this account's messages come."""
        return self.parent_id or self.account_id


_OPEN_COLUMNS = """
    SELECT id, channel, account_id, parent_id, app_id, default_region, last_delivery_at,
        app_secret, access_token, verify_token
    FROM channel_accounts
"""


class AccountNotFound(LookupError):
    """There is no connected account with this id."""


async def get_open_account(connection: Connection, seal: Seal, row_id: int) -> OpenAccount:
    """An account by its row's id; raises `AccountNotFound` and `SealBroken`."""
    row = await connection.fetchrow(f"{_OPEN_COLUMNS} WHERE id = $1", row_id)
    if row is None:
        raise AccountNotFound
    return _opened(seal, row)


async def find_account_of(connection: Connection, seal: Seal, channel: Channel, account_id: str) -> OpenAccount | None:
    """The active account under which a platform delivers; raises `SealBroken`."""
    row = await connection.fetchrow(
        f"{_OPEN_COLUMNS} WHERE channel = $1 AND account_id = $2 AND is_active", channel.value, account_id
    )
    return _opened(seal, row) if row else None


def _opened(seal: Seal, row: Record) -> OpenAccount:
    secrets = {
        name: seal.open(row[name], secret_place(row["channel"], row["account_id"], name)) if row[name] else None
        for name in ("app_secret", "access_token", "verify_token")
    }
    return OpenAccount(**{**row, **secrets, "channel": Channel(row["channel"])})


async def note_subscription(connection: Connection, row_id: int, now: datetime) -> None:
    """Note that the platform lists a subscription of the account, and that nothing is wrong with it now."""
    await connection.execute(
        """
        UPDATE channel_accounts
        SET subscribed_at = coalesce(subscribed_at, $2), failed_step = NULL, last_error = NULL, last_error_at = NULL
        WHERE id = $1
        """,
        row_id,
        now,
    )


async def note_failure(
    connection: Connection, row_id: int, now: datetime, error: str, *, step: str | None = None
) -> None:
    """Note what went wrong with an account, and at which step of connecting it if it did there."""
    await connection.execute(
        """
        UPDATE channel_accounts SET last_error = $3, last_error_at = $2, failed_step = coalesce($4, failed_step),
            subscribed_at = CASE WHEN $4 = 'subscription' THEN NULL ELSE subscribed_at END
        WHERE id = $1
        """,
        row_id,
        now,
        error,
        step,
    )


async def note_deliveries(connection: Connection, after: int) -> int:
    """Note of each account when it delivered last, by the receipts above row `after`; returns the highest row.

    Receipts that commit late have lower rows: begin some way below the last answer.
    """
    highest = await connection.fetchval(
        """
        WITH arrived AS (
            SELECT max(id) AS id, channel, account, max(received_at) AS at FROM receipts WHERE id > $1 GROUP BY 2, 3
        ), noted AS (
            UPDATE channel_accounts AS own SET last_delivery_at = arrived.at FROM arrived
            WHERE own.channel = CASE arrived.channel WHEN 'lead_ads' THEN 'messenger' ELSE arrived.channel END
              AND own.account_id = arrived.account AND coalesce(own.last_delivery_at, '-infinity') < arrived.at
        )
        SELECT max(id) FROM arrived
        """,
        after,
    )
    return max(after, highest or 0)


async def find_highest_receipt(connection: Connection) -> int:
    """The row of the latest receipt, 0 when there is none."""
    return int(await connection.fetchval("SELECT coalesce(max(id), 0) FROM receipts"))


async def has_accounts(connection: Connection) -> bool:
    """Whether any account is connected."""
    return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM channel_accounts)"))


async def note_recovery(connection: Connection, row_id: int) -> None:
    """Forget what went wrong with an account, after something went well; a failed step of connecting stays."""
    await connection.execute(
        """
        UPDATE channel_accounts SET last_error = NULL, last_error_at = NULL
        WHERE id = $1 AND last_error IS NOT NULL AND failed_step IS NULL
        """,
        row_id,
    )
