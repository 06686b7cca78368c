"""Background work as loops: a loop is `tick()`, which says how long to sleep, and everything else is here."""

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from shared.kit.broker import is_broker_error
from shared.kit.database import is_conflict, is_transient
from shared.kit.logging import describe, get_logger
from shared.kit.metrics import loop_failures

log = get_logger()

_SHORTEST = timedelta(milliseconds=200)
_LONGEST = timedelta(seconds=10)


class Loop(Protocol):
    """Something that is done again and again for as long as the process lives."""

    name: str

    async def tick(self) -> timedelta:
        """Do what is due and say how long to sleep; may raise, and is then called again after a growing wait."""
        ...


class Backoff:
    """Waits that double from 0.2 s to 10 s, with jitter so that many waiters do not return at once."""

    def __init__(self, shortest: timedelta = _SHORTEST, longest: timedelta = _LONGEST) -> None:
        self._shortest = shortest
        self._longest = longest
        self._next = shortest

    def reset(self) -> None:
        """Start again with the shortest wait, after a success."""
        self._next = self._shortest

    async def wait(self) -> None:
        """Sleep for the next wait."""
        seconds = self._next.total_seconds()
        self._next = min(self._next * 2, self._longest)
        await asyncio.sleep(seconds * random.uniform(0.5, 1.0))


async def run_loop(loop: Loop) -> None:
    """Tick for ever. A failure is logged once when it begins and once when it ends, not at every try."""
    backoff = Backoff()
    failing = ""
    while True:
        try:
            sleep = await loop.tick()
        except Exception as error:
            loop_failures.labels(loop.name).inc()
            if (kind := type(error).__name__) != failing:
                failing = kind
                known = is_transient(error) or is_conflict(error) or is_broker_error(error)
                log.warning("loop waits", loop=loop.name, error=describe(error), exc_info=None if known else error)
            await backoff.wait()
            continue
        if failing:
            log.info("loop goes on", loop=loop.name)
            failing = ""
        backoff.reset()
        await asyncio.sleep(max(0.0, sleep.total_seconds()))


async def run_loops(loops: Sequence[Loop]) -> None:
    """Run loops side by side until cancelled."""
    async with asyncio.TaskGroup() as group:
        for loop in loops:
            group.create_task(run_loop(loop), name=loop.name)
