"""What must hold of any delivery, for each adapter as a pure function: split, normalise, and what is published."""

import json
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from services.intake.domain.form_rules import Provider
from services.intake.domain.forms import FieldRefused, FormUnreadable, check_fields, parse_json_form
from services.intake.domain.items import Item, make_item
from services.intake.domain.normalise import to_body, to_event
from services.intake.domain.outcomes import Awaited, Ignored, Quarantined
from services.intake.domain.splitting import SPLITTERS
from shared.contracts.events import event_type
from shared.contracts.inquiries import decode_inquiry
from shared.contracts.words import Channel
from shared.kit.text import UnreadableJson, parse_json
from tests.fuzz.mutations import SECRET
from tests.intake.fixture_files import fixtures, webhook_of
from tests.intake.reading import in_words, outcome_of, waiting

ADAPTERS = ("whatsapp", "messenger", "instagram", "form")
LONGEST_SECONDS = 0.1
# A few words and at most a digit among them, such as that of UTF-8.
_REASON = re.compile(r"[A-Za-z_:(), '-]{1,200}[0-9]?")
# A NUL as JSON writes it, which is not a backslash that somebody typed before "u0000".
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_LISTS = ("messages", "statuses", "errors", "message_echoes", "user_id_update", "user_preferences")
_FORMS: tuple[dict[str, Any], ...] = (
    {"name": "Lupe Ríos", "phone": "55 1234 5678", "message": "Two, please", "attribution": {"first": {"gclid": "x"}}},
    {"first_name": "Kit", "email": ["kit@example.org", "b"], "utm_source": "x", "extra": {"a": [1, 2]}},
    {
        "form_response": {
            "token": "t",
            "answers": [{"type": "email", "email": "kit@example.org", "field": {"ref": "a"}}],
        }
    },
    {"data": {"fields": [{"key": "q", "label": "Phone", "type": "INPUT_PHONE_NUMBER", "value": "+491701234567"}]}},
)


class Breach(AssertionError):
    """Something that must hold of every delivery does not."""


@dataclass
class Tally:
    """What deliveries became, and the longest that one took, in seconds of CPU."""

    outcomes: Counter[str] = field(default_factory=Counter)
    items: int = 0
    longest: float = 0.0


def seeds(adapter: str) -> list[bytes]:
    """The deliveries, or bodies of items, that are mutated for an adapter."""
    if adapter == "form":
        return [json.dumps(form).encode() for form in _FORMS]
    return [raw for name, raw in fixtures().items() if name.startswith(f"{adapter}/")]


def examine(adapter: str, raw: bytes, tally: Tally) -> None:
    """Run a delivery through an adapter; raises `Breach`, or whatever the adapter raised."""
    begun = time.process_time()
    items = _items(adapter, raw)
    outcomes = [outcome_of(item) for item in items]
    for item, outcome in zip(items, outcomes, strict=True):
        if isinstance(outcome, Awaited):
            continue
        if not isinstance(outcome, (Ignored, Quarantined)):
            event = to_event(waiting(item), outcome, "key")
            body = to_body(event)
            _require(event == decode_inquiry(event_type(event), body), "an event does not read back")
            _require(not _NUL.search(body), "an event holds what Postgres refuses")
            _require(adapter == "form" or bool(outcome.sender.identities), "nobody is known by it")
            continue
        _require(not outcome.reason.startswith("adapter failed"), outcome.reason)
        _require(SECRET not in outcome.reason, "a reason holds personal data")
        _require(bool(_REASON.fullmatch(outcome.reason)), f"a reason is no words: {outcome.reason}")
    took = time.process_time() - begun
    tally.longest = max(tally.longest, took)
    tally.items += len(items)
    tally.outcomes.update(in_words(outcome) for outcome in outcomes)
    _require(bool(items), "nothing is left of a delivery")
    if adapter != "form":
        _require(len(items) >= _elements(raw, items), "items are lost between a delivery and its outcomes")


def _items(adapter: str, raw: bytes) -> list[Item]:
    if adapter != "form":
        return SPLITTERS[webhook_of(f"{adapter}/")](raw)
    posts: list[dict[str, Any]] = []
    try:
        posts.append({"fields": check_fields(parse_json_form(raw)), "default_region": "MX"})
        payload = parse_json(raw)
        posts += [{"provider": provider, "payload": payload, "mapping": {}} for provider in Provider]
    except (FieldRefused, FormUnreadable, UnreadableJson):
        posts.append({"fields": {}})
    return [make_item(Channel.FORM, "any", "form", ("k",), post) for post in posts]


def _elements(raw: bytes, items: list[Item]) -> int:
    """How many things a delivery holds, counted without the splitter; what cannot be taken apart is one."""
    if len(items) == 1 and items[0].error:
        return 1
    try:
        delivery = json.loads(raw)
    except (ValueError, RecursionError):
        return 1
    entries = delivery.get("entry") if isinstance(delivery, dict) else None
    return max(1, sum(_in_entry(entry) for entry in _list(entries)))


def _in_entry(entry: Any) -> int:
    if not isinstance(entry, dict):
        return 1
    messaging = [part for name in ("messaging", "standby") for part in _list(entry.get(name))]
    return len(messaging) + sum(_in_change(change) for change in _list(entry.get("changes")))


def _in_change(change: Any) -> int:
    value = change.get("value") if isinstance(change, dict) else None
    if not isinstance(value, dict) or change.get("field") not in (None, "messages"):
        return 1
    return max(1, sum(len(_list(value.get(name))) for name in _LISTS))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _require(holds: bool, breach: str) -> None:
    if not holds:
        raise Breach(breach)
