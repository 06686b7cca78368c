"""Accounts and sessions."""

from alembic import op

from shared.kit import tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE TABLE accounts (
    id bigint GENERATED ALWAYS AS IDENTITY,
    email text NOT NULL,
    password_hash text NOT NULL,
    role text NOT NULL,
    member_id bigint,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_accounts PRIMARY KEY (id),
    CONSTRAINT ck_accounts_role CHECK (role IN ('salesperson', 'supervisor', 'admin'))
);
CREATE UNIQUE INDEX uq_accounts_email ON accounts (email);
CREATE UNIQUE INDEX uq_accounts_member_id ON accounts (member_id);

CREATE TABLE sessions (
    token_hash bytea NOT NULL,
    account_id bigint NOT NULL,
    created_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT pk_sessions PRIMARY KEY (token_hash),
    CONSTRAINT fk_sessions_account_id FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE
);
CREATE INDEX ix_sessions_account_id ON sessions (account_id);
CREATE INDEX ix_sessions_expires_at ON sessions (expires_at)
"""


def upgrade() -> None:
    tables.create_v1(op)
    for statement in _STATEMENTS.split(";"):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("restore a backup: a migration back would lose the accounts")
