"""Watching the disk: servers that run out of it stop in ugly ways, so we stop them before."""

import asyncio
import shutil
from pathlib import Path
from typing import Final

from deploy.local.errors import LaunchError

LEAST: Final = 64 * 1024 * 1024
EVERY: Final = 2.0


async def until_full(data: Path) -> LaunchError:
    """Return, as an error to raise, once less than 64 MB are free where the data is."""
    while shutil.disk_usage(data).free >= LEAST:
        await asyncio.sleep(EVERY)
    return LaunchError(
        f"The disk that holds {data} is full: less than {LEAST >> 20} MB are free. Everything was stopped "
        "before data could be damaged. Free some space and start again: nothing that was accepted is lost."
    )
