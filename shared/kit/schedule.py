"""Jobs at times of day: each slot of a job is one row, run by whoever leases it first."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from cronsim import CronSim

from shared.kit.clock import Clock
from shared.kit.database import Connection, Database, affected, is_transient
from shared.kit.logging import describe, get_logger
from shared.kit.metrics import jobs_run

log = get_logger()

_ATTEMPTS = 5
_LOOK_BACK = timedelta(days=40)


@dataclass(frozen=True)
class Job:
    """Something to do at the times of a cron expression, in a zone; `run` gets the slot and must be repeatable.

    A job whose process dies is run again by another after `lease`. Missed slots are caught up once: only the
    latest one that is due runs. cronsim gives a time in the autumn's double hour once, so that jobs which run
    several times an hour pause in it: give those the zone UTC.
    """

    name: str
    cron: str
    run: Callable[[datetime], Awaitable[None]]
    zone: tzinfo = UTC
    lease: timedelta = timedelta(minutes=5)

    def latest_slot(self, now: datetime) -> datetime | None:
        """The last time that was due at `now`, as UTC; None when there was none within 40 days."""
        local = now.astimezone(self.zone)
        slot = next(CronSim(self.cron, local + timedelta(minutes=1), reverse=True), None)
        while slot is not None and slot > local:
            slot = next(CronSim(self.cron, slot, reverse=True), None)
        return slot.astimezone(UTC) if slot and local - slot < _LOOK_BACK else None


@dataclass(frozen=True, slots=True)
class _Taken:
    """A leased slot; the attempt's number tells whether the lease is still one's own."""

    slot: datetime
    attempt: int


class Scheduler:
    """A loop that runs the jobs whose time has come."""

    name = "scheduler"

    def __init__(self, *, jobs: Sequence[Job], database: Database, clock: Clock) -> None:
        self._jobs = jobs
        self._database = database
        self._clock = clock

    async def tick(self) -> timedelta:
        """Open the slots that are due and run those that nobody holds."""
        for job in self._jobs:
            slot = job.latest_slot(self._clock.now())
            if slot is not None and (taken := await self._take(job, slot)) is not None:
                await self._run(job, taken)
        return timedelta(seconds=5)

    async def _take(self, job: Job, slot: datetime) -> _Taken | None:
        """Lease the slot, or an earlier one whose process died; None when all are done or in other hands."""
        async with self._database.transaction() as connection:
            await connection.execute(
                """
                INSERT INTO schedule_slots (job, slot) SELECT $1, $2
                WHERE NOT EXISTS (SELECT 1 FROM schedule_slots WHERE job = $1 AND slot >= $2)
                ON CONFLICT DO NOTHING
                """,
                job.name,
                slot,
            )
            # Leases go by the database's clock, the one that all processes share.
            taken = await connection.fetchrow(
                """
                UPDATE schedule_slots SET leased_until = now() + $2::interval, attempts = attempts + 1
                WHERE (job, slot) IN (
                    SELECT job, slot FROM schedule_slots
                    WHERE job = $1 AND finished_at IS NULL AND attempts < $3
                      AND (leased_until IS NULL OR leased_until < now())
                    ORDER BY slot DESC LIMIT 1 FOR UPDATE SKIP LOCKED
                )
                RETURNING slot, attempts
                """,
                job.name,
                job.lease,
                _ATTEMPTS,
            )
            return None if taken is None else _Taken(taken["slot"], taken["attempts"])

    async def _run(self, job: Job, taken: _Taken) -> None:
        slot = taken.slot
        try:
            await job.run(slot)
        except Exception as error:
            jobs_run.labels(job.name, "failed").inc()
            log.error("job failed", job=job.name, slot=slot.isoformat(), error=describe(error), exc_info=error)
            if is_transient(error):
                raise
            await self._finish(job, taken, describe(error))
            return
        jobs_run.labels(job.name, "done").inc()
        await self._finish(job, taken, None)

    async def _finish(self, job: Job, taken: _Taken, error: str | None) -> None:
        """Close the slot, or after an error give the lease back; nothing, when another has taken it meanwhile."""
        async with self._database.connection() as connection:
            await connection.execute(
                """
                UPDATE schedule_slots
                SET error = $3, leased_until = NULL, finished_at = CASE WHEN $3::text IS NULL THEN now() END
                WHERE job = $1 AND slot = $2 AND attempts = $4
                """,
                job.name,
                taken.slot,
                error,
                taken.attempt,
            )


async def prune(connection: Connection, older_than: timedelta) -> int:
    """Forget slots that ended long ago; the latest of each job stays, since it says what was done."""
    return affected(
        await connection.execute(
            """
            DELETE FROM schedule_slots AS old WHERE slot < now() - $1::interval
            AND EXISTS (SELECT 1 FROM schedule_slots AS newer WHERE newer.job = old.job AND newer.slot > old.slot)
            """,
            older_than,
        )
    )
