"""Accounts of the console."""

from services.console.use_cases.create_admin import create_admin as create
from services.console.wiring import database_url
from shared.kit.database import Database


async def create_admin(email: str, password: str) -> None:
    """Make an account with the role admin, or give an existing one this password."""
    database = Database(database_url(), pool_size=1)
    await database.open()
    try:
        await create(database, email, password)
    finally:
        await database.close()
    print(f"{email} may sign in at the console.")
