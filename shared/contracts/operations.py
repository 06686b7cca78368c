"""`ops.commands.v1` and `ops.results.v1`: operators, cron and jobs drive the services by messages."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from shared.contracts.events import Event, decoder


class CommandIssued(Event):
    """An operator's command; `event_id` is its id, claimed once. `signature` covers all other fields."""

    type: Literal["command.issued.v1"] = "command.issued.v1"
    target: str
    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    issued_by: str
    expires_at: AwareDatetime
    signature: str = ""


class CommandState(StrEnum):
    """How far a command came."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"


class CommandAnswered(Event):
    """The addressed service's answer; `correlation_id` is the command's id."""

    type: Literal["command.answered.v1"] = "command.answered.v1"
    service: str
    name: str
    state: CommandState
    result: dict[str, Any] = Field(default_factory=dict)
    error: str | None = None


decode_command: Callable[[str, bytes], CommandIssued | None] = decoder(CommandIssued)
decode_result: Callable[[str, bytes], CommandAnswered | None] = decoder(CommandAnswered)
