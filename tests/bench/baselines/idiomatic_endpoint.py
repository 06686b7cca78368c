"""The endpoint as people write it today: FastAPI, its dependencies and pydantic's models, served like ours.

`python -m tests.bench.baselines.idiomatic_endpoint PORT WAY`, with one of three ways:

- `checking` only checks and answers, as FastAPI's documentation teaches: the signature is a dependency, the delivery
  is a body model, and the route is given both. It remembers nothing;
- `storing` does the same, and inserts and commits one row before it answers, on a connection of its pool: as an
  endpoint that takes its webhooks seriously is written in an hour. The row goes into our table of receipts, with its
  indexes and triggers, by one statement of its own; asyncpg is the quickest of the drivers that people use;
- `bare` is no endpoint: an ASGI callable that reads the body and answers, which is what the server itself costs.

All of them run as our API does: one process, uvicorn with uvloop and httptools, without an access log. The app's
secret is in `INTAKE_WHATSAPP_APP_SECRET`, and in `INTAKE_DATABASE_URL` the database of `storing`, with intake's tables.
"""

import hashlib
import hmac
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from uuid import uuid4

import asyncpg
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import ASGIApp, Receive, Scope, Send

PATH: Final = "/webhooks/whatsapp"
_SECRET: Final = os.environ.get("INTAKE_WHATSAPP_APP_SECRET", "").encode()


class Part(BaseModel):
    """What Meta may add to at any time: unknown members are kept, not refused."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)


class Profile(Part):
    """What people call themselves."""

    name: str | None = None


class Contact(Part):
    """Who wrote."""

    wa_id: str | None = None
    profile: Profile | None = None


class Text(Part):
    """What a text message says."""

    body: str


class Message(Part):
    """A message."""

    id: str
    from_: str = Field(alias="from")
    timestamp: str
    type: str
    text: Text | None = None


class Status(Part):
    """What became of a message of ours."""

    id: str
    status: str
    timestamp: str
    recipient_id: str | None = None


class Metadata(Part):
    """The line that was written to."""

    display_phone_number: str
    phone_number_id: str


class Value(Part):
    """What changed."""

    messaging_product: Literal["whatsapp"]
    metadata: Metadata
    contacts: list[Contact] = Field(default_factory=list)
    messages: list[Message] = Field(default_factory=list)
    statuses: list[Status] = Field(default_factory=list)


class Change(Part):
    """A change of one field."""

    field: str
    value: Value


class Entry(Part):
    """The changes of one account."""

    id: str
    changes: list[Change]


class Delivery(Part):
    """A WhatsApp delivery. Meta: Cloud API, webhooks."""

    object: str
    entry: list[Entry]


async def require_signature(request: Request) -> None:
    """Refuse what is not signed with the app's secret. Meta: Webhooks, validating payloads."""
    body = await request.body()
    expected = "sha256=" + hmac.new(_SECRET, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, request.headers.get("X-Hub-Signature-256", "")):
        raise HTTPException(401, "Invalid signature")


def checking() -> FastAPI:
    """The app that only checks and answers."""
    app = FastAPI()

    @app.post(PATH, dependencies=[Depends(require_signature)])
    async def receive(delivery: Delivery) -> dict[str, str]:
        return {"status": "ok" if delivery.entry else "empty"}

    return app


def storing() -> FastAPI:
    """The app that also inserts one row and commits."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(os.environ["INTAKE_DATABASE_URL"], min_size=10, max_size=10) as pool:
            app.state.pool = pool
            yield

    app = FastAPI(lifespan=lifespan)

    async def connection(request: Request) -> AsyncIterator[Any]:
        async with request.app.state.pool.acquire() as taken:
            yield taken

    @app.post(PATH, dependencies=[Depends(require_signature)])
    async def receive(delivery: Delivery, db: Annotated[Any, Depends(connection)]) -> dict[str, str]:
        await _insert(db, delivery.entry[0].changes[0].value)
        return {"status": "ok"}

    return app


async def _insert(db: Any, value: Value) -> None:
    message, now = value.messages[0], datetime.now(UTC)
    await db.execute(
        """
        INSERT INTO receipts (receipt_id, dedupe_key, channel, account, kind, state, received_at, business_date)
        VALUES ($1, $2, 'whatsapp', $3, $4, 'received', $5, $6) ON CONFLICT (dedupe_key) DO NOTHING
        """,
        uuid4(),
        message.id,
        value.metadata.phone_number_id,
        message.type,
        now,
        now.date(),
    )


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body and answer 200."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def main(port: str, way: str) -> None:
    """Serve one way until SIGTERM."""
    make: dict[str, Callable[[], ASGIApp]] = {"checking": checking, "storing": storing, "bare": lambda: bare}
    uvicorn.run(
        make[way](),
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        lifespan="off" if way == "bare" else "on",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
