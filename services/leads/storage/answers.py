"""Answers to writes with an Idempotency-Key, so that a request that is sent again is answered again, not done again."""

from datetime import datetime
from typing import NamedTuple

import orjson

from shared.kit.database import Connection, affected


class Answer(NamedTuple):
    """What a request was answered: status, body and the headers that belong to it."""

    status: int
    body: bytes
    headers: dict[str, str]


class KeyReused(Exception):
    """The key came with another request before."""


async def claim_key(connection: Connection, actor: str, key: str, fingerprint: str, now: datetime) -> Answer | None:
    """Claim a key for this transaction; the stored answer when the same request was answered before.

    Waits for another transaction that holds the key; if that one fails, the key is free again. Raises `KeyReused`.
    """
    claimed = await connection.fetchval(
        """
        INSERT INTO idempotent_answers (actor, key, fingerprint, created_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING RETURNING true
        """,
        actor,
        key,
        fingerprint,
        now,
    )
    return None if claimed else await find_answer(connection, actor, key, fingerprint)


async def find_answer(connection: Connection, actor: str, key: str, fingerprint: str) -> Answer | None:
    """The answer that was stored for a request; raises `KeyReused` when the key belongs to another one."""
    row = await connection.fetchrow(
        "SELECT fingerprint, status, body, headers::text FROM idempotent_answers WHERE actor = $1 AND key = $2",
        actor,
        key,
    )
    if row is None:
        return None
    if row["fingerprint"] != fingerprint:
        raise KeyReused
    return Answer(row["status"], row["body"], orjson.loads(row["headers"]))


async def store_answer(connection: Connection, actor: str, key: str, lead_id: int | None, answer: Answer) -> None:
    """Keep the answer under the key that this transaction claimed; `lead_id` leads an erasure to it."""
    await connection.execute(
        """
        UPDATE idempotent_answers SET lead_id = $3, status = $4, body = $5, headers = $6::text::jsonb
        WHERE actor = $1 AND key = $2
        """,
        actor,
        key,
        lead_id,
        answer.status,
        answer.body,
        orjson.dumps(answer.headers).decode(),
    )


async def prune_answers(connection: Connection, before: datetime) -> int:
    """Forget the answers of keys that were claimed before an instant; a client may send again until then."""
    return affected(await connection.execute("DELETE FROM idempotent_answers WHERE created_at < $1", before))
