"""Alembic's entry into assignment's migrations."""

from services.assignment.storage.tables import metadata
from shared.kit import migrations

migrations.run_env(metadata)
