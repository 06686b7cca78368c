"""A nudge from one task to others in the same process."""

import asyncio
from datetime import timedelta


class Signal:
    """Says that there may be work, to every waiter by itself. Only a hint: a waiter also looks when its time is up."""

    def __init__(self) -> None:
        self._waiters: list[Waiter] = []

    def set(self) -> None:
        """Wake every waiter, or let its next wait return at once."""
        for waiter in self._waiters:
            waiter.wake()

    def waiter(self) -> "Waiter":
        """A new waiter, which hears of everything from now on."""
        waiter = Waiter()
        self._waiters.append(waiter)
        return waiter


class Waiter:
    """One task's ear for a signal."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def wake(self) -> None:
        """Let the wait that is under way, or the next one, return."""
        self._event.set()

    async def wait(self, at_most: timedelta) -> None:
        """Return when woken since the last wait, or when the time is up."""
        try:
            async with asyncio.timeout(at_most.total_seconds()):
                await self._event.wait()
        except TimeoutError:
            return
        finally:
            self._event.clear()
