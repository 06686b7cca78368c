"""Candidates are kept once for all decisions that compared them.

Equal documents of the decisions so far become one row. The table is rewritten: workers wait meanwhile.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE TABLE weighings (
    id BIGINT GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_weighings PRIMARY KEY,
    document JSONB NOT NULL
);
INSERT INTO weighings (document)
    SELECT DISTINCT document FROM decisions CROSS JOIN LATERAL jsonb_array_elements(candidates) AS document;
ALTER TABLE decisions ADD COLUMN weighing_ids BIGINT[];
UPDATE decisions SET weighing_ids = found.ids
    FROM (
        SELECT decisions.id, array_agg(weighings.id ORDER BY place) AS ids
        FROM decisions
        CROSS JOIN LATERAL jsonb_array_elements(candidates) WITH ORDINALITY AS candidate (document, place)
        JOIN weighings USING (document)
        GROUP BY decisions.id
    ) AS found
    WHERE found.id = decisions.id;
UPDATE decisions SET weighing_ids = '{}' WHERE weighing_ids IS NULL;
ALTER TABLE decisions ALTER COLUMN weighing_ids SET NOT NULL, DROP COLUMN candidates
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";"):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("restore a backup: a migration back would lose what was decided since")
