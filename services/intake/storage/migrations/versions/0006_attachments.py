"""Files that people sent."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE TABLE attachments (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_attachments PRIMARY KEY,
    attachment_id uuid NOT NULL CONSTRAINT uq_attachments_attachment_id UNIQUE,
    receipt bigint NOT NULL CONSTRAINT fk_attachments_receipt REFERENCES receipts (id) ON DELETE CASCADE,
    place integer NOT NULL,
    kind text NOT NULL,
    media_id text,
    url text,
    file_name text,
    file_key text NOT NULL,
    state text NOT NULL DEFAULT 'waiting',
    reason text,
    attempts integer NOT NULL DEFAULT 0,
    retry_at timestamptz NOT NULL DEFAULT now(),
    mime_type text,
    ending text,
    size bigint,
    sha256 text,
    created_at timestamptz NOT NULL DEFAULT now(),
    stored_at timestamptz,
    CONSTRAINT uq_attachments_receipt_place UNIQUE (receipt, place),
    CONSTRAINT ck_attachments_state CHECK (state IN ('waiting', 'stored', 'failed')),
    CONSTRAINT ck_attachments_one_source CHECK ((media_id IS NULL) <> (url IS NULL)),
    CONSTRAINT ck_attachments_stored CHECK (state <> 'stored' OR (mime_type IS NOT NULL AND size IS NOT NULL))
);
CREATE INDEX ix_attachments_waiting ON attachments (retry_at) WHERE state = 'waiting'
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";"):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE attachments")
