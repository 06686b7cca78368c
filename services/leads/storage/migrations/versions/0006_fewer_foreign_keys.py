"""What registration writes for each inquiry is not checked row by row against rows of the same transaction."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_STATEMENTS = """
ALTER TABLE history DROP CONSTRAINT fk_history_lead_id;
ALTER TABLE inquiries DROP CONSTRAINT fk_inquiries_lead_id;
ALTER TABLE identities DROP CONSTRAINT fk_identities_person_id
"""

_BACK = """
ALTER TABLE history ADD CONSTRAINT fk_history_lead_id
    FOREIGN KEY (lead_id) REFERENCES leads (id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE inquiries ADD CONSTRAINT fk_inquiries_lead_id
    FOREIGN KEY (lead_id) REFERENCES leads (id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE identities ADD CONSTRAINT fk_identities_person_id
    FOREIGN KEY (person_id) REFERENCES people (id) DEFERRABLE INITIALLY DEFERRED
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";"):
        op.execute(statement)


def downgrade() -> None:
    for statement in _BACK.split(";"):
        op.execute(statement)
