"""Lead numbers: `LEAD-20250401-001`, the business date and a serial that is gap-free within it."""

import re
from datetime import date
from functools import lru_cache

_NUMBER = re.compile(r"LEAD-(\d{4})(\d{2})(\d{2})-(\d{3,9})", re.ASCII)


def lead_number(day: date, serial: int) -> str:
    """Write the number of the `serial`-th lead of a day; it has three digits at least and grows past 999."""
    return f"{_prefix(day)}{serial:03d}"


@lru_cache(maxsize=8)
def _prefix(day: date) -> str:
    return f"LEAD-{day:%Y%m%d}-"


def parse_lead_number(text: str) -> tuple[date, int] | None:
    """Read a number back as (day, serial); None when it is none. Case and outer blanks do not matter."""
    found = _NUMBER.fullmatch(text.strip().upper())
    if found is None:
        return None
    year, month, day, serial = (int(part) for part in found.groups())
    try:
        parsed = date(year, month, day), serial
    except ValueError:
        return None
    return parsed if serial and lead_number(*parsed) == found[0] else None
