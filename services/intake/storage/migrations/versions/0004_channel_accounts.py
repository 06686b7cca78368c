"""Connected accounts of the platforms, with sealed secrets."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE channel_accounts (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_channel_accounts PRIMARY KEY,
    channel text NOT NULL
        CONSTRAINT ck_channel_accounts_channel CHECK (channel IN ('whatsapp', 'messenger', 'instagram')),
    account_id text NOT NULL,
    name text NOT NULL,
    parent_id text,
    app_id text,
    default_region text,
    app_secret text,
    access_token text,
    verify_token text NOT NULL,
    is_active boolean NOT NULL DEFAULT true,
    version integer NOT NULL DEFAULT 1,
    subscribed_at timestamptz,
    last_delivery_at timestamptz,
    failed_step text,
    last_error text,
    last_error_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_channel_accounts_channel_account_id UNIQUE (channel, account_id)
)
"""


def upgrade() -> None:
    op.execute(_TABLE)


def downgrade() -> None:
    op.execute("DROP TABLE channel_accounts")
