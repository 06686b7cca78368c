"""Freezing of event schemas: `python -m tests.contracts.freeze` after an event or an optional field was added."""

import importlib
import json
import pkgutil
import sys
from pathlib import Path
from typing import Any

import shared.contracts
from shared.contracts.events import Event, event_type

FOLDER = Path(__file__).parent / "frozen"


def every_event() -> list[type[Event]]:
    """Every event class that the contracts declare a type for."""
    for module in pkgutil.iter_modules(shared.contracts.__path__):
        importlib.import_module(f"shared.contracts.{module.name}")
    classes: list[type[Event]] = []
    waiting = [Event]
    while waiting:
        found = waiting.pop()
        waiting.extend(found.__subclasses__())
        if "type" in found.model_fields and found.__module__.startswith("shared.contracts."):
            classes.append(found)
    return sorted(classes, key=event_type)


def schema(event: type[Event]) -> dict[str, Any]:
    """The JSON schema of an event as it is now, without its prose."""
    return _without_prose(event.model_json_schema(mode="validation"))  # type: ignore[no-any-return]


def _without_prose(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_prose(item) for key, item in value.items() if key not in ("description", "title")}
    return [_without_prose(item) for item in value] if isinstance(value, list) else value


def frozen(kind: str) -> dict[str, Any]:
    """The frozen schema of an event type."""
    value: dict[str, Any] = json.loads((FOLDER / f"{kind}.json").read_text())
    return value


def breaches(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What in a changed schema would keep old events or old code from being understood."""
    found = []
    for name, was in before.get("properties", {}).items():
        now = after.get("properties", {}).get(name)
        if now is None:
            found.append(f"{name} is gone")
        elif now != was:
            found.append(f"{name} changed")
    found += [f"{name} is required but was not" for name in after.get("required", []) if _is_new(name, before)]
    for name, definition in before.get("$defs", {}).items():
        changed = after.get("$defs", {}).get(name, {})
        found += [f"{name}: {breach}" for breach in breaches(definition, changed)]
        if set(definition.get("enum", ())) - set(changed.get("enum", ())):
            found.append(f"{name} lost a value")
    return found


def _is_new(name: str, before: dict[str, Any]) -> bool:
    return name not in before.get("required", [])


def main() -> int:
    """Freeze what is new; 1 and the reasons when something that was frozen would break."""
    FOLDER.mkdir(exist_ok=True)
    failed = False
    for event in every_event():
        kind, now = event_type(event), schema(event)
        file = FOLDER / f"{kind}.json"
        for breach in breaches(frozen(kind), now) if file.exists() else []:
            failed = True
            print(f"{kind}: {breach}", file=sys.stderr)
        if not failed:
            file.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
