"""Make the first account, or give an admin a new password."""

from services.console.domain.accounts import normalised_email, require_good_password
from services.console.domain.passwords import Passwords
from services.console.storage import accounts, sessions
from shared.contracts.words import Role
from shared.kit.clock import SystemClock
from shared.kit.database import Database


async def create_admin(database: Database, email: str, password: str) -> None:
    """Make an account with the role admin, or give an existing one that role and this password.

    A change ends all sessions of the account; the same password again changes nothing. Raises ValueError for an
    address or a password that cannot be accepted.
    """
    email = normalised_email(email)
    require_good_password(password)
    passwords = Passwords()
    async with database.connection() as connection:
        known = await accounts.find(connection, email)
    if known and known.account.role is Role.ADMIN and await passwords.verify(password, known.password_hash):
        return
    password_hash = await passwords.hash(password)
    async with database.transaction() as connection:
        account_id = await accounts.put_admin(connection, email, password_hash, SystemClock().now())
        await sessions.remove_all(connection, account_id)
