"""The base of all events, and how they become bytes and come back."""

from collections.abc import Callable
from functools import cache
from typing import Any, get_args
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

EVENT_TYPE_HEADER = "event-type"
PARTITION_KEY_HEADER = "partition-key"


class Event(BaseModel):
    """A fact in the past tense. Fields may be added with a default; none is ever renamed or removed.

    `occurred_at` is UTC. `correlation_id` is the id of the receipt, request or command that started it all.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_timedelta="iso8601")

    event_id: UUID
    occurred_at: AwareDatetime
    correlation_id: UUID


def event_type(event: type[Event] | Event) -> str:
    """The value of `type` that an event class stands for, such as `lead.created.v1`."""
    return _type_of(event if isinstance(event, type) else type(event))


@cache
def _type_of(event: type[Event]) -> str:
    return str(event.model_fields["type"].default)


def decoder(events: object) -> Callable[[str, bytes], Any]:
    """Make the function that reads the events of one topic: an event class, or a union of them.

    It answers None for a type it does not know (a newer producer's; the caller counts it) and raises
    `pydantic.ValidationError` for a body that breaks the contract.
    """
    known: dict[str, type[Event]] = {event_type(event): event for event in get_args(events) or (events,)}

    def decode(kind: str, body: bytes) -> Event | None:
        event = known.get(kind)
        return event.model_validate_json(body) if event else None

    return decode
