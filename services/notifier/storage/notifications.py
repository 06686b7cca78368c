"""The statements on notifications that its consumer and its sender use.

Leases are set and compared by the database's clock alone: the clocks of two senders may differ by more than a lease.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg

from services.notifier.domain.notifications import (
    DueNotification,
    NewNotification,
    NotificationKind,
    NotificationState,
)
from shared.kit.database import Connection, affected


async def add(connection: Connection, new: Sequence[NewNotification], now: datetime) -> set[UUID]:
    """Make those notifications that do not exist, due at once or withdrawn, and return their ids.

    Sorted by key, so that two transactions with the same ones queue up instead of deadlocking.
    """
    rows = sorted(new, key=lambda one: (one.kind, one.lead_id, one.decision_number))
    made = await connection.fetch(
        """
        INSERT INTO notifications (id, kind, lead_id, decision_number, member_id, correlation_id, reason,
                                   state, due_at, waiting_since, created_at, updated_at)
        SELECT id, kind, lead_id, decision_number, member_id, correlation_id, reason,
               CASE WHEN reason IS NULL THEN 'waiting' ELSE 'withdrawn' END, $8, $8, $8, $8
        FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::int[], $5::bigint[], $6::uuid[], $7::text[])
          AS row (id, kind, lead_id, decision_number, member_id, correlation_id, reason)
        ON CONFLICT DO NOTHING
        RETURNING id
        """,
        [row.id for row in rows],
        [row.kind.value for row in rows],
        [row.lead_id for row in rows],
        [row.decision_number for row in rows],
        [row.member_id for row in rows],
        [row.correlation_id for row in rows],
        [row.withdrawn_because for row in rows],
        now,
    )
    return {row["id"] for row in made}


class End(NamedTuple):
    """How a notification ended."""

    id: UUID
    state: NotificationState
    reason: str | None


async def list_ends(connection: Connection, ids: Sequence[UUID]) -> Sequence[End]:
    """How those of these notifications ended that have ended."""
    rows = await connection.fetch(
        """
        SELECT id, state, reason FROM notifications
        WHERE id = ANY($1::uuid[]) AND state NOT IN ('waiting', 'sending')
        """,
        ids,
    )
    return [End(row["id"], NotificationState(row["state"]), row["reason"]) for row in rows]


async def wake(connection: Connection, member_ids: Sequence[int], reason: str, now: datetime) -> None:
    """Make what waits for these members, for this reason, due at once."""
    await connection.execute(
        """
        UPDATE notifications SET due_at = $3
        WHERE member_id = ANY($1::bigint[]) AND state = 'waiting' AND reason = $2 AND due_at > $3
        """,
        member_ids,
        reason,
        now,
    )


async def lease(
    connection: Connection, holder: UUID, now: datetime, length: timedelta, limit: int
) -> Sequence[DueNotification]:
    """Take notifications that are due and in nobody's hands, the longest waiting first."""
    rows = await connection.fetch(
        """
        UPDATE notifications
        SET lease = $1, leased_until = clock_timestamp() + $3::interval, attempts = attempts + 1, updated_at = $2
        WHERE id IN (
            SELECT id FROM notifications
            WHERE state = 'waiting' AND due_at <= $2 AND (leased_until IS NULL OR leased_until < clock_timestamp())
            ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED
        )
        RETURNING id, kind, lead_id, decision_number, member_id, correlation_id, attempts, waiting_since
        """,
        holder,
        now,
        length,
        limit,
    )
    return [_due(row, holder) for row in rows]


async def renew(connection: Connection, holder: UUID, length: timedelta) -> None:
    """Hold on to what is still in hand."""
    await connection.execute(
        """
        UPDATE notifications SET leased_until = clock_timestamp() + $2::interval
        WHERE lease = $1 AND leased_until IS NOT NULL AND state IN ('waiting', 'sending')
        """,
        holder,
        length,
    )


async def begin(connection: Connection, due: DueNotification, now: datetime) -> bool:
    """Note that the content leaves now; False when the lease is no longer the caller's, who must not send then."""
    status = await connection.execute(
        """
        UPDATE notifications SET state = 'sending', updated_at = $3
        WHERE id = $1 AND lease = $2 AND state = 'waiting' AND leased_until > clock_timestamp()
        """,
        due.id,
        due.lease,
        now,
    )
    return affected(status) == 1


async def end(
    connection: Connection, due: DueNotification, state: NotificationState, reason: str | None, now: datetime
) -> bool:
    """Note how it ended; False when the lease is no longer the caller's, and then nothing changes.

    What was declared ambiguous because its sender kept silent too long (the database was away) is corrected.
    """
    status = await connection.execute(
        """
        UPDATE notifications
        SET state = $3, reason = $4, leased_until = NULL, updated_at = $5,
            sent_at = CASE WHEN $3 = 'sent' THEN $5::timestamptz END
        WHERE id = $1 AND lease = $2 AND state IN ('waiting', 'sending', 'ambiguous')
        """,
        due.id,
        due.lease,
        state.value,
        reason,
        now,
    )
    return affected(status) == 1


async def postpone(connection: Connection, due: DueNotification, reason: str, due_at: datetime, now: datetime) -> None:
    """Give it back, to be tried again later."""
    await connection.execute(
        """
        UPDATE notifications SET state = 'waiting', reason = $3, due_at = $4, leased_until = NULL, updated_at = $5
        WHERE id = $1 AND lease = $2 AND state IN ('waiting', 'sending', 'ambiguous')
        """,
        due.id,
        due.lease,
        reason,
        due_at,
        now,
    )


async def abandon(connection: Connection, reason: str, now: datetime, limit: int) -> Sequence[DueNotification]:
    """Declare those ambiguous whose sender died while their content was on its way, and return them."""
    rows = await connection.fetch(
        """
        UPDATE notifications SET state = 'ambiguous', reason = $1, leased_until = NULL, updated_at = $2
        WHERE id IN (
            SELECT id FROM notifications WHERE state = 'sending' AND leased_until < clock_timestamp()
            LIMIT $3 FOR UPDATE SKIP LOCKED
        )
        RETURNING id, kind, lead_id, decision_number, member_id, correlation_id, attempts, waiting_since, lease
        """,
        reason,
        now,
        limit,
    )
    return [_due(row, row["lease"]) for row in rows]


def _due(row: asyncpg.Record, holder: UUID) -> DueNotification:
    return DueNotification(
        id=row["id"],
        kind=NotificationKind(row["kind"]),
        lead_id=row["lead_id"],
        decision_number=row["decision_number"],
        member_id=row["member_id"],
        correlation_id=row["correlation_id"],
        attempts=row["attempts"],
        waiting_since=row["waiting_since"],
        lease=holder,
    )
