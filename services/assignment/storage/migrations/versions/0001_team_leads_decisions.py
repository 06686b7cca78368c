"""The team and its workload, what is known of each lead, and decisions."""

from alembic import op

from shared.kit import tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE TABLE members (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    role TEXT NOT NULL,
    capacity INTEGER NOT NULL,
    time_zone TEXT NOT NULL,
    working_hours JSONB NOT NULL,
    is_active BOOLEAN NOT NULL,
    version INTEGER NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_members PRIMARY KEY (id),
    CONSTRAINT ck_members_role CHECK (role IN ('salesperson', 'supervisor', 'admin')),
    CONSTRAINT ck_members_capacity CHECK (capacity >= 0)
);
CREATE UNIQUE INDEX uq_members_email ON members (lower(email));

CREATE TABLE workloads (
    member_id BIGINT NOT NULL,
    open_leads INTEGER NOT NULL,
    won INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    turn BIGINT NOT NULL,
    CONSTRAINT pk_workloads PRIMARY KEY (member_id),
    CONSTRAINT ck_workloads_open_leads CHECK (open_leads >= 0),
    CONSTRAINT ck_workloads_results CHECK (won >= 0 AND lost >= 0),
    CONSTRAINT fk_workloads_member_id FOREIGN KEY(member_id) REFERENCES members (id)
);

CREATE TABLE leads (
    lead_id BIGINT NOT NULL,
    stage TEXT NOT NULL,
    source TEXT,
    language TEXT,
    preferred_owner_id BIGINT,
    correlation_id UUID,
    ready_at timestamptz,
    decision_number INTEGER NOT NULL,
    chosen_id BIGINT,
    owner_number INTEGER NOT NULL,
    owner_id BIGINT,
    held_by BIGINT[] NOT NULL,
    queued_at timestamptz,
    reason TEXT,
    refusals INTEGER NOT NULL,
    next_attempt_at timestamptz,
    handovers INTEGER NOT NULL,
    next_handover_at timestamptz,
    status_version INTEGER NOT NULL,
    outcome TEXT,
    credited_id BIGINT,
    CONSTRAINT pk_leads PRIMARY KEY (lead_id),
    CONSTRAINT ck_leads_stage CHECK (stage IN ('unready', 'queued', 'decided', 'assigned', 'closed')),
    CONSTRAINT ck_leads_outcome CHECK (outcome IN ('won', 'lost'))
);
CREATE INDEX ix_leads_handover ON leads (next_handover_at) WHERE stage = 'decided';
CREATE INDEX ix_leads_queue ON leads (ready_at, lead_id) WHERE stage = 'queued';

CREATE TABLE decisions (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    lead_id BIGINT NOT NULL,
    decision_number INTEGER NOT NULL,
    chosen_member_id BIGINT NOT NULL,
    previous_member_id BIGINT,
    candidates JSONB NOT NULL,
    policy_version INTEGER NOT NULL,
    is_manual BOOLEAN NOT NULL,
    decided_by BIGINT,
    reason TEXT,
    decided_at timestamptz NOT NULL,
    CONSTRAINT pk_decisions PRIMARY KEY (id),
    CONSTRAINT uq_decisions_number UNIQUE (lead_id, decision_number),
    CONSTRAINT fk_decisions_chosen_member_id FOREIGN KEY(chosen_member_id) REFERENCES members (id)
)
"""


def upgrade() -> None:
    tables.create_v1(op)
    for statement in _STATEMENTS.split(";"):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("restore a backup: a migration back would lose what was decided since")
