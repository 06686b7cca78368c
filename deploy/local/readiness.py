"""Waiting until every service says that it can do its job."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from deploy.local.environment import Service

SLOW: Final = 20.0


async def until_ready(services: Sequence[Service], say: Callable[[str], None]) -> None:
    """Return once all services answer /health/ready with 200; names those that take long."""
    async with asyncio.TaskGroup() as tasks:
        for service in services:
            tasks.create_task(_until_ready(service, say))


async def _until_ready(service: Service, say: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    slow_at = loop.time() + SLOW
    while not await _is_ready(service):
        if loop.time() > slow_at:
            say(f"still waiting for {service.name}: {service.url}/health/ready does not answer 200")
            slow_at += SLOW
        await asyncio.sleep(0.05)


async def _is_ready(service: Service) -> bool:
    """Ask by hand: an HTTP library would take longer to import than the whole start has left."""
    host = service.url.removeprefix("http://").rsplit(":", 1)[0]
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(host, service.port)
            try:
                writer.write(f"GET /health/ready HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except OSError:
        return False
