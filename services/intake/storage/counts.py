"""The terms of the equation, kept by triggers on `receipts` while these change."""

from shared.kit.database import Connection

_FOLDED_AT_ONCE = 20_000

# Frozen, since a migration uses them. One row per statement and term: transactions that change receipts at once
# never meet on a row.
FUNCTION_V1 = """
CREATE FUNCTION count_receipts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO receipt_counts (term, change)
        SELECT coalesce(outcome, state), count(*) FROM becoming GROUP BY 1;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO receipt_counts (term, change)
        SELECT coalesce(outcome, state), -count(*) FROM been GROUP BY 1;
    ELSE
        INSERT INTO receipt_counts (term, change)
        SELECT term, sum(change) FROM (
            SELECT coalesce(outcome, state) AS term, 1 AS change FROM becoming
            UNION ALL SELECT coalesce(outcome, state), -1 FROM been
        ) AS moved GROUP BY term HAVING sum(change) <> 0;
    END IF;
    RETURN NULL;
END $$
"""
TRIGGERS_V1 = tuple(
    f"CREATE TRIGGER count_{event.lower()} AFTER {event} ON receipts REFERENCING {tables} "
    "FOR EACH STATEMENT EXECUTE FUNCTION count_receipts()"
    for event, tables in (
        ("INSERT", "NEW TABLE AS becoming"),
        ("UPDATE", "NEW TABLE AS becoming OLD TABLE AS been"),
        ("DELETE", "OLD TABLE AS been"),
    )
)


async def count_by_outcome(connection: Connection) -> dict[str, int]:
    """How many receipts are settled as what, or in which other state; exact, and of one snapshot.

    The triggers of `receipts` keep the counts, so that this takes no longer when there are a hundred million.
    """
    rows = await connection.fetch("SELECT term, sum(change)::bigint AS count FROM receipt_counts GROUP BY term")
    return {row["term"]: row["count"] for row in rows}


async def fold_counts(connection: Connection) -> int:
    """Replace the oldest rows of the counts by their sums and return how many there were.

    One statement, so that no reader sees both or neither; rows that another process folds are left to it.
    """
    rows = await connection.fetchval(
        """
        WITH folded AS (
            DELETE FROM receipt_counts WHERE id IN (
                SELECT id FROM receipt_counts ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
            ) RETURNING term, change
        ), kept AS (
            INSERT INTO receipt_counts (term, change)
            SELECT term, sum(change) FROM folded GROUP BY term HAVING sum(change) <> 0
        )
        SELECT count(*) FROM folded
        """,
        _FOLDED_AT_ONCE,
    )
    return int(rows)
