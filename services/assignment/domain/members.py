"""A member of the team, as far as the rules need one."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from services.assignment.domain.working_hours import is_on_shift, next_shift_at
from shared.contracts.assignment import Shift
from shared.contracts.words import Role

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody of the team. `capacity` is the number of open leads that they may hold at once."""

    id: int
    name: str
    role: Role
    capacity: int
    time_zone: str
    working_hours: tuple[Shift, ...]
    is_active: bool

    def off_shift_until(self, at: datetime) -> str | None:
        """Say when the next shift begins, such as `Mon 09:00 Europe/Berlin`; None while on shift."""
        zone = ZoneInfo(self.time_zone)
        if is_on_shift(self.working_hours, zone, at):
            return None
        starts_at = next_shift_at(self.working_hours, zone, at)
        if starts_at is None:
            return "further notice"
        local = starts_at.astimezone(zone)
        return f"{_WEEKDAYS[local.weekday()]} {local:%H:%M} {self.time_zone}"
