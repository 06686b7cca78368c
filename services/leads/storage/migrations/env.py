"""Alembic's entry into leads' migrations."""

from services.leads.storage.tables import metadata
from shared.kit import migrations

migrations.run(metadata)
