"""Answering writes: in one transaction, once for each Idempotency-Key, and again after a lost race."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final

import asyncpg
from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError
from sqlmodel.ext.asyncio.session import AsyncSession

from services.leads.routes.backend import AnyBackend, Backend, Expected, Reader
from services.leads.routes.views import LeadView, lead_view
from services.leads.storage.answers import Answer, claim_key, find_answer, store_answer
from services.leads.storage.lead_changes import Command
from services.leads.storage.tables import Lead
from shared.kit.database import driver, is_conflict
from shared.kit.identifiers import new_id
from shared.kit.privacy import keyed_hash
from shared.kit.problems import invalid_field
from shared.kit.security import Caller

_ATTEMPTS: Final = 5
_LONGEST_KEY: Final = 255

Work = Callable[[AsyncSession], Awaitable[tuple[int | None, Answer]]]


@dataclass(frozen=True, slots=True)
class Write:
    """One request that changes something: whose it is, what it wants to be sure of, and how to know it again."""

    backend: Backend
    caller: Caller
    command: Command
    key: str | None
    fingerprint: str

    async def answer(self, work: Work) -> Response:
        """Do the work in a transaction and answer, or answer as the same request was answered before.

        `work` returns the id of the lead and the answer. A deadlock or a lost race runs it again from the start.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return _response(await self._attempt(work))
            except (DBAPIError, asyncpg.PostgresError) as error:
                if attempt == _ATTEMPTS or not is_conflict(error):
                    raise
        raise AssertionError("unreachable")

    async def answered(self) -> Response | None:
        """The answer that the same request got before, for work that begins outside a transaction."""
        if self.key is None:
            return None
        async with self.backend.database.transaction() as connection:
            stored = await find_answer(connection, self.caller.actor, self.key, self.fingerprint)
        return _response(stored) if stored else None

    async def _attempt(self, work: Work) -> Answer:
        async with self.backend.database.session() as session:
            if self.key is None:
                return (await work(session))[1]
            connection = await driver(session)
            now = self.command.now
            stored = await claim_key(connection, self.caller.actor, self.key, self.fingerprint, now)
            if stored is not None:
                return stored
            lead_id, answer = await work(session)
            await store_answer(connection, self.caller.actor, self.key, lead_id, answer)
            return answer


async def _write(
    request: Request,
    backend: AnyBackend,
    caller: Reader,
    version: Expected,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Write:
    if idempotency_key is not None and not _is_key(idempotency_key):
        rule = f"1 to {_LONGEST_KEY} visible ASCII characters"
        raise invalid_field("Idempotency-Key", "key", rule)
    body = (await request.body()).decode(errors="replace")
    return Write(
        backend=backend,
        caller=caller,
        command=Command(caller.actor, backend.clock.now(), new_id(), version),
        key=idempotency_key,
        fingerprint=keyed_hash(backend.privacy_key, request.method, request.url.path, body),
    )


Writing = Annotated[Write, Depends(_write)]
"""A write by anybody who may sign in; what they may write is the route's matter."""


def lead_answer(lead: Lead, status: int = 200, view: LeadView | None = None) -> tuple[int | None, Answer]:
    """A lead as the answer to a write."""
    headers = {"ETag": f'"{lead.version}"'}
    if status == 201:
        headers["Location"] = f"/rest/leads/{lead.id}"
    return lead.id, model_answer(view or lead_view(lead), status, headers)


def model_answer(model: BaseModel, status: int, headers: dict[str, str] | None = None) -> Answer:
    """A model as the answer to a write."""
    return Answer(status, model.model_dump_json().encode(), headers or {})


def _response(answer: Answer) -> Response:
    media_type = "application/json" if answer.body else None
    return Response(answer.body, answer.status, answer.headers, media_type)


def _is_key(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_KEY and text.isascii() and text.isprintable()
