"""What is measured, by letter; each takes the stand and returns its rows."""

from collections.abc import Awaitable, Callable
from typing import Final

from tests.bench.measurements.acknowledge import measure_acknowledging
from tests.bench.measurements.channels import measure_channels
from tests.bench.measurements.draining import measure_draining, measure_two_each
from tests.bench.measurements.latency import measure_full_latency, measure_latency, measure_throughput
from tests.bench.measurements.registration import measure_full_registration, measure_registration
from tests.bench.rows import Row
from tests.bench.stand import Stand

Measure = Callable[[Stand], Awaitable[list[Row]]]


async def measure_full(stand: Stand) -> list[Row]:
    """Registration and latency with a million leads in the tables."""
    return [*await measure_full_registration(stand), *await measure_full_latency(stand)]


MEASUREMENTS: Final[dict[str, Measure]] = {
    "a": measure_registration,
    "b": measure_draining,
    "c": measure_acknowledging,
    "d": measure_latency,
    "e": measure_throughput,
    "g": measure_full,
    "h": measure_two_each,
    "s": measure_channels,
}
"""By letter, in the order in which they run; (f) is measured with (b)."""
