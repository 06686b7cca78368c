"""The statements on accounts."""

from dataclasses import dataclass
from datetime import datetime

from services.console.domain.accounts import Account
from shared.contracts.words import Role
from shared.kit.database import Connection


@dataclass(frozen=True, slots=True)
class KnownAccount:
    """An account with the hash of its password."""

    account: Account
    password_hash: str


async def find(connection: Connection, email: str) -> KnownAccount | None:
    """The account with this address, as `normalised_email` spells it."""
    row = await connection.fetchrow(
        "SELECT id, email, role, member_id, password_hash FROM accounts WHERE email = $1", email
    )
    if row is None:
        return None
    return KnownAccount(Account(row["id"], row["email"], Role(row["role"]), row["member_id"]), row["password_hash"])


async def put_admin(connection: Connection, email: str, password_hash: str, now: datetime) -> int:
    """Make the account an admin with this password, whether it existed or not, and return its id."""
    account_id: int = await connection.fetchval(
        """
        INSERT INTO accounts (email, password_hash, role, created_at, updated_at) VALUES ($1, $2, 'admin', $3, $3)
        ON CONFLICT (email) DO UPDATE
        SET password_hash = excluded.password_hash, role = excluded.role, updated_at = excluded.updated_at
        RETURNING id
        """,
        email,
        password_hash,
        now,
    )
    return account_id
