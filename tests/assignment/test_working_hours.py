"""When somebody is on shift, in zones whose clocks jump."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.assignment.domain.working_hours import is_on_shift, next_shift_at
from shared.contracts.assignment import Shift
from tests.assignment.makers import member, shift

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ["UTC", "Europe/Berlin", "America/Santiago", "Africa/Cairo", "Australia/Lord_Howe", "America/Havana"]


def berlin(text: str, fold: int = 0) -> datetime:
    """An instant from a Berlin wall clock."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).astimezone(UTC)


def test_no_shifts_mean_always() -> None:
    """Somebody without working hours is always on shift."""
    assert is_on_shift((), BERLIN, berlin("2026-03-01T03:00"))


@pytest.mark.parametrize(
    ("wall", "expected"),
    [
        ("2026-03-02T08:59:59", False),
        ("2026-03-02T09:00", True),
        ("2026-03-02T16:59:59", True),
        ("2026-03-02T17:00", False),
        ("2026-03-03T12:00", False),
    ],
)
def test_a_day_shift_has_its_start_and_not_its_end(wall: str, expected: bool) -> None:
    """A shift holds from its first minute to just before its last, on its weekday only."""
    assert expected == is_on_shift([shift(0, "09:00", "17:00")], BERLIN, berlin(wall))


@pytest.mark.parametrize(
    ("wall", "expected"),
    [
        ("2026-03-02T21:59", False),
        ("2026-03-02T22:00", True),
        ("2026-03-03T05:59", True),
        ("2026-03-03T06:00", False),
        ("2026-03-03T23:00", False),
    ],
)
def test_a_night_shift_belongs_to_the_day_it_starts(wall: str, expected: bool) -> None:
    """A shift that ends before it starts goes on into the next day."""
    assert expected == is_on_shift([shift(0, "22:00", "06:00")], BERLIN, berlin(wall))


def test_midnight_ends_the_same_day() -> None:
    """An end of 00:00 is the midnight at the end of the shift's day."""
    shifts = [shift(0, "18:00", "00:00")]
    assert is_on_shift(shifts, BERLIN, berlin("2026-03-02T23:59"))
    assert not is_on_shift(shifts, BERLIN, berlin("2026-03-03T00:00"))


def test_a_sunday_night_reaches_monday() -> None:
    """The week wraps around."""
    assert is_on_shift([shift(6, "23:00", "02:00")], BERLIN, berlin("2026-03-02T01:00"))


def test_a_shift_that_starts_in_the_skipped_hour_starts_when_clocks_jump() -> None:
    """On the spring night, 02:30 does not exist; the shift starts at 03:00 summer time."""
    shifts = [shift(6, "02:30", "10:00")]
    jump = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert not is_on_shift(shifts, BERLIN, jump - timedelta(seconds=1))
    assert is_on_shift(shifts, BERLIN, jump)
    assert jump == next_shift_at(shifts, BERLIN, jump - timedelta(hours=3))


def test_the_hour_that_comes_twice_is_worked_twice() -> None:
    """On the autumn night a shift from 02:00 to 03:00 lasts two hours without a hole."""
    shifts = [shift(6, "02:00", "03:00")]
    for minutes in range(0, 120, 10):
        at = datetime(2026, 10, 25, 0, 0, tzinfo=UTC) + timedelta(minutes=minutes)
        assert is_on_shift(shifts, BERLIN, at), at
    assert not is_on_shift(shifts, BERLIN, datetime(2026, 10, 25, 2, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("zone", "worked", "ends_at"),
    [
        ("Europe/Berlin", shift(5, "18:00", "02:00"), "2025-10-26T02:00+02:00"),
        ("Europe/Berlin", shift(5, "18:00", "02:30"), "2025-10-26T02:30+01:00"),
        ("Europe/Berlin", shift(5, "18:00", "03:00"), "2025-10-26T03:00+01:00"),
        ("America/Havana", shift(5, "09:00", "00:00"), "2024-11-03T00:00-04:00"),
        ("America/Havana", shift(5, "09:00", "01:00"), "2024-11-03T01:00-05:00"),
    ],
)
def test_who_leaves_before_the_hour_that_comes_twice_works_none_of_it(zone: str, worked: Shift, ends_at: str) -> None:
    """A shift that ends where the repeated hour begins ends at its first beginning; any later end is the last one."""
    end = datetime.fromisoformat(ends_at)
    assert is_on_shift([worked], ZoneInfo(zone), end - timedelta(seconds=1))
    assert not is_on_shift([worked], ZoneInfo(zone), end)
    assert not is_on_shift([worked], ZoneInfo(zone), end + timedelta(minutes=30))


def test_a_shift_inside_the_skipped_hour_does_not_take_place() -> None:
    """A shift of which nothing exists on the spring night is next on a week later."""
    shifts = [shift(6, "02:10", "02:50")]
    before = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
    assert berlin("2026-04-05T02:10") == next_shift_at(shifts, BERLIN, before)


def test_a_member_says_when_they_are_back_in_their_own_time() -> None:
    """The words name the weekday, the wall time and the zone of the member."""
    away = member(time_zone="Europe/Berlin", working_hours=(shift(0, "09:00", "17:00"),))
    assert away.off_shift_until(berlin("2026-03-02T18:00")) == "Mon 09:00 Europe/Berlin"
    assert away.off_shift_until(berlin("2026-03-02T10:00")) is None


shifts_of_a_week = st.lists(
    st.builds(Shift, weekday=st.integers(0, 6), starts_at=st.times(), ends_at=st.times()), min_size=1, max_size=5
)


@given(
    shifts=shifts_of_a_week,
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    at=st.integers(0, 10 * 365 * 86400).map(
        lambda passed: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=passed)
    ),
)
def test_the_next_shift_is_the_next_one(shifts: list[Shift], zone: ZoneInfo, at: datetime) -> None:
    """Somebody off shift is on shift at the announced instant, and not a moment before."""
    starts_at = next_shift_at(shifts, zone, at)
    assert starts_at is not None
    assert starts_at > at
    assert is_on_shift(shifts, zone, starts_at)
    if not is_on_shift(shifts, zone, at):
        assert not is_on_shift(shifts, zone, starts_at - timedelta(microseconds=1))
        assert not is_on_shift(shifts, zone, at + (starts_at - at) / 2)
