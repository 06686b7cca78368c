"""Alembic's entry into console's migrations."""

from services.console.storage.tables import metadata
from shared.kit.migrations import run_env

run_env(metadata)
