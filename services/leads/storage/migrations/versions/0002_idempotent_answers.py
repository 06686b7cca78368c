"""Answers to writes with an Idempotency-Key."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE TABLE idempotent_answers (
    actor TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    lead_id BIGINT,
    status SMALLINT,
    body BYTEA,
    headers JSONB,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_idempotent_answers PRIMARY KEY (actor, key)
);
CREATE INDEX ix_idempotent_answers_created_at ON idempotent_answers (created_at);
CREATE INDEX ix_idempotent_answers_lead_id ON idempotent_answers (lead_id) WHERE lead_id IS NOT NULL
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";"):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE idempotent_answers")
