"""The three servers alone, in the foreground, for tests and for developing one service."""

import asyncio
import os
import signal
from pathlib import Path

from deploy.local.children import die_with_parent
from deploy.local.ports import Ports
from deploy.local.servers import Servers
from deploy.local.settings import LocalSettings
from deploy.local.stop_signals import stop_event


async def run_servers(settings: LocalSettings, *, free_ports: bool, with_parent: bool, durable: bool) -> None:
    """Run the servers until a signal; `<data>/environment` is written once they answer.

    The file can be sourced by a shell and vanishes at the end. `with_parent` ends the servers
    when the process that started them ends. Raises the error of a server that ends by itself.
    """
    if with_parent:
        die_with_parent(signal.SIGTERM, os.getppid())
    stop = stop_event()
    ports = Ports.free() if free_ports else settings.ports
    servers = Servers(settings.data, ports, given=settings.given, durable=durable)
    file = servers.data / "environment"
    file.unlink(missing_ok=True)
    async with servers:
        _write(file, servers.environment)
        print(file.read_text(), end="", flush=True)
        failures = [asyncio.create_task(server.failed()) for server in servers.ours]
        stopped = asyncio.create_task(stop.wait())
        done, pending = await asyncio.wait([stopped, *failures], return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        file.unlink(missing_ok=True)
        for failure in failures:
            if failure in done:
                raise failure.result()


def _write(file: Path, environment: dict[str, str]) -> None:
    unfinished = file.with_suffix(".new")
    lines = [f"export {name}='{value}'" for name, value in environment.items()]
    unfinished.write_text("\n".join(lines) + "\n")
    unfinished.chmod(0o600)
    unfinished.replace(file)
