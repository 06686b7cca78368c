"""The three servers alone, in the foreground, for tests and for developing one service."""

import asyncio
import shutil

from deploy.local.assignments import write_assignments
from deploy.local.folder_lock import FolderLock
from deploy.local.ports import Ports
from deploy.local.servers import Servers
from deploy.local.settings import LocalSettings
from deploy.local.stop_signals import stop_event


async def run_servers(settings: LocalSettings, lock: FolderLock, *, temporary: bool) -> None:
    """Run the servers until a signal; `<data>/environment` is written once they answer.

    That file can be sourced by a shell and vanishes at the end. `temporary` servers take free ports,
    skip fsync and remove their data at the end. Raises the error of a server that ends by itself.
    """
    stop = stop_event()
    ports = Ports.free() if temporary else settings.ports
    servers = Servers(settings.data, ports, lock=lock, given=settings.given, durable=not temporary)
    try:
        async with servers:
            await _until_stopped(servers, stop)
    finally:
        if temporary:
            shutil.rmtree(settings.data, ignore_errors=True)


async def _until_stopped(servers: Servers, stop: asyncio.Event) -> None:
    file = servers.data / "environment"
    write_assignments(file, servers.environment)
    print(file.read_text(), end="", flush=True)
    failures = [asyncio.create_task(server.failed()) for server in servers.ours]
    stopped = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait([stopped, *failures], return_when=asyncio.FIRST_COMPLETED)
    finally:
        file.unlink(missing_ok=True)
        for task in (stopped, *failures):
            task.cancel()
    for failure in failures:
        if failure in done:
            raise failure.result()
