"""Alembic's entry into leads' migrations."""

from services.leads.storage.tables import metadata
from shared.kit.migrations import run_env

run_env(metadata)
