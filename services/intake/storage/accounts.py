"""Statements on connected accounts, and where their secrets are sealed for."""

from collections.abc import Mapping
from dataclasses import dataclass

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
