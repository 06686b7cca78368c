"""Alembic's entry into notifier's migrations."""

from services.notifier.storage.tables import metadata
from shared.kit.migrations import run_env

run_env(metadata)
