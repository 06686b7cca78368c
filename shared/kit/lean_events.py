"""Events as bytes without pydantic in between, for who writes thousands a second; the pydantic class is the contract.

Building and dumping a pydantic event takes five times as long, most of it for checks of values that are our own.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from shared.contracts.events import Event, event_type


class EncodedEvent(NamedTuple):
    """An event that is bytes already."""

    type: str
    body: bytes


def lean(event: type[Event]) -> Callable[..., EncodedEvent]:
    """Make the function that takes an event's fields by name and returns it encoded.

    It checks nothing but that no field is missing and none unknown: give it values of the right types, in UTC. An id
    may be given as text.
    """
    kind = event_type(event)
    fields = [
        # Types matter for reading only, which nobody does with these.
        (name, Any, msgspec.field(default=field.default)) if not field.is_required() else (name, Any)
        for name, field in event.model_fields.items()
    ]
    struct: Callable[..., Any] = msgspec.defstruct(f"Lean{event.__name__}", fields, kw_only=True, gc=False)
    encode = msgspec.json.Encoder().encode

    def encoded(**values: Any) -> EncodedEvent:
        return EncodedEvent(kind, encode(struct(**values)))

    return encoded
