"""Whether the owner of each applied decision was told, and when that is asked for again."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATEMENTS = """
ALTER TABLE assignment_answers
    ADD COLUMN told_at timestamptz,
    ADD COLUMN telling TEXT,
    ADD COLUMN tell_at timestamptz,
    ADD COLUMN tellings SMALLINT DEFAULT '0' NOT NULL,
    ADD CONSTRAINT ck_assignment_answers_telling CHECK (telling IN ('sent', 'failed', 'ambiguous', 'withdrawn'));
CREATE INDEX ix_assignment_answers_tell_at ON assignment_answers (tell_at) WHERE tell_at IS NOT NULL
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";"):
        op.execute(statement)


def downgrade() -> None:
    op.execute("ALTER TABLE assignment_answers DROP told_at, DROP telling, DROP tell_at, DROP tellings")
