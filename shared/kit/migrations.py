"""Alembic for every service: one way to run it, from a service's folder of migrations.

The folder's env.py is one call of `run_env` with the service's metadata.
"""

import asyncio
from functools import partial
from pathlib import Path

import asyncpg
from alembic import command, context
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from shared.kit.database import Database

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('migrate', 0))"


async def create_database(url: str) -> bool:
    """Create the database that a URL names when it does not exist; needs the right to. True when it was created."""
    try:
        connection = await asyncpg.connect(url, timeout=10)
    except asyncpg.InvalidCatalogNameError:
        pass
    else:
        await connection.close()
        return False
    address, _, options = url.partition("?")
    base, _, name = address.rpartition("/")
    connection = await asyncpg.connect(f"{base}/postgres" + (f"?{options}" if options else ""), timeout=10)
    try:
        await connection.execute(f'CREATE DATABASE "{name}"')
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        return False
    else:
        return True
    finally:
        await connection.close()


async def is_current(database: Database, folder: Path) -> bool:
    """Whether the database has the newest migration of a folder; False also when it has none at all."""
    async with database.connection() as connection:
        if not await connection.fetchval("SELECT to_regclass('alembic_version')::text"):
            return False
        present = {row[0] for row in await connection.fetch("SELECT version_num FROM alembic_version")}
    return present == set(ScriptDirectory.from_config(_config(folder)).get_heads())


async def upgrade(url: str, folder: Path, revision: str = "head") -> None:
    """Bring a database to the newest migration, or to `revision`; when several do so at once, one of them works."""
    await _run(url, partial(_upgrade, folder, revision))


async def write_revision(url: str, folder: Path, message: str) -> None:
    """Write a new migration from the difference between a database and the service's tables. Read it, then test it."""
    await _run(url, partial(_revise, folder, message))


# alembic.context is one global for the process, and a migration yields to the loop with each statement.
_one_at_a_time = asyncio.Lock()


async def _run(url: str, work: partial[None]) -> None:
    engine = create_async_engine("postgresql+asyncpg://", async_creator=partial(asyncpg.connect, url, timeout=10))
    try:
        async with _one_at_a_time, engine.begin() as connection:
            await connection.exec_driver_sql(_LOCK)
            await connection.run_sync(work)
    finally:
        await engine.dispose()


def _config(folder: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config


def _upgrade(folder: Path, revision: str, connection: Connection) -> None:
    config = _config(folder)
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _revise(folder: Path, message: str, connection: Connection) -> None:
    config = _config(folder)
    config.attributes["connection"] = connection
    command.revision(config, message, autogenerate=True)


def run_env(metadata: MetaData) -> None:
    """Run the migrations on the connection that `upgrade` or `write_revision` opened."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()
