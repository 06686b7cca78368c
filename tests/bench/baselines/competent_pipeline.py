"""The pipeline as a good engineer writes it in a day: the naive one's hops, with its obvious costs taken out.

asyncpg instead of sessions, 32 records in flight whose offsets are committed together, counters that are kept instead
of counted and of which the lowest free one is taken (`SKIP LOCKED`), a lead's number is taken when the lead is opened
and not before, and what a batch has to tell goes out in one go. Still one transaction for each record, row by row.
Records of one key are handled one after another; of two that meet the same new person elsewhere, one tries again.

`python -m tests.bench.baselines.competent_pipeline ROLE`, where a role is a process: leads, assignment.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from shared.contracts.inquiries import InquiryReceived
from shared.kit.broker import build_producer
from tests.bench.baselines.bodies import OutboxLine
from tests.bench.baselines.hops import ASSIGNMENT_DATABASE, BROKER, LEADS_DATABASE, PREFIX, Decided, LeadIsReady, Topics
from tests.bench.baselines.per_lead_lock import add_line, write_one

IN_FLIGHT: Final = 32
TOPICS: Final = Topics.of(PREFIX)

Handle = Callable[[Any, bytes], Awaitable[list[OutboxLine]]]


async def leads() -> None:
    """The consumers of inquiries and of decisions."""
    async with asyncpg.create_pool(LEADS_DATABASE, min_size=8, max_size=IN_FLIGHT) as pool:
        await asyncio.gather(
            _consume(pool, TOPICS.inquiries, "register", _on_inquiry),
            _consume(pool, TOPICS.decisions, "apply", _on_decision),
        )


async def assignment() -> None:
    """The assigner."""
    async with asyncpg.create_pool(ASSIGNMENT_DATABASE, min_size=8, max_size=IN_FLIGHT) as pool:
        await _consume(pool, TOPICS.ready, "assign", _on_ready)


async def _consume(pool: Any, topic: str, group: str, handle: Handle) -> None:
    producer = build_producer(BROKER, group)
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=BROKER,
        group_id=f"{PREFIX}.{group}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )

    async def one_key(bodies: Sequence[bytes]) -> list[OutboxLine]:
        lines = []
        for body in bodies:
            lines += await _insist(pool, handle, body)
        return lines

    async with producer, consumer:
        while True:
            by_key: dict[bytes, list[bytes]] = {}
            fetched = await consumer.getmany(timeout_ms=100, max_records=IN_FLIGHT)
            for records in fetched.values():
                for record in records:
                    by_key.setdefault(record.key, []).append(record.value)
            if not by_key:
                continue
            told = await asyncio.gather(*(one_key(bodies) for bodies in by_key.values()))
            await _tell(pool, producer, [line for lines in told for line in lines])
            await consumer.commit()


async def _insist(pool: Any, handle: Handle, body: bytes) -> list[OutboxLine]:
    while True:
        try:
            async with pool.acquire() as connection, connection.transaction():
                return await handle(connection, body)
        except (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError):
            # Another one in flight is of the same new person: the next attempt finds them.
            continue


async def _tell(pool: Any, producer: AIOKafkaProducer, lines: Sequence[OutboxLine]) -> None:
    """Publish what a batch has written to the outbox, and mark it."""
    sent = []
    for line in lines:
        topic = TOPICS.decisions if line.type == "assignment.decided.v1" else TOPICS.of_line(line)
        sent.append(await producer.send(topic, line.body, key=line.key.encode()))
    await asyncio.gather(*sent)
    await pool.execute("UPDATE outbox SET published_at = now() WHERE id = ANY($1)", [line.id for line in lines])


async def _on_inquiry(connection: Any, body: bytes) -> list[OutboxLine]:
    return await write_one(connection, InquiryReceived.model_validate_json(body))


async def _on_ready(connection: Any, body: bytes) -> list[OutboxLine]:
    ready, now = LeadIsReady.model_validate_json(body), datetime.now(UTC)
    if await connection.fetchval("SELECT 1 FROM leads WHERE lead_id = $1", ready.lead_id):
        return []
    member_id = await connection.fetchval(
        """
        UPDATE workloads SET open_leads = open_leads + 1 WHERE member_id = (
            SELECT member_id FROM workloads JOIN members ON id = member_id
            WHERE is_active AND role = 'salesperson' AND open_leads < capacity
            ORDER BY open_leads, member_id LIMIT 1 FOR UPDATE OF workloads SKIP LOCKED
        ) RETURNING member_id
        """
    )
    if member_id is None:
        # All twenty are being given a lead at this moment: wait for the one with the fewest.
        member_id = await connection.fetchval(
            """
            UPDATE workloads SET open_leads = open_leads + 1 WHERE member_id = (
                SELECT member_id FROM workloads JOIN members ON id = member_id
                WHERE is_active AND role = 'salesperson' AND open_leads < capacity
                ORDER BY open_leads, member_id LIMIT 1 FOR UPDATE OF workloads
            ) RETURNING member_id
            """
        )
    await connection.execute(
        """
        INSERT INTO leads (
            lead_id, stage, correlation_id, ready_at, decision_number, chosen_id, owner_number, settled_at, held_by,
            refusals, handovers, next_handover_at, status_version
        ) VALUES ($1, 'decided', $2, $3, 1, $4, 0, $3, ARRAY[$4::bigint], 0, 0, $3::timestamptz + interval '30 s', 0)
        """,
        ready.lead_id,
        ready.correlation_id,
        now,
        member_id,
    )
    decision_id = await connection.fetchval(
        """
        INSERT INTO decisions (
            lead_id, decision_number, chosen_member_id, weighing_ids, policy_version, is_manual, decided_at
        ) VALUES ($1, 1, $2, '{}', 1, false, $3) RETURNING id
        """,
        ready.lead_id,
        member_id,
        now,
    )
    decided = Decided(
        decision_id=decision_id,
        decision_number=1,
        lead_id=ready.lead_id,
        member_id=member_id,
        correlation_id=ready.correlation_id,
    )
    line = OutboxLine(TOPICS.decisions, str(ready.lead_id), "assignment.decided.v1", decided.model_dump_json().encode())
    return [await add_line(connection, line)]


async def _on_decision(connection: Any, body: bytes) -> list[OutboxLine]:
    decided, now = Decided.model_validate_json(body), datetime.now(UTC)
    version = await connection.fetchval(
        """
        UPDATE leads SET assigned_id = $2, decision_number = $3, version = version + 1, updated_at = $4,
            hand_over_at = NULL
        WHERE id = $1 AND decision_number < $3 RETURNING version
        """,
        decided.lead_id,
        decided.member_id,
        decided.decision_number,
        now,
    )
    if version is None:
        return []
    await connection.execute(
        """
        INSERT INTO assignment_answers (
            lead_id, decision_number, decision_id, member_id, is_applied, lead_version, answered_at, tell_at
        ) VALUES ($1, $2, $3, $4, true, $5, $6, $6::timestamptz + interval '1 minute')
        """,
        decided.lead_id,
        decided.decision_number,
        decided.decision_id,
        decided.member_id,
        version,
        now,
    )
    await connection.execute(
        """
        INSERT INTO history (lead_id, type, text, actor, occurred_at, changes)
        VALUES ($1, 1, $2, 'system', $3, jsonb_build_object('assigned_id', jsonb_build_object('to', $4::bigint)))
        """,
        decided.lead_id,
        f"Assigned to member {decided.member_id} by the rules",
        now,
        decided.member_id,
    )
    line = OutboxLine(TOPICS.told, str(decided.lead_id), "lead.assigned.v1", body)
    return [await add_line(connection, line)]


def main(role: str) -> None:
    """Run a role until it is ended."""
    uvloop.run({"leads": leads, "assignment": assignment}[role]())


if __name__ == "__main__":
    main(*sys.argv[1:])
