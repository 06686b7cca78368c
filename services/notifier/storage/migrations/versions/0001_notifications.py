"""Notifications, and the addresses of the team."""

from alembic import op

from shared.kit import tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE TABLE members (
    id bigint NOT NULL,
    version integer NOT NULL,
    email text,
    is_active boolean NOT NULL,
    CONSTRAINT pk_members PRIMARY KEY (id)
);

CREATE TABLE notifications (
    id uuid NOT NULL,
    kind text NOT NULL,
    lead_id bigint NOT NULL,
    decision_number integer NOT NULL,
    member_id bigint NOT NULL,
    correlation_id uuid NOT NULL,
    state text NOT NULL,
    reason text,
    attempts integer DEFAULT '0' NOT NULL,
    due_at timestamptz NOT NULL,
    lease uuid,
    leased_until timestamptz,
    waiting_since timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    sent_at timestamptz,
    CONSTRAINT pk_notifications PRIMARY KEY (id),
    CONSTRAINT uq_notifications_once UNIQUE (kind, lead_id, decision_number),
    CONSTRAINT ck_notifications_state
        CHECK (state IN ('waiting', 'sending', 'sent', 'withdrawn', 'failed', 'ambiguous')),
    CONSTRAINT ck_notifications_sent_has_time CHECK ((state = 'sent') = (sent_at IS NOT NULL))
);
CREATE INDEX ix_notifications_due ON notifications (due_at) WHERE state IN ('waiting', 'sending');
CREATE INDEX ix_notifications_created_at ON notifications (created_at, id);
CREATE INDEX ix_notifications_lead_id ON notifications (lead_id);
CREATE INDEX ix_notifications_member_id ON notifications (member_id, created_at, id)
"""


def upgrade() -> None:
    tables.create_v1(op)
    for statement in _STATEMENTS.split(";"):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("restore a backup: a migration back would lose what was sent since")
