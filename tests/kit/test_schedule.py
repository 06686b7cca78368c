"""Slots of scheduled jobs, with an injected clock."""

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from shared.kit.database import Database
from shared.kit.schedule import Job, Scheduler
from tests.support.clock import MovingClock


async def nothing(_: datetime) -> None:
    """A job without an effect."""


@pytest.mark.parametrize(
    ("zone", "cron", "now", "expected"),
    [
        # Cairo skips midnight on 24 April 2026: the slot of that day moves to the first minute there is.
        ("Africa/Cairo", "0 0 * * *", "2026-04-24T06:30:00Z", "2026-04-23T22:00:00Z"),
        # Berlin's 02:30 of 25 October happens twice; it is one slot, the first of the two.
        ("Europe/Berlin", "30 2 * * *", "2026-10-25T12:00:00Z", "2026-10-25T00:30:00Z"),
        ("UTC", "*/5 * * * *", "2026-03-01T10:07:30Z", "2026-03-01T10:05:00Z"),
        ("UTC", "0 10 * * *", "2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z"),
    ],
)
def test_latest_slot(zone: str, cron: str, now: str, expected: str) -> None:
    """The last slot that is due is found in the job's own zone, also where clocks jump."""
    job = Job("tested", cron, nothing, zone=ZoneInfo(zone))
    assert datetime.fromisoformat(expected) == job.latest_slot(datetime.fromisoformat(now))


async def test_two_schedulers_run_a_slot_once(database: Database) -> None:
    """Two processes that look at the same moment run a job once per slot."""
    clock = MovingClock(datetime(2026, 5, 4, 9, 0, 10, tzinfo=UTC))
    ran: list[datetime] = []

    async def job(slot: datetime) -> None:
        ran.append(slot)
        await asyncio.sleep(0.05)

    jobs = [Job("digest", "0 * * * *", job)]
    schedulers = [Scheduler(jobs=jobs, database=database, clock=clock) for _ in range(4)]
    for _ in range(3):
        await asyncio.gather(*(scheduler.tick() for scheduler in schedulers))
    assert [datetime(2026, 5, 4, 9, tzinfo=UTC)] == ran


async def test_missed_slots_are_caught_up_once(database: Database) -> None:
    """After a night without a scheduler the latest slot runs, not every one that was missed."""
    clock = MovingClock(datetime(2026, 5, 4, 9, 0, 10, tzinfo=UTC))
    ran: list[int] = []

    async def job(slot: datetime) -> None:
        ran.append(slot.hour)

    scheduler = Scheduler(jobs=[Job("hourly", "0 * * * *", job)], database=database, clock=clock)
    await scheduler.tick()
    clock.at += timedelta(hours=8)
    await scheduler.tick()
    await scheduler.tick()
    assert [9, 17] == ran


async def test_a_slot_of_a_dead_process_runs_again(database: Database) -> None:
    """A job whose process died within its lease is run by another one when the lease is over."""
    clock = MovingClock(datetime(2026, 5, 4, 9, 0, 10, tzinfo=UTC))
    ran: list[str] = []

    async def dies(_: datetime) -> None:
        ran.append("died")
        raise asyncio.CancelledError

    async def works(_: datetime) -> None:
        ran.append("worked")

    with pytest.raises(asyncio.CancelledError):
        await Scheduler(jobs=[Job("nightly", "0 9 * * *", dies)], database=database, clock=clock).tick()
    successor = Scheduler(jobs=[Job("nightly", "0 9 * * *", works)], database=database, clock=clock)
    await successor.tick()
    assert ["died"] == ran
    # The lease is over by the database's clock; a process whose own clock is hours ahead does not matter.
    clock.at += timedelta(minutes=30)
    await successor.tick()
    assert ["died"] == ran
    async with database.connection() as connection:
        await connection.execute("UPDATE schedule_slots SET leased_until = now() - interval '1 second'")
    await successor.tick()
    await successor.tick()
    assert ["died", "worked"] == ran


async def test_a_failing_job_is_tried_again(database: Database) -> None:
    """A job that raises keeps its error and is run again, up to five times."""
    clock = MovingClock(datetime(2026, 5, 4, 9, 0, 10, tzinfo=UTC))
    tries: list[int] = []

    async def fails(_: datetime) -> None:
        tries.append(1)
        raise ValueError("no")

    scheduler = Scheduler(jobs=[Job("broken", "0 9 * * *", fails)], database=database, clock=clock)
    for _ in range(8):
        clock.at += timedelta(minutes=1)
        await scheduler.tick()
    assert 5 == len(tries)
    async with database.connection() as connection:
        error = await connection.fetchval("SELECT error FROM schedule_slots WHERE job = 'broken'")
    assert "ValueError" in error
