"""All of Leadline on one machine: servers, preparation, services, and their end."""

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from typing import Any

from deploy.local.aot_training import train
from deploy.local.assignments import write_assignments
from deploy.local.disk import until_full
from deploy.local.environment import (
    MAIL,
    Service,
    catches_mail,
    require_free_ports,
    service_environment,
    services_to_run,
)
from deploy.local.first_error import first_error
from deploy.local.folder_lock import FolderLock
from deploy.local.nursery import Nursery, Started
from deploy.local.output import Output
from deploy.local.readiness import until_ready
from deploy.local.servers import Servers
from deploy.local.settings import LocalSettings
from deploy.local.state_file import StateFile
from deploy.local.stop_signals import stop_event
from deploy.local.welcome import welcome


async def run_everything(settings: LocalSettings, lock: FolderLock) -> None:
    """Run until a signal, then stop everything in good order; a second signal kills.

    Raises `LaunchError` when something cannot start, or when a server ends by itself; then, too,
    nothing is left running.
    """
    stop = stop_event()
    services = services_to_run()
    require_free_ports(services, settings)
    launcher = Launcher(settings, services, lock)
    try:
        await _until(stop, launcher.run())
    finally:
        stop.clear()
        await launcher.stop(stop)


class Launcher:
    """Everything that one `make run` runs."""

    def __init__(self, settings: LocalSettings, services: list[Service], lock: FolderLock) -> None:
        self._began = time.monotonic()
        self._settings = settings
        self._services = services
        self._servers = Servers(settings.data, settings.ports, lock=lock, given=settings.given)
        self._state = StateFile(settings.data)
        self._environment_file = settings.data / "environment"
        self._environment_file.unlink(missing_ok=True)
        self._output = Output(settings.data / "logs")
        modules = {service.name: service.module for service in services}
        if catches_mail():
            modules[MAIL] = "deploy.local.mail_catcher"
        self._nursery = Nursery(modules, self._output, [lock.descriptor])

    async def run(self) -> None:
        """Start everything, say when it is ready, and go on until something ends that must not."""
        async with asyncio.TaskGroup() as tasks:
            # Importing takes as long as the servers' start: both at once.
            tasks.create_task(self._nursery.imported())
            tasks.create_task(self._servers.start())
        self._state.servers({server.name: server.pid for server in self._servers.ours})
        environment = service_environment(self._settings, self._servers.environment)
        write_assignments(self._environment_file, environment)
        async with asyncio.TaskGroup() as tasks:
            for server in self._servers.ours:
                tasks.create_task(_raise(server.failed()))
            tasks.create_task(_raise(until_full(self._settings.data)))
            tasks.create_task(self._run_services(environment))

    async def stop(self, again: asyncio.Event) -> None:
        """Stop the services, then the servers that they close their work with; `again` kills all."""
        self._output.say("stopping …")
        try:
            await _until(again, self._stop())
        finally:
            self._nursery.kill()
            await self._servers.kill()
            self._state.remove()
            self._environment_file.unlink(missing_ok=True)
            await self._output.drain()
            self._servers.lock.release()

    async def _stop(self) -> None:
        await self._nursery.stop()
        await self._servers.stop()

    async def _run_services(self, environment: dict[str, str]) -> None:
        await self._nursery.prepare(environment)
        self._nursery.open()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell_news())
            await until_ready(self._services, self._output.say)
            self._state.ready()
            seconds = time.monotonic() - self._began
            self._output.show(welcome(self._services, environment, self._settings.data, seconds, self._settings.given))
            if self._servers.kafka in self._servers.ours:
                tasks.create_task(train(gently=True))

    async def _tell_news(self) -> None:
        async for news in self._nursery.news():
            if isinstance(news, Started):
                self._state.service(news.name, news.pid)
            else:
                self._output.say(f"{news.name} ended with code {news.code}; starting it again in {news.pause:g} s")


async def _raise(failure: Coroutine[Any, Any, Exception]) -> None:
    raise await failure


async def _until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Run some work until it ends or the event is set; raises the first error of the work."""
    working, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
    for task in (working, stopped):
        if not task.done():
            task.cancel()
    with first_error(), contextlib.suppress(asyncio.CancelledError):
        await working
