"""Commands to running services over `ops.commands.v1`, and the status that needs no Kafka."""

import asyncio
import getpass
import json
from dataclasses import dataclass, field
from typing import Any

import httpx2
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts.events import EVENT_TYPE_HEADER, event_type
from shared.contracts.operations import CommandAnswered, CommandIssued, CommandState, decode_result
from shared.contracts.topics import OPS_COMMANDS, OPS_RESULTS
from shared.kit.broker import Broker, build_producer
from shared.kit.clock import SystemClock
from shared.kit.operations import OperationRefused, issue
from shared.kit.settings import CommonSettings


@dataclass(frozen=True)
class Command:
    """A command and the service that it is for."""

    target: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


async def run_command(command: Command, timeout: float) -> int:
    """Send a command and print its answer; 1 when a part of it failed. Raises `OperationRefused` when all of it did."""
    answer = await send(command, timeout)
    if answer.state is not CommandState.DONE:
        raise OperationRefused(f"{command.target} answered {answer.state.value}: {answer.error}")
    print(json.dumps(answer.result, indent=2))
    return 1 if answer.result.get("failed") else 0


async def send(command: Command, timeout: float) -> CommandAnswered:
    """Send a command and return its answer; raises TimeoutError when none comes."""
    settings = CommonSettings()
    message = issue(
        SystemClock(),
        settings.operations_key.get_secret_value(),
        target=command.target,
        name=command.name,
        arguments=command.arguments,
        issued_by=getpass.getuser(),
    )
    try:
        async with asyncio.timeout(timeout):
            return await _exchange(settings.kafka_bootstrap_servers, message)
    except TimeoutError:
        raise TimeoutError(
            f"no answer from {command.target} within {timeout:g} s: is it running, and Kafka? See `leadline ops status`"
        ) from None


async def _exchange(bootstrap_servers: str, message: CommandIssued) -> CommandAnswered:
    # Positions are taken before the command is sent, so that a quick answer is not missed.
    ends = (await Broker(bootstrap_servers).end_offsets(OPS_RESULTS.name))[OPS_RESULTS.name]
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False)
    producer = build_producer(bootstrap_servers, "operator")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(OPS_RESULTS.name, partition) for partition in ends])
        for partition, end in ends.items():
            consumer.seek(TopicPartition(OPS_RESULTS.name, partition), end)
        await producer.start()
        await producer.send_and_wait(
            OPS_COMMANDS.name,
            message.model_dump_json().encode(),
            key=message.target.encode(),
            headers=[(EVENT_TYPE_HEADER, event_type(message).encode())],
        )
        async for record in consumer:
            try:
                answer = decode_result(event_type(CommandAnswered), record.value or b"")
            except ValueError:
                # Not an answer of ours; the topic may hold anything.
                continue
            if answer is not None and answer.correlation_id == message.event_id:
                return answer
        raise ConnectionError("the broker closed the connection")
    finally:
        await producer.stop()
        await consumer.stop()


async def consumers_status() -> int:
    """Print every service's status, asked over HTTP; 1 when one is away, stopped, or has dead letters."""
    settings = CommonSettings()
    urls = {
        "intake": settings.intake_url,
        "leads": settings.leads_url,
        "assignment": settings.assignment_url,
        "notifier": settings.notifier_url,
    }
    async with httpx2.AsyncClient(timeout=10) as client:
        answers = await asyncio.gather(*(_read_status(client, url) for url in urls.values()))
    healthy = True
    for service, status in zip(urls, answers, strict=True):
        if status is None:
            print(f"{service:<11} away")
            healthy = False
            continue
        print(f"{service:<11} outbox {status['outbox_unsent']} unsent")
        for consumer in status["consumers"]:
            lag = "lag unknown" if consumer["lag"] is None else f"lag {consumer['lag']}"
            stopped = f", STOPPED: {consumer['stopped']}" if consumer["stopped"] else ""
            print(f"  {consumer['name']:<36} {lag}, dead letters {consumer['dead_letters']}{stopped}")
            healthy = healthy and not stopped and not consumer["dead_letters"]
    return 0 if healthy else 1


async def _read_status(client: httpx2.AsyncClient, url: str) -> dict[str, Any] | None:
    try:
        answer = await client.get(f"{url}/health/status")
        answer.raise_for_status()
    except httpx2.HTTPError:
        return None
    status: dict[str, Any] = answer.json()
    return status
