"""The machine that a run found, and what its processes cost: seconds of CPU and megabytes of their own."""

import os
import platform
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_SYNCS: Final = 50


def describe_machine() -> list[str]:
    """Say in a few lines what this machine is, and how busy it was found."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = ", ".join(f"{one:.2f}" for one in os.getloadavg())
    return [
        f"{os.cpu_count()} × {cpu}, {memory:.0f} GiB, {platform.system()} {platform.release()}",
        f"Python {platform.python_version()}, load before the run {load} (1, 5, 15 min)",
    ]


def fsync_milliseconds(folder: Path) -> float:
    """How long the disk beneath a folder takes to make 8 kB durable, the median in milliseconds."""
    file = folder / "fsync"
    samples = []
    with file.open("wb", buffering=0) as output:
        for _ in range(_SYNCS):
            output.write(bytes(8192))
            started = time.perf_counter()
            os.fdatasync(output.fileno())
            samples.append((time.perf_counter() - started) * 1000)
    file.unlink()
    return median(samples)


def cpu_seconds(pid: int) -> float:
    """What a process has used so far, in user and kernel, its ended children included."""
    # The second field is the command in parentheses, and may hold spaces.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / _TICKS


def cpu_of_tree(pid: int | None) -> float:
    """What a process and everything below it has used so far; a server with many processes counts whole."""
    assert pid is not None
    used = 0.0
    for one in tree(pid):
        # It may have ended meanwhile: then its parent has what it used.
        with suppress(FileNotFoundError, ProcessLookupError):
            used += cpu_seconds(one)
    return used


def describe_cost(before: Mapping[str, float], after: Mapping[str, float], amount: int) -> str:
    """What one of an amount has cost each process and server, in µs of CPU."""
    each = {name: (after[name] - used) / amount * 1e6 for name, used in before.items()}
    parts = ", ".join(f"{name} {cost:,.0f}" for name, cost in each.items())
    return f"{sum(each.values()):,.0f} µs of CPU each ({parts})"


def tree(pid: int) -> Iterable[int]:
    """A process and its descendants, those that live now."""
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        yield one
        with suppress(FileNotFoundError, ProcessLookupError):
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]


def megabytes(pid: int) -> float:
    """A process' proportional share of memory (PSS): what is shared counts in parts."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
