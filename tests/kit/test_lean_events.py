"""Events that are written without pydantic are the events of the contract."""

from datetime import UTC, datetime
from types import UnionType
from typing import Any, Union, get_args, get_origin
from uuid import uuid4

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel

from shared.contracts.events import Event, event_type
from shared.contracts.leads import LeadDeleted
from shared.kit.lean_events import lean
from tests.contracts.freeze import every_event

st.register_type_strategy(AwareDatetime, st.datetimes(timezones=st.just(UTC)))
_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.text())


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type; what may be anything is JSON."""
    if kind is Any:
        return _SCALARS
    inner = get_args(kind)
    origin = get_origin(kind)
    if origin is dict:
        return st.dictionaries(st.text(), values_of(inner[1]), max_size=3)
    if origin is tuple:
        return st.lists(values_of(inner[0]), max_size=3).map(tuple)
    if origin in (Union, UnionType):
        return st.one_of(*(values_of(one) for one in inner))
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        odd = {name: field.annotation for name, field in kind.model_fields.items() if "Any" in str(field.annotation)}
        return st.builds(kind, **{name: values_of(one) for name, one in odd.items()}) if odd else st.from_type(kind)
    return st.from_type(kind)


@pytest.mark.parametrize("event", every_event(), ids=event_type)
@given(drawn=st.data())
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
def test_lean_bytes_are_what_pydantic_writes(event: type[Event], drawn: st.DataObject) -> None:
    """For every event there is, with all of its fields or only those it must have, both ways write the same."""
    fields = {name: drawn.draw(values_of(field.annotation)) for name, field in event.model_fields.items()}
    needed = {name: value for name, value in fields.items() if event.model_fields[name].is_required()}
    for given_fields in (fields, needed):
        encoded = lean(event)(**given_fields)
        contract = event(**given_fields)
        assert event_type(event) == encoded.type
        assert orjson.loads(contract.model_dump_json()) == orjson.loads(encoded.body)
        assert contract == event.model_validate_json(encoded.body)


def test_lean_event_has_all_fields_and_no_other() -> None:
    """A field that is missing or unknown is refused when the event is written, not when it is read."""
    facts = {"event_id": str(uuid4()), "occurred_at": datetime.now(UTC), "correlation_id": uuid4(), "lead_id": 1}
    with pytest.raises(TypeError, match="version"):
        lean(LeadDeleted)(**facts)
    with pytest.raises(TypeError, match="colour"):
        lean(LeadDeleted)(**facts, version=1, colour="red")
