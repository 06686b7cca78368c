"""The terms of the equation are kept, not counted; indexes for the lists of receipts.

The triggers are made before the receipts are counted: making them keeps writers away until both are there.
"""

from alembic import op

from services.intake.storage.counts import FUNCTION_V1, TRIGGERS_V1

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE receipt_counts (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_receipt_counts PRIMARY KEY,
    term text NOT NULL,
    change bigint NOT NULL
)
"""


def upgrade() -> None:
    op.execute(_TABLE)
    op.execute(FUNCTION_V1)
    for trigger in TRIGGERS_V1:
        op.execute(trigger)
    op.execute(
        "INSERT INTO receipt_counts (term, change) SELECT coalesce(outcome, state), count(*) FROM receipts GROUP BY 1"
    )
    op.execute("CREATE INDEX ix_receipts_received_at ON receipts (received_at)")
    op.execute("CREATE INDEX ix_receipts_reason ON receipts (reason, id) WHERE reason IS NOT NULL")


def downgrade() -> None:
    op.execute("DROP INDEX ix_receipts_reason")
    op.execute("DROP INDEX ix_receipts_received_at")
    op.execute("DROP FUNCTION count_receipts() CASCADE")
    op.execute("DROP TABLE receipt_counts")
