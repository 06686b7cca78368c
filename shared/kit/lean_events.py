"""Events as bytes without pydantic in between, for who writes thousands a second; the pydantic class is the contract.

Building and dumping a pydantic event takes five times as long, most of it for checks of values that are our own.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import msgspec
from pydantic import BaseModel
from pydantic.fields import FieldInfo

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
    fields = [_field(name, field) for name, field in event.model_fields.items()]
    struct: Callable[..., Any] = msgspec.defstruct(f"Lean{event.__name__}", fields, kw_only=True, gc=False)
    encode = msgspec.json.Encoder(enc_hook=_part).encode

    def encoded(**values: Any) -> EncodedEvent:
        return EncodedEvent(kind, encode(struct(**values)))

    return encoded


def _field(name: str, field: FieldInfo) -> tuple[Any, ...]:
    # Types matter for reading only, which nobody does with these.
    if field.is_required():
        return (name, Any)
    if field.default_factory is None:
        return (name, Any, msgspec.field(default=field.default))
    return (name, Any, msgspec.field(default_factory=partial(field.get_default, call_default_factory=True)))


def _part(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"an event cannot hold a {type(value).__name__}")
