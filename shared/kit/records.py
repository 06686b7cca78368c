"""A Kafka record as consumers see it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar

from shared.contracts.events import EVENT_TYPE_HEADER, Event
from shared.kit.text import clean_text

E = TypeVar("E", bound=Event)

# Milliseconds up to the year 9999: some producers count in microseconds.
_LATEST = 253_402_300_799_000


class Record(NamedTuple):
    """One record with its origin; `body` is as it came, and what cannot be stored of headers is replaced."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    type: str
    headers: dict[str, str]
    body: bytes
    produced_at: datetime


@dataclass(frozen=True, slots=True)
class Received(Generic[E]):
    """A record together with the event that it holds."""

    record: Record
    event: E


def from_kafka(raw: Any) -> Record:
    """Read aiokafka's ConsumerRecord; raises nothing, whatever the bytes are."""
    headers = {clean_text(name): clean_text((value or b"").decode("utf-8", "replace")) for name, value in raw.headers}
    return Record(
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        key=raw.key,
        type=headers.get(EVENT_TYPE_HEADER, ""),
        headers=headers,
        body=raw.value or b"",
        produced_at=datetime.fromtimestamp(min(max(raw.timestamp, 0), _LATEST) / 1000, UTC),
    )
