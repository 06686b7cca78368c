"""The migrations make exactly the schema that the models describe, down to predicates and defaults."""

import importlib
import re
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.local.postgres import binary
from shared.kit.migrations import upgrade
from tests.support.databases import Databases

ROOT = Path(__file__).resolve().parents[2]
SERVICES = sorted(path.parents[1].name for path in ROOT.glob("services/*/storage/migrations"))

pytestmark = pytest.mark.migrations


@pytest.mark.parametrize("service", SERVICES)
async def test_migrations_equal_models(service: str, databases: Databases) -> None:
    """A migrated database and one made from the models have the same schema."""
    metadata: MetaData = importlib.import_module(f"services.{service}.storage.tables").metadata
    migrated, modelled = await databases.empty(), await databases.empty()

    await upgrade(migrated, ROOT / "services" / service / "storage" / "migrations")
    await _create(metadata, modelled)

    assert _schema(modelled) == _schema(migrated)


async def _create(metadata: MetaData, url: str) -> None:
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()


def _schema(url: str) -> list[str]:
    """Return the schema as sorted statements; columns are sorted too, as a migration adds new ones last."""
    dump = subprocess.run(
        [binary("pg_dump"), "--schema-only", "--no-owner", "--exclude-table=alembic_version", url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = [line for line in dump.splitlines() if not line.startswith(("--", "\\", "SET ", "SELECT "))]
    statements = re.split(r";\n", "\n".join(lines))
    return sorted(_sorted_columns(statement.strip()) for statement in statements if statement.strip())


def _sorted_columns(statement: str) -> str:
    first, *columns = statement.splitlines()
    if not first.startswith("CREATE TABLE"):
        return statement
    return "\n".join([first, *sorted(column.rstrip(",") for column in columns)])
