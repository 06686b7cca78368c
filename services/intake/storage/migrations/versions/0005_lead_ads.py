"""Leads of Lead Ads are fetched: receipts that wait for theirs, and how the questions of a form are read."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_STATEMENTS = """
ALTER TABLE receipts DROP CONSTRAINT ck_receipts_state;
ALTER TABLE receipts ADD CONSTRAINT ck_receipts_state
    CHECK (state IN ('received', 'fetching', 'published', 'settled', 'ignored', 'quarantined'));
CREATE TABLE lead_fetches (
    id bigint CONSTRAINT pk_lead_fetches PRIMARY KEY
        CONSTRAINT fk_lead_fetches_id REFERENCES receipts (id) ON DELETE CASCADE,
    page_id text NOT NULL,
    leadgen_id text NOT NULL,
    form_id text,
    attempts integer NOT NULL DEFAULT 0,
    retry_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_lead_fetches_retry_at ON lead_fetches (retry_at);
CREATE TABLE lead_forms (
    account bigint NOT NULL
        CONSTRAINT fk_lead_forms_account REFERENCES channel_accounts (id) ON DELETE CASCADE,
    form_id text NOT NULL,
    name text NOT NULL,
    default_region text,
    fields jsonb NOT NULL DEFAULT '[]',
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_lead_forms PRIMARY KEY (account, form_id)
)
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";"):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE lead_forms")
    op.execute("DROP TABLE lead_fetches")
    op.execute("UPDATE receipts SET state = 'received' WHERE state = 'fetching'")
    op.execute("ALTER TABLE receipts DROP CONSTRAINT ck_receipts_state")
    op.execute(
        "ALTER TABLE receipts ADD CONSTRAINT ck_receipts_state"
        " CHECK (state IN ('received', 'published', 'settled', 'ignored', 'quarantined'))"
    )
