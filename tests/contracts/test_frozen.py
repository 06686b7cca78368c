"""Events that were sent once must be readable for ever, by newer and by older code.

`frozen/` holds the JSON schema of every event as it was first published. A new event or a new optional field is
frozen by running `python -m tests.contracts.freeze`, which refuses everything else.
"""

import json

import pytest

from shared.contracts.events import event_type
from tests.contracts.freeze import FOLDER, breaches, every_event, frozen, schema

EVENTS = {event_type(event): event for event in every_event()}


@pytest.mark.parametrize("kind", EVENTS)
def test_schema_is_frozen(kind: str) -> None:
    """What an event looks like today is what is frozen for it."""
    assert frozen(kind) == schema(EVENTS[kind])


def test_no_event_disappeared() -> None:
    """Every event that was ever frozen is still known."""
    assert {file.stem for file in FOLDER.glob("*.json")} == set(EVENTS)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"properties": {}}, "lead_id is gone"),
        ({"required": ["lead_id", "added"]}, "added is required but was not"),
        ({"properties": {"lead_id": {"type": "string"}}}, "lead_id changed"),
    ],
)
def test_a_breaking_change_is_noticed(change: dict[str, object], expected: str) -> None:
    """Removing, retyping and newly requiring a field are each named."""
    before = {"properties": {"lead_id": {"type": "integer"}}, "required": ["lead_id"]}
    assert [expected] == breaches(before, {**before, **change})


def test_an_added_optional_field_is_no_breach() -> None:
    """A field with a default may be added, since old code ignores it and new code does without it."""
    before = {"properties": {"lead_id": {"type": "integer"}}, "required": ["lead_id"]}
    after = {"properties": {**before["properties"], "more": {"type": "string"}}, "required": ["lead_id"]}  # type: ignore[dict-item]
    assert [] == breaches(before, after)


def test_old_code_reads_new_events() -> None:
    """A field that this version does not know is ignored, not refused."""
    for event in EVENTS.values():
        assert event.model_config["extra"] == "ignore", event


def test_events_are_immutable() -> None:
    """A fact cannot be changed after it happened."""
    for event in EVENTS.values():
        assert event.model_config["frozen"], event


def test_types_are_unique_and_versioned() -> None:
    """No two events share a type, and each type ends in its version."""
    assert len(EVENTS) == len(every_event())
    for kind in EVENTS:
        assert kind.rsplit(".v", 1)[1].isdigit(), kind


def test_schemas_are_readable() -> None:
    """The frozen files are JSON that a person can compare."""
    for file in FOLDER.glob("*.json"):
        assert json.dumps(json.loads(file.read_text()), indent=1, sort_keys=True) + "\n" == file.read_text()
