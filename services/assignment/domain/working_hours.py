"""When a member is on shift, in the member's own time zone, whatever its clocks do."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.contracts.assignment import Shift

# A weekly shift that falls into the hour a spring change skips comes back two weeks later.
_DAYS_AHEAD = 16


def is_on_shift(shifts: Sequence[Shift], zone: ZoneInfo, at: datetime) -> bool:
    """Tell whether `at` lies in a shift; no shifts at all mean always on shift."""
    if not shifts:
        return True
    today = at.astimezone(zone).date()
    days = (today - timedelta(days=1), today)
    return any(starts_at <= at < ends_at for starts_at, ends_at in _stretches(shifts, zone, days))


def next_shift_at(shifts: Sequence[Shift], zone: ZoneInfo, at: datetime) -> datetime | None:
    """Find the first instant after `at` at which a shift starts, as UTC; None without shifts."""
    today = at.astimezone(zone).date()
    days = (today + timedelta(days=ahead) for ahead in range(-1, _DAYS_AHEAD))
    return min((starts_at for starts_at, _ in _stretches(shifts, zone, days) if starts_at > at), default=None)


def _stretches(
    shifts: Sequence[Shift], zone: ZoneInfo, days: Iterator[date] | Sequence[date]
) -> Iterator[tuple[datetime, datetime]]:
    """Yield start and end, as UTC, of the shifts that start on `days`; who ends by their start works overnight."""
    for day in days:
        for shift in shifts:
            if shift.weekday != day.weekday():
                continue
            last_day = day if shift.ends_at > shift.starts_at else day + timedelta(days=1)
            # An hour that comes twice belongs to the shift both times: the first start, the last end. A shift that
            # ends where such an hour begins has no part in it.
            ends_on = datetime.combine(last_day, shift.ends_at)
            starts_at = _instant(datetime.combine(day, shift.starts_at), zone, fold=0)
            ends_at = _instant(ends_on, zone, fold=int(_comes_twice(ends_on - datetime.resolution, zone)))
            if starts_at < ends_at:
                yield starts_at, ends_at


def _comes_twice(wall: datetime, zone: ZoneInfo) -> bool:
    """Whether the clocks show this time twice; also True for a time that they skip."""
    first, last = (wall.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return first != last


def _instant(wall: datetime, zone: ZoneInfo, *, fold: int) -> datetime:
    """Turn a wall clock's time into UTC; a time that the clocks skip becomes the moment of the change."""
    instant = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall:
        return instant
    # In a gap, fold 1 reckons with the offset after the change and so lies before it; fold 0 the other way round.
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=int((after - before).total_seconds()) // 2)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
