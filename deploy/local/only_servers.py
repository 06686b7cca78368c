"""The three servers alone, in the foreground, for tests and for developing one service."""

import asyncio
import shutil
import signal
from pathlib import Path

from deploy.local.children import die_with_parent
from deploy.local.ports import Ports
from deploy.local.servers import Servers
from deploy.local.settings import LocalSettings
from deploy.local.stop_signals import stop_event


async def run_servers(settings: LocalSettings, *, temporary: bool, parent: int | None) -> None:
    """Run the servers until a signal; `<data>/environment` is written once they answer.

    That file can be sourced by a shell and vanishes at the end. `temporary` servers take free ports,
    skip fsync and remove their data at the end. With `parent`, they end when that process ends.
    Raises the error of a server that ends by itself.
    """
    if parent is not None:
        die_with_parent(signal.SIGTERM, parent)
    stop = stop_event()
    ports = Ports.free() if temporary else settings.ports
    servers = Servers(settings.data, ports, given=settings.given, durable=not temporary)
    try:
        async with servers:
            await _until_stopped(servers, stop)
    finally:
        if temporary:
            shutil.rmtree(settings.data, ignore_errors=True)


async def _until_stopped(servers: Servers, stop: asyncio.Event) -> None:
    file = servers.data / "environment"
    _write(file, servers.environment)
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


def _write(file: Path, environment: dict[str, str]) -> None:
    unfinished = file.with_suffix(".new")
    lines = [f"export {name}='{value}'" for name, value in environment.items()]
    unfinished.write_text("\n".join(lines) + "\n")
    unfinished.chmod(0o600)
    unfinished.replace(file)
