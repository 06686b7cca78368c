"""Versions of members have room for milliseconds since 1970."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE members ALTER COLUMN version TYPE BIGINT")


def downgrade() -> None:
    raise NotImplementedError("restore a backup: a narrow column cannot hold the versions of now")
