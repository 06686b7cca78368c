"""Receipts, web forms, and the kit's tables."""

from alembic import op

from shared.kit import tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE TABLE receipts (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_receipts PRIMARY KEY,
    receipt_id uuid NOT NULL CONSTRAINT uq_receipts_receipt_id UNIQUE,
    dedupe_key text NOT NULL CONSTRAINT uq_receipts_dedupe_key UNIQUE,
    channel text NOT NULL,
    account text NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    outcome text,
    reason text,
    received_at timestamptz NOT NULL,
    business_date date NOT NULL,
    lead_uuid uuid,
    lead_id bigint,
    lead_number text,
    partition integer,
    "offset" bigint,
    attempts integer NOT NULL DEFAULT 0,
    published_at timestamptz,
    retry_at timestamptz,
    settled_at timestamptz,
    CONSTRAINT ck_receipts_state CHECK (state IN ('received', 'published', 'settled', 'ignored', 'quarantined')),
    CONSTRAINT ck_receipts_settled_has_outcome CHECK ((state = 'settled') = (outcome IS NOT NULL)),
    CONSTRAINT ck_receipts_outcome CHECK (outcome IN ('new', 'repeat', 'update')),
    CONSTRAINT ck_receipts_reason CHECK (state NOT IN ('ignored', 'quarantined') OR reason IS NOT NULL)
);
CREATE INDEX ix_receipts_waiting ON receipts (id) WHERE state = 'received';
CREATE INDEX ix_receipts_unsettled ON receipts (retry_at) WHERE state = 'published';
CREATE INDEX ix_receipts_quarantined ON receipts (id) WHERE state = 'quarantined';
CREATE TABLE receipt_bodies (
    id bigint CONSTRAINT pk_receipt_bodies PRIMARY KEY
        CONSTRAINT fk_receipt_bodies_id REFERENCES receipts (id) ON DELETE CASCADE,
    body bytea NOT NULL
);
CREATE TABLE web_forms (
    form_key text CONSTRAINT pk_web_forms PRIMARY KEY,
    name text NOT NULL,
    default_region text,
    allowed_origins text[] NOT NULL DEFAULT '{}',
    redirect_urls text[] NOT NULL DEFAULT '{}',
    is_active boolean NOT NULL DEFAULT true,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE form_posts (
    fingerprint text CONSTRAINT pk_form_posts PRIMARY KEY,
    content_hash text NOT NULL,
    is_keyed boolean NOT NULL,
    lead_uuid uuid NOT NULL,
    received_at timestamptz NOT NULL
);
CREATE INDEX ix_form_posts_received_at ON form_posts (received_at) WHERE NOT is_keyed
"""


def upgrade() -> None:
    tables.create_v1(op)
    for statement in _STATEMENTS.split(";"):
        op.execute(statement)
