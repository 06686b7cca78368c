"""Whether a process lives, can do its job, and how far it is; and the metrics page.

Ready means that this process can do its own job: an API needs its database, a worker also the broker.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared.kit import metrics
from shared.kit.broker import Broker, is_broker_error
from shared.kit.consumer import Consumer
from shared.kit.database import Database
from shared.kit.logging import get_logger

log = get_logger()

# A broker that hangs must not make a live service look dead.
_PATIENCE_SECONDS = 3.0

Check = Callable[[], Awaitable[None]]


class Status:
    """How far a service is: what waits to be published, what was put aside, and how far behind its consumers are.

    Answers from the database alone when Kafka is away; lag is then None.
    """

    def __init__(self, *, service: str, database: Database, broker: Broker, consumers: Sequence[Consumer[Any]]) -> None:
        self.service = service
        self._database = database
        self._broker = broker
        self._consumers = consumers

    async def read(self) -> dict[str, Any]:
        """The status as JSON values; raises when the database is away."""
        async with self._database.connection() as connection:
            unsent = await connection.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL")
            waiting = await connection.fetch(
                "SELECT consumer, count(*) FROM dead_letters WHERE replayed_at IS NULL GROUP BY consumer"
            )
            stopped = await connection.fetch("SELECT consumer, reason FROM consumer_stops")
        letters = {row["consumer"]: row["count"] for row in waiting}
        stops = {row["consumer"]: row["reason"] for row in stopped}
        lags = await self._lags()
        return {
            "service": self.service,
            "outbox_unsent": unsent,
            "consumers": [
                {
                    "name": consumer.name,
                    "lag": lags.get(consumer.name),
                    "dead_letters": letters.get(consumer.name, 0),
                    "stopped": stops.get(consumer.name),
                }
                for consumer in self._consumers
            ],
        }

    async def _lags(self) -> dict[str, int]:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await lags_of(self._broker, self._consumers)
        except Exception as error:
            if is_broker_error(error):
                return {}
            raise


async def lags_of(broker: Broker, consumers: Sequence[Consumer[Any]]) -> dict[str, int]:
    """The lag of each consumer, by its name."""
    return await broker.lags({consumer.name: consumer.topic.name for consumer in consumers})


class LagGauge:
    """A loop that keeps the lag metric of each consumer."""

    name = "lag gauge"

    def __init__(self, broker: Broker, consumers: Sequence[Consumer[Any]]) -> None:
        self._broker = broker
        self._consumers = consumers

    async def tick(self) -> timedelta:
        """Ask the broker for each consumer's lag."""
        for name, lag in (await lags_of(self._broker, self._consumers)).items():
            metrics.consumer_lag.labels(name).set(lag)
        return timedelta(seconds=15)


def health_router(*, checks: Mapping[str, Check], status: Status | None = None) -> APIRouter:
    """`/health/live`, `/health/ready`, `/health/status` and `/metrics`; facts only, no personal data, no token."""
    router = APIRouter(include_in_schema=False)

    @router.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/health/ready")
    async def ready() -> JSONResponse:
        failures = {}
        for name, check in checks.items():
            try:
                await check()
            except Exception as error:
                failures[name] = type(error).__name__
        return JSONResponse({"ready": not failures, "failures": failures}, 503 if failures else 200)

    @router.get("/metrics")
    async def metrics_page() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    if status is not None:
        reader = status

        @router.get("/health/status")
        async def read_status() -> dict[str, Any]:
            return await reader.read()

    return router
