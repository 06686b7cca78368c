"""The signals that ask us to stop."""

import asyncio
import signal
from typing import Final

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def stop_event() -> asyncio.Event:
    """Return an event that Ctrl-C, SIGTERM and a closed terminal set; call within a running loop."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, event.set)
    return event
