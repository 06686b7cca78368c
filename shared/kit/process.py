"""Running a service: its API, its worker, or both in one process and one event loop."""

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import uvicorn
import uvloop
from fastapi import APIRouter, FastAPI
from faststream.kafka import KafkaBroker
from pydantic import ValidationError
from starlette.types import ASGIApp

from shared.kit.broker import Broker, build_broker, is_broker_error
from shared.kit.consumer import Consumer
from shared.kit.logging import describe, get_logger
from shared.kit.loops import Backoff, Loop, run_loops
from shared.kit.relay import Relay

log = get_logger()

# Several times as long as loops leave the broker alone.
_SILENCE_SECONDS = 45.0
# A batch makes tens of thousands of objects, which all live as long as it does: looking for garbage among them each
# 700 allocations, as Python does by itself, takes a fifth of a worker's time and finds nothing.
_OBJECTS_BETWEEN_COLLECTIONS = 50_000


@dataclass
class Worker:
    """Everything of a service that works without being asked: consumers, relays, sweeps, schedules."""

    service: str
    broker: Broker
    consumers: Sequence[Consumer[Any]] = ()
    relays: Sequence[Relay] = ()
    loops: Sequence[Loop] = ()
    is_running: bool = field(default=False, init=False)

    async def run(self) -> None:
        """Work until cancelled; then finish the batch in hand, commit it, and leave the groups."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(run_loops([*self.relays, *self.loops]))
                group.create_task(self._consume())
        finally:
            for relay in self.relays:
                await relay.close()

    async def check(self) -> None:
        """Raise when the consumers have not joined their groups yet, or the broker has been silent for long."""
        if not self.is_running:
            raise ConnectionError("the consumers have not joined their groups yet")
        if monotonic() - self.broker.answered_at > _SILENCE_SECONDS:
            raise ConnectionError("the broker does not answer")

    async def _consume(self) -> None:
        backoff = Backoff()
        while True:
            broker = build_broker(self.broker.bootstrap_servers, self.service)
            for consumer in self.consumers:
                consumer.subscribe(broker)
            try:
                # A consumer that joins before its topic exists would ask for it without a pause.
                await self.broker.ensure_topics(consumer.topic for consumer in self.consumers)
                await broker.start()
                self.is_running = True
                await asyncio.Event().wait()
            except Exception as error:
                if not is_broker_error(error):
                    raise
                log.warning("consumers wait for the broker", error=describe(error))
                await backoff.wait()
            finally:
                self.is_running = False
                await _stop(broker)


async def _stop(broker: KafkaBroker) -> None:
    # Leaving a group needs the broker; one that is down must not hold up a shutdown.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(6):
            await broker.stop()


@dataclass
class Service:
    """A service that has been wired: its app, where to serve it, and its worker.

    `watches` are loops that run wherever the app is served.
    """

    name: str
    host: str
    port: int
    app: ASGIApp
    worker: Worker | None = None
    health: APIRouter | None = None
    watches: Sequence[Loop] = ()


Wire = Callable[[], AbstractAsyncContextManager[Service]]


class _Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: signals end all parts of the process together."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(service: Service, app: ASGIApp) -> None:
    """Serve an app at a service's address until cancelled; requests in flight get 3 s to end."""
    config = uvicorn.Config(
        app,
        host=service.host,
        port=service.port,
        log_config=None,
        access_log=False,
        server_header=False,
        # Who the client is behind a proxy is for the service to decide, which knows its proxies.
        proxy_headers=False,
        timeout_graceful_shutdown=3,
        lifespan="off",
    )
    server = _Server(config)
    try:
        await server.serve()
    except asyncio.CancelledError:
        server.should_exit = True
        await server.shutdown()
        raise


def run(wire: Wire, *, api: bool = True, worker: bool = True) -> None:
    """Run a service until SIGTERM or SIGINT; exits with 2 and a sentence when its settings are not usable.

    A worker that runs apart serves its health pages on the service's port, so give it another one than the API's.
    """
    try:
        uvloop.run(_run(wire, api=api, worker=worker))
    except ValidationError as error:
        for one in error.errors():
            place = "_".join(str(part) for part in one["loc"])
            print(f"settings: {place + ': ' if place else ''}{one['msg']}", file=sys.stderr)
        raise SystemExit(2) from None


def spare_the_collector() -> None:
    """Leave what was imported and built out of all later collections of garbage, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 20, 10)


def _health_app(service: Service) -> FastAPI:
    app = FastAPI(title=service.name, docs_url=None, redoc_url=None, openapi_url=None)
    if service.health is not None:
        app.include_router(service.health)
    return app


async def _run(wire: Wire, *, api: bool, worker: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with wire() as service:
        tasks: list[asyncio.Task[Any]] = [asyncio.create_task(stop.wait())]
        tasks.append(asyncio.create_task(serve(service, service.app if api else _health_app(service))))
        if api and service.watches:
            tasks.append(asyncio.create_task(run_loops(service.watches)))
        if worker and service.worker is not None:
            tasks.append(asyncio.create_task(service.worker.run()))
        spare_the_collector()
        log.info("started", service=service.name, port=service.port, api=api, worker=worker)
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        log.info("stopped", service=service.name)
        for task in done:
            task.result()
        if not stop.is_set():
            raise SystemExit(1)
