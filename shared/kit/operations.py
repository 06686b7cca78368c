"""Operators' commands over Kafka: signed, expiring, each run once by the service it is addressed to."""

import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any

import orjson

from shared.contracts.operations import CommandAnswered, CommandIssued, CommandState, decode_command
from shared.contracts.topics import OPS_COMMANDS, OPS_RESULTS
from shared.kit import dead_letters, inbox, outbox
from shared.kit.clock import Clock
from shared.kit.consumer import Consumer
from shared.kit.database import Connection, Database, is_conflict, is_transient
from shared.kit.health import Status
from shared.kit.identifiers import new_id
from shared.kit.logging import describe, get_logger
from shared.kit.reader import GroupSettings
from shared.kit.records import Received

log = get_logger()

_REPLAY_SECONDS = 20.0

Operation = Callable[[Connection, Mapping[str, Any]], Awaitable[dict[str, Any]]]
"""Runs in a transaction of its own and answers JSON values; raises `OperationRefused` when it cannot be done."""


class OperationRefused(ValueError):
    """A command that cannot be carried out; the text tells the operator why."""


def sign(command: CommandIssued, key: str) -> CommandIssued:
    """The command with the signature that covers all of its other fields."""
    return command.model_copy(update={"signature": _signature(command.model_dump(mode="json"), key)})


def _signature(fields: Mapping[str, Any], key: str) -> str:
    unsigned = {name: value for name, value in fields.items() if name != "signature"}
    return hmac.digest(key.encode(), orjson.dumps(unsigned, option=orjson.OPT_SORT_KEYS), "sha256").hex()


def _is_signed(body: bytes, command: CommandIssued, key: str) -> bool:
    """Check the fields as they were sent, which may be more than this version knows."""
    return hmac.compare_digest(_signature(orjson.loads(body), key).encode(), command.signature.encode())


def issue(
    clock: Clock, key: str, *, target: str, name: str, arguments: dict[str, Any], issued_by: str
) -> CommandIssued:
    """A new signed command that is valid for ten minutes."""
    now, command_id = clock.now(), new_id()
    command = CommandIssued(
        event_id=command_id,
        correlation_id=command_id,
        occurred_at=now,
        target=target,
        name=name,
        arguments=arguments,
        issued_by=issued_by,
        expires_at=now + timedelta(minutes=10),
    )
    return sign(command, key)


class Operations:
    """A service's operations, by the name of their command. The ones on consumers are built in."""

    def __init__(
        self,
        *,
        service: str,
        database: Database,
        clock: Clock,
        key: str,
        status: Status,
        consumers: Sequence[Consumer[Any]],
        operations: Mapping[str, Operation],
    ) -> None:
        self._service = service
        self._database = database
        self._clock = clock
        self._key = key
        self._status = status
        self._consumers = {consumer.name: consumer for consumer in consumers}
        self._operations: dict[str, Operation] = {
            "status": self._read_status,
            "dlq.list": self._list_dead_letters,
            "dlq.replay": self._replay_dead_letters,
            "consumers.resume": self._resume,
            **operations,
        }

    def consumer(self, group: GroupSettings) -> Consumer[CommandIssued]:
        """The consumer of this service's commands; never stopped, since a stop is lifted by a command."""
        consumer = Consumer(
            service=self._service,
            topic=OPS_COMMANDS,
            decode=decode_command,
            handle=self.on_commands,
            database=self._database,
            group=group,
            is_limited=False,
        )
        self._consumers[consumer.name] = consumer
        return consumer

    async def on_commands(self, connection: Connection, batch: Sequence[Received[CommandIssued]]) -> None:
        """Run each command that is addressed here and was not run before, and answer it."""
        for received in batch:
            command = received.event
            if command.target not in (self._service, "all"):
                continue
            if not _is_signed(received.record.body, command, self._key):
                log.warning("command with a wrong signature ignored", command=str(command.event_id))
                continue
            if await inbox.claim(connection, "operations", [command.event_id]):
                await self._answer(connection, command)

    async def _answer(self, connection: Connection, command: CommandIssued) -> None:
        result: dict[str, Any] = {}
        error: str | None = None
        operation = self._operations.get(command.name)
        if command.expires_at < self._clock.now():
            state, error = CommandState.REFUSED, "the command has expired"
        elif operation is None:
            state, error = (
                CommandState.REFUSED,
                f"unknown command; known are {', '.join(sorted(self._operations))}",
            )
        else:
            try:
                async with connection.transaction():
                    result = await operation(connection, command.arguments)
                state = CommandState.DONE
            except OperationRefused as refusal:
                state, error = CommandState.REFUSED, str(refusal)
            except Exception as failure:
                if is_transient(failure) or is_conflict(failure):
                    raise
                state, error = CommandState.FAILED, describe(failure)
        log.info("command answered", command=command.name, issued_by=command.issued_by, state=state.value)
        answer = CommandAnswered(
            event_id=new_id(),
            occurred_at=self._clock.now(),
            correlation_id=command.event_id,
            service=self._service,
            name=command.name,
            state=state,
            result=result,
            error=error,
        )
        await outbox.append(connection, OPS_RESULTS, [(command.event_id, answer)])

    async def _read_status(self, _: Connection, __: Mapping[str, Any]) -> dict[str, Any]:
        return await self._status.read()

    async def _list_dead_letters(self, connection: Connection, arguments: Mapping[str, Any]) -> dict[str, Any]:
        letters = await dead_letters.find_waiting(connection, arguments.get("consumer"), _limit(arguments))
        return {"items": [{**letter, "created_at": letter["created_at"].isoformat()} for letter in letters]}

    async def _replay_dead_letters(self, connection: Connection, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Replay one (`id`), or the oldest of a consumer; one that fails again stays, and the others go on.

        Each in a transaction of its own, so that it takes its locks as the consumer does; ends after 20 s and says
        how many are `left`.
        """
        if "id" in arguments:
            ids = [_whole_number(arguments, "id")]
        else:
            letters = await dead_letters.find_waiting(connection, arguments.get("consumer"), _limit(arguments))
            ids = [letter["id"] for letter in letters]
        replayed: list[int] = []
        failed: dict[str, str] = {}
        end = monotonic() + _REPLAY_SECONDS
        for letter_id in ids:
            if monotonic() > end:
                break
            try:
                async with self._database.transaction() as own:
                    await self._replay(own, letter_id)
                replayed.append(letter_id)
            except Exception as error:
                if is_transient(error):
                    raise
                failed[str(letter_id)] = str(error) if isinstance(error, OperationRefused) else describe(error)
        return {"replayed": replayed, "failed": failed, "left": len(ids) - len(replayed) - len(failed)}

    async def _replay(self, connection: Connection, letter_id: int) -> None:
        taken = await dead_letters.take(connection, letter_id)
        if taken is None:
            raise OperationRefused("no dead letter waits under this id")
        name, record = taken
        if name not in self._consumers:
            raise OperationRefused(f"no consumer is called {name}")
        await self._consumers[name].replay(connection, record)

    async def _resume(self, connection: Connection, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Let a stopped consumer (`consumer`), or all of them, go on."""
        rows = await connection.fetch(
            "DELETE FROM consumer_stops WHERE $1::text IS NULL OR consumer = $1 RETURNING consumer",
            arguments.get("consumer"),
        )
        return {"resumed": [row["consumer"] for row in rows]}


def _limit(arguments: Mapping[str, Any]) -> int:
    return min(_whole_number(arguments, "limit"), 1000) if "limit" in arguments else 100


def _whole_number(arguments: Mapping[str, Any], name: str) -> int:
    value = arguments[name]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**63:
        raise OperationRefused(f"{name} must be a whole number above 0")
    return value
