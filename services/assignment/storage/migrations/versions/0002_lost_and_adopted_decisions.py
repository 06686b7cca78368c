"""Since when something is known of a lead, and whether its decision was made here; wide versions of members."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STATEMENTS = """
ALTER TABLE leads ADD COLUMN is_adopted BOOLEAN DEFAULT 'false' NOT NULL;
ALTER TABLE leads ADD COLUMN settled_at timestamptz;
UPDATE leads SET
    settled_at = CASE WHEN stage IN ('decided', 'assigned', 'closed') THEN now() END,
    is_adopted = owner_number > 0 AND NOT EXISTS (
        SELECT 1 FROM decisions
        WHERE lead_id = leads.lead_id AND decision_number = owner_number AND chosen_member_id = owner_id
    );
ALTER TABLE members ALTER COLUMN version TYPE BIGINT
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";"):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError(
        "restore a backup: versions that were published since do not fit into the narrower column"
    )
