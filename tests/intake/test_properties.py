"""Whatever arrives: nothing raises, and nothing gets lost between a delivery and its outcomes."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.domain.adapters.lead_ads import read_lead_ads
from services.intake.domain.deliveries.whatsapp import find_usual, split_any
from services.intake.domain.forms import FieldRefused, FormUnreadable, check_fields, parse_json_form
from services.intake.domain.items import make_item
from services.intake.domain.normalise import to_body, to_event
from services.intake.domain.outcomes import Arrival, Awaited, Ignored, Inquiry, Quarantined
from services.intake.domain.splitting import SPLITTERS
from shared.contracts.events import event_type
from shared.contracts.inquiries import decode_inquiry
from shared.contracts.words import Channel
from shared.kit.text import UnreadableJson, parse_json_parts
from tests.intake.deliveries import LINE, LUPE, PAGE, message, whatsapp_messages
from tests.intake.fixture_files import fixtures
from tests.intake.reading import NOW, outcome_of, waiting

# fmt: off
WORDS = [
    "id", "from", "type", "text", "body", "image", "caption", "interactive", "button_reply", "nfm_reply",
    "response_json", "title", "contacts", "origin", "phones", "wa_id", "user_id", "from_user_id", "timestamp",
    "errors", "code", "referral", "context", "sender", "recipient", "message", "mid", "postback", "optin",
    "quick_reply", "payload", "attachments", "is_echo", "statuses", "messages", "metadata", "phone_number_id",
    "field", "value", "entry", "changes", "messaging", "standby", "object", "profile", "name", "order",
    "location", "system", "reaction",
]
# fmt: on
words = st.sampled_from(WORDS)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(["text", "image", "contacts", "interactive", "unsupported", LUPE, "US.1", "\x00", "\ud800"])
)
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=5), max_leaves=12
)
parts = st.dictionaries(words, trees, max_size=6)


def dump(value: Any) -> bytes:
    """JSON as a platform may write it, big numbers and halves of characters included."""
    return json.dumps(value).encode()


def check(channel: Channel, raw: bytes, at_least: int = 1) -> None:
    """Every item has one outcome, and every inquiry is an event that a consumer can read."""
    items = SPLITTERS[channel](raw)
    assert len(items) >= at_least
    outcomes = [outcome_of(item) for item in items]
    for item, outcome in zip(items, outcomes, strict=True):
        if isinstance(outcome, (Ignored, Quarantined)):
            assert not outcome.reason.startswith("adapter failed"), outcome
        elif not isinstance(outcome, Awaited):
            assert outcome.sender.identities
            event = to_event(waiting(item), outcome, "key")
            assert event == decode_inquiry(event_type(event), to_body(event))
            assert b"\\u0000" not in to_body(event)


@given(st.lists(parts, min_size=1, max_size=4), st.lists(parts, max_size=2))
@settings(max_examples=150)
def test_any_whatsapp_messages(messages: list[Any], contacts: list[Any]) -> None:
    """Any objects in the place of messages are split into as many items, each with an outcome."""
    value = {"metadata": {"phone_number_id": LINE}, "messages": messages, "contacts": contacts}
    entry = [{"id": "1", "changes": [{"field": "messages", "value": value}]}]
    check(Channel.WHATSAPP, dump({"object": "whatsapp_business_account", "entry": entry}), len(messages))


def check_short_way(raw: bytes) -> bool:
    """Whether a delivery is split by the short way, which must give what the long one gives."""
    try:
        delivery = parse_json_parts(raw)
    except UnreadableJson:
        return False
    usual = find_usual(delivery)
    if usual is not None:
        assert split_any(delivery, raw) == [usual]
    return usual is not None


def test_the_usual_message_goes_the_short_way() -> None:
    """A delivery of one text of one person does."""
    assert check_short_way(dump(whatsapp_messages(message())))


@pytest.mark.parametrize("raw", [raw for name, raw in fixtures().items() if name.startswith("whatsapp")])
def test_the_short_way_ends_where_the_long_one_does(raw: bytes) -> None:
    """No shape that WhatsApp sends is split in another way because it looks usual."""
    check_short_way(raw)


@pytest.mark.parametrize("contacts", [7, 1.5, True, None, "x", {"a": 1}, [], [None]])
def test_contacts_of_any_shape_are_split(contacts: Any) -> None:
    """What is no list of contacts raises nothing, and is split as the long way splits it."""
    delivery = whatsapp_messages(message())
    delivery["entry"][0]["changes"][0]["value"]["contacts"] = contacts
    check_short_way(dump(delivery))


odd = trees | st.sampled_from([LUPE, "messages", " messages ", " ", "edit", "unsupported", {"id": "1"}, [LUPE], [{}]])


@given(st.data())
@settings(max_examples=400)
def test_nothing_unusual_goes_the_short_way(data: st.DataObject) -> None:
    """A usual delivery in which something was changed, added or left out is split as the long way splits it."""
    delivery = whatsapp_messages(message())
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.sampled_from(groups_of(delivery)))
        # A copy, since the next round may change it.
        value = json.loads(dump(data.draw(odd)))
        if isinstance(place, list):
            place.append(value)
        elif data.draw(st.booleans()):
            place[data.draw(st.sampled_from([*sorted(place), *WORDS]))] = value
        else:
            place.pop(data.draw(words), None)
    check_short_way(dump(delivery))


def groups_of(value: Any) -> list[Any]:
    """All objects and lists in a value, and itself."""
    inner = [part for part in (value.values() if isinstance(value, dict) else value) if isinstance(part, (dict, list))]
    return [value, *(group for part in inner for group in groups_of(part))]


@given(st.lists(parts, min_size=1, max_size=4), st.sampled_from(["page", "instagram"]))
@settings(max_examples=150)
def test_any_messaging_events(events: list[Any], name: str) -> None:
    """Any objects in the place of messaging events are split into as many items, each with an outcome."""
    check(Channel.MESSENGER, dump({"object": name, "entry": [{"id": PAGE, "messaging": events}]}), len(events))


@given(trees, st.sampled_from([Channel.WHATSAPP, Channel.MESSENGER]))
@settings(max_examples=150)
def test_any_json(tree: Any, channel: Channel) -> None:
    """Any JSON under a platform's name, or alone, leaves at least one item."""
    check(channel, dump(tree))
    check(channel, dump({"object": "whatsapp_business_account", "entry": tree}))
    check(channel, dump({"object": "page", "entry": [tree]}))


@given(st.binary(max_size=200), st.sampled_from([Channel.WHATSAPP, Channel.MESSENGER]))
def test_any_bytes(raw: bytes, channel: Channel) -> None:
    """Any bytes leave at least one item."""
    check(channel, raw)


fields = st.dictionaries(
    st.sampled_from(["name", "first_name", "email", "phone", "message", "Tel", "utm_source", "x"])
    | st.text(max_size=8),
    trees,
    max_size=8,
)


@given(fields, st.sampled_from([None, "MX", "BR"]))
@settings(max_examples=150)
def test_any_form(posted: dict[str, Any], region: str | None) -> None:
    """Any fields are refused by name, or become an inquiry or an empty form."""
    try:
        checked = check_fields(parse_json_form(dump(posted)))
    except (FieldRefused, FormUnreadable):
        return
    item = make_item(Channel.FORM, "any", "form", ("k",), {"fields": checked, "default_region": region})
    outcome = outcome_of(item)
    assert isinstance(outcome, (Inquiry, Ignored)), outcome
    if isinstance(outcome, Inquiry):
        body = to_body(to_event(waiting(item), outcome, "key"))
        assert orjson.loads(body)["kind"] == "form"


@pytest.mark.parametrize("channel", [Channel.WHATSAPP, Channel.MESSENGER])
def test_a_flood_of_items_is_one(channel: Channel) -> None:
    """A delivery of absurdly many items is kept whole instead of becoming absurdly many receipts."""
    raw = dump({"object": "whatsapp_business_account", "entry": [{"changes": [0] * 6000}]}).replace(
        *((b"", b"") if channel is Channel.WHATSAPP else (b"whatsapp_business_account", b"page"))
    )
    (item,) = SPLITTERS[channel](raw)
    assert ("too many items", raw) == (item.error, item.body)


answers = st.fixed_dictionaries({"name": scalars, "values": st.lists(scalars, max_size=3) | scalars})


@given(st.fixed_dictionaries({"field_data": st.lists(answers | parts, max_size=4), "created_time": scalars}) | trees)
@settings(max_examples=150)
def test_any_lead_that_is_fetched(lead: Any) -> None:
    """Whatever the Graph API answers, and however the form is described, reading it ends in an outcome."""
    change = {"field": "leadgen", "value": {"leadgen_id": "5"}}
    for fields in ([], [{"name": "text", "maps_to": "email"}], "odd"):
        body = {"change": change, "lead": lead, "fields": fields}
        found = read_lead_ads(body, Arrival(Channel.LEAD_ADS, PAGE, NOW))
        assert isinstance(found, (Inquiry, Ignored, Quarantined))
