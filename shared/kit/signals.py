"""A nudge from one task to another in the same process."""

import asyncio
from datetime import timedelta


class Signal:
    """Says that there may be work. Only a hint: the waiter also looks by itself after its time is up."""

    def __init__(self) -> None:
        self._event: asyncio.Event | None = None

    def set(self) -> None:
        """Wake the waiter, or let its next wait return at once."""
        if self._event:
            self._event.set()

    async def wait(self, at_most: timedelta) -> None:
        """Return when set, or when the time is up."""
        if self._event is None:
            self._event = asyncio.Event()
        try:
            async with asyncio.timeout(at_most.total_seconds()):
                await self._event.wait()
        except TimeoutError:
            return
        finally:
            self._event.clear()
