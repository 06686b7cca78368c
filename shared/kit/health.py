"""Whether a process lives, can do its job, and how far it is; and the metrics page.

Ready means that this process can do its own job: an API needs its database, a worker also the broker.
"""

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
        return {
            "service": self.service,
            "outbox_unsent": unsent,
            "consumers": [
                {
                    "name": consumer.name,
                    "lag": await self._lag(consumer),
                    "dead_letters": letters.get(consumer.name, 0),
                    "stopped": stops.get(consumer.name),
                }
                for consumer in self._consumers
            ],
        }

    async def _lag(self, consumer: Consumer[Any]) -> int | None:
        try:
            return await self._broker.lag(consumer.name, consumer.topic.name)
        except Exception as error:
            if is_broker_error(error):
                return None
            raise


class LagGauge:
    """A loop that keeps the lag metric of each consumer."""

    name = "lag gauge"

    def __init__(self, broker: Broker, consumers: Sequence[Consumer[Any]]) -> None:
        self._broker = broker
        self._consumers = consumers

    async def tick(self) -> timedelta:
        """Ask the broker for each consumer's lag."""
        for consumer in self._consumers:
            lag = await self._broker.lag(consumer.name, consumer.topic.name)
            metrics.consumer_lag.labels(consumer.name).set(lag)
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
