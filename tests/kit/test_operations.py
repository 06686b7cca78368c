"""Operators' commands: signed, expiring, run once."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from shared.contracts.operations import CommandAnswered, CommandIssued, decode_result
from shared.kit import dead_letters
from shared.kit.broker import Broker
from shared.kit.clock import SystemClock
from shared.kit.consumer import Consumer
from shared.kit.database import Connection, Database
from shared.kit.dead_letters import Letter
from shared.kit.health import Status
from shared.kit.operations import Operations, _signature, issue, sign
from shared.kit.records import Received, Record
from tests.kit.conftest import SERVICE, Noted, decode_noted, effects, noted, record_effects

KEY = "an operators' key for tests"


@pytest.fixture
def operations(database: Database, topic: Any, bootstrap_servers: str) -> Operations:
    """The operations of a service with one consumer and one command that counts its runs."""
    consumer: Consumer[Noted] = Consumer(
        service=SERVICE, topic=topic, decode=decode_noted, handle=record_effects, database=database
    )

    async def count(connection: Connection, _: Mapping[str, Any]) -> dict[str, Any]:
        await connection.execute("INSERT INTO effects (number) VALUES (1)")
        return {"counted": True}

    async def fail(connection: Connection, _: Mapping[str, Any]) -> dict[str, Any]:
        await connection.execute("INSERT INTO effects (number) VALUES (2)")
        raise KeyError("nothing here")

    broker = Broker(bootstrap_servers)
    return Operations(
        service=SERVICE,
        database=database,
        clock=SystemClock(),
        key=KEY,
        status=Status(service=SERVICE, database=database, broker=broker, consumers=[consumer]),
        consumers=[consumer],
        operations={"count": count, "fail": fail},
    )


def command(name: str, *, target: str = SERVICE, key: str = KEY, **arguments: Any) -> CommandIssued:
    """A signed command."""
    return issue(SystemClock(), key, target=target, name=name, arguments=arguments, issued_by="tests")


def record_of(body: bytes, kind: str) -> Record:
    """A record as if it came from Kafka."""
    return Record("topic", 0, 7, b"key", kind, {}, body, datetime.now(UTC))


async def run(operations: Operations, database: Database, commands: Sequence[CommandIssued]) -> list[CommandAnswered]:
    """Hand commands to a service in one batch, and return all answers so far."""
    batch = [Received(record_of(one.model_dump_json().encode(), one.type), one) for one in commands]
    async with database.transaction() as connection:
        await operations.on_commands(connection, batch)
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT body FROM outbox WHERE topic = 'ops.results.v1' ORDER BY id")
    answers = [decode_result("command.answered.v1", row["body"]) for row in rows]
    return [answer for answer in answers if answer]


async def test_a_command_runs_once(operations: Operations, database: Database) -> None:
    """A command that is delivered again does nothing and is not answered again."""
    once = command("count")
    await run(operations, database, [once, once])
    answers = await run(operations, database, [once])
    assert [("done", {"counted": True}, once.event_id)] == [
        (answer.state, answer.result, answer.correlation_id) for answer in answers
    ]
    assert [1] == await effects(database)


async def test_a_command_that_nobody_may_give_is_ignored(operations: Operations, database: Database) -> None:
    """Another key, changed arguments and another service's command have no effect and no answer."""
    changed = command("count").model_copy(update={"arguments": {"id": 1}})
    batch = [command("count", key="a guess"), changed, command("count", target="another")]
    assert [] == await run(operations, database, batch)
    assert [] == await effects(database)


async def test_expired_unknown_and_failing_commands_are_answered(operations: Operations, database: Database) -> None:
    """The operator hears why a command was not carried out, and a failed one leaves nothing behind."""
    late = command("count")
    late = sign(late.model_copy(update={"expires_at": datetime.now(UTC) - timedelta(seconds=1)}), KEY)
    answers = await run(operations, database, [late, command("dance"), command("fail")])
    assert ["refused", "refused", "failed"] == [answer.state for answer in answers]
    assert "expired" in (answers[0].error or "")
    assert "count" in (answers[1].error or ""), "an unknown command is told which ones there are"
    assert [] == await effects(database)


async def test_dead_letters_are_listed_and_replayed(operations: Operations, database: Database, topic: Any) -> None:
    """A replayed dead letter takes effect once through its own handler; one that still fails stays."""
    name = f"{SERVICE}.{topic.name}"
    good = record_of(noted(5).model_dump_json().encode(), "noted.v1")
    bad = record_of(b"nothing", "noted.v1")
    async with database.transaction() as connection:
        for record in (good, bad):
            await dead_letters.put(connection, Letter(name, record, "ValueError", attempts=3), "copies")
    listed, replayed, again = await run(
        operations, database, [command("dlq.list"), command("dlq.replay"), command("dlq.replay")]
    )
    assert [name, name] == [letter["consumer"] for letter in listed.result["items"]]
    first, second = (letter["id"] for letter in listed.result["items"])
    assert ([first], [str(second)]) == (replayed.result["replayed"], list(replayed.result["failed"]))
    assert ([], [str(second)]) == (again.result["replayed"], list(again.result["failed"]))
    assert [5] == await effects(database)


async def test_status_names_what_stands_still(operations: Operations, database: Database, topic: Any) -> None:
    """The status tells which consumer was stopped and why."""
    name = f"{SERVICE}.{topic.name}"
    async with database.connection() as connection:
        await connection.execute("INSERT INTO consumer_stops (consumer, reason) VALUES ($1, 'too many')", name)
    await run(operations, database, [command("status"), command("consumers.resume")])
    status, resumed, after = await run(operations, database, [command("status")])
    assert "too many" == status.result["consumers"][0]["stopped"]
    assert [name] == resumed.result["resumed"]
    assert after.result["consumers"][0]["stopped"] is None


async def test_a_newer_command_line_is_understood(operations: Operations, database: Database) -> None:
    """The signature covers the fields as they were sent, also those that this version does not know."""
    fields = {**command("count").model_dump(mode="json"), "invented": "later"}
    fields["signature"] = _signature(fields, KEY)
    body = orjson.dumps(fields)
    event = CommandIssued.model_validate_json(body)
    async with database.transaction() as connection:
        await operations.on_commands(connection, [Received(record_of(body, event.type), event)])
    assert [1] == await effects(database)
