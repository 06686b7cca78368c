"""The statements on sessions."""

from datetime import datetime

from services.console.domain.accounts import Account, OpenSession
from services.console.domain.sessions import IDLE, LIFETIME
from shared.contracts.words import Role
from shared.kit.database import Connection


async def add(connection: Connection, token_hash: bytes, account_id: int, now: datetime) -> None:
    """Open a session, and forget those of everybody that have ended."""
    await connection.execute("DELETE FROM sessions WHERE expires_at <= $1 OR last_seen_at <= $2", now, now - IDLE)
    await connection.execute(
        """
        INSERT INTO sessions (token_hash, account_id, created_at, last_seen_at, expires_at)
        VALUES ($1, $2, $3, $3, $4)
        """,
        token_hash,
        account_id,
        now,
        now + LIFETIME,
    )


async def find(connection: Connection, token_hash: bytes, now: datetime) -> OpenSession | None:
    """The session with this token, unless it has ended or was idle too long."""
    row = await connection.fetchrow(
        """
        SELECT accounts.id, email, role, member_id, last_seen_at
        FROM sessions JOIN accounts ON accounts.id = account_id
        WHERE token_hash = $1 AND expires_at > $2 AND last_seen_at > $3
        """,
        token_hash,
        now,
        now - IDLE,
    )
    if row is None:
        return None
    account = Account(row["id"], row["email"], Role(row["role"]), row["member_id"])
    return OpenSession(account, row["last_seen_at"])


async def touch(connection: Connection, token_hash: bytes, now: datetime) -> None:
    """Note that the session was used."""
    await connection.execute("UPDATE sessions SET last_seen_at = $2 WHERE token_hash = $1", token_hash, now)


async def remove(connection: Connection, token_hash: bytes) -> None:
    """End a session."""
    await connection.execute("DELETE FROM sessions WHERE token_hash = $1", token_hash)


async def remove_all(connection: Connection, account_id: int) -> None:
    """End all sessions of an account."""
    await connection.execute("DELETE FROM sessions WHERE account_id = $1", account_id)
