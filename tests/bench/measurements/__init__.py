"""What is measured, by letter; each takes the stand and returns its rows."""

from collections.abc import Awaitable, Callable
from typing import Final

from tests.bench.measurements.acknowledge import measure_acknowledging
from tests.bench.measurements.registration import measure_full_registration, measure_registration
from tests.bench.rows import Row
from tests.bench.stand import Stand

Measure = Callable[[Stand], Awaitable[list[Row]]]

MEASUREMENTS: Final[dict[str, Measure]] = {
    "a": measure_registration,
    "c": measure_acknowledging,
    "g": measure_full_registration,
}
"""By letter, in the order in which they run."""
