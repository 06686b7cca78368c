"""Whatever nobody knows yet is in some receipt's bytes, and can be replayed when somebody does."""

import json
from typing import Any

import pytest

from services.intake.domain import items as items_module
from services.intake.domain.deliveries import messenger as messenger_module
from services.intake.domain.items import BROKEN, WHOLE, Item
from services.intake.domain.outcomes import Outcome
from services.intake.domain.splitting import SPLITTERS
from services.intake.domain.values import as_mapping
from services.intake.storage.receipt_writer import ReceiptWriter
from services.intake.use_cases.publish_receipts import ReceiptSource
from services.intake.use_cases.receive_delivery import ReceiveDelivery, Stamp
from services.intake.use_cases.replay_receipts import replay_receipts
from shared.contracts.words import Channel
from shared.kit.database import Database
from shared.kit.text import TOO_DEEP
from tests.intake.deliveries import PAGE, change, dumped, event, message, messenger, whatsapp, whatsapp_messages
from tests.intake.reading import outcome_of, reasons

WHATSAPP, MESSENGER = Channel.WHATSAPP, Channel.MESSENGER
SECRET = "nobody-knows-this"
TEXT = {"mid": "m_1", "text": "Is the boat trip on?"}


def split(channel: Channel, delivery: Any) -> list[Item]:
    """The items of a delivery."""
    return SPLITTERS[channel](delivery if isinstance(delivery, bytes) else dumped(delivery))


def outcomes(channel: Channel, delivery: Any) -> list[str]:
    """What becomes of each item of a delivery."""
    found: list[Outcome] = [outcome_of(item) for item in split(channel, delivery)]
    return reasons(found)


def entry(**parts: Any) -> dict[str, Any]:
    """A Messenger delivery with one entry of these parts."""
    return {"object": "page", "entry": [{"id": PAGE, "time": 1795000000456, **parts}]}


UNKNOWN: list[tuple[Channel, Any, list[str]]] = [
    (MESSENGER, {"object": "page", "x": SECRET}, ["quarantined: entry is not a list"]),
    (MESSENGER, messenger() | {"x": SECRET}, ["quarantined: unknown members", "ignored: empty"]),
    (MESSENGER, {"object": "page", "entry": [], "x": [SECRET]}, ["quarantined: unknown members"]),
    (MESSENGER, entry(gestures=[{"wave": SECRET}]), ["quarantined: unknown members"]),
    (
        MESSENGER,
        entry(gestures=[{"wave": SECRET}], messaging=[event(message=TEXT)]),
        ["quarantined: unknown members", "message"],
    ),
    (MESSENGER, entry(messaging=SECRET), ["quarantined: messaging is not a list"]),
    (MESSENGER, entry(messaging=[SECRET]), ["quarantined: a member of messaging is not an object"]),
    (MESSENGER, {"object": "instagram", "entry": [SECRET]}, ["quarantined: an entry is not an object"]),
    (MESSENGER, {"field": "messages", "value": {}, "x": SECRET}, ["ignored: dashboard_test"]),
    (WHATSAPP, {"object": "whatsapp_business_account", "x": SECRET}, ["quarantined: entry is not a list"]),
    (WHATSAPP, whatsapp() | {"x": SECRET}, ["quarantined: unknown members"]),
    (
        WHATSAPP,
        {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [], "x": SECRET}]},
        ["quarantined: unknown members"],
    ),
    (WHATSAPP, whatsapp(change(gestures=[SECRET])), ["quarantined: unknown members"]),
    (
        WHATSAPP,
        whatsapp(change(gestures=[SECRET], messages=[message()])),
        ["quarantined: unknown members", "text"],
    ),
    (
        WHATSAPP,
        whatsapp(change(messages=[message()]) | {"x": SECRET}),
        ["quarantined: unknown members", "text"],
    ),
    (WHATSAPP, whatsapp(change(messages=[message()], contacts=SECRET)), ["quarantined: unknown members", "text"]),
    (WHATSAPP, whatsapp(change(statuses=SECRET)), ["quarantined: statuses is not a list"]),
    (WHATSAPP, whatsapp(change(messages=[SECRET])), ["quarantined: a message is not an object"]),
    (WHATSAPP, whatsapp(change(field="history", gestures=[SECRET])), ["ignored: history"]),
    (
        WHATSAPP,
        whatsapp(change(field="history", gestures=[]) | {"x": SECRET}),
        ["ignored: history"],
    ),
]


@pytest.mark.parametrize(("channel", "delivery", "expected"), UNKNOWN, ids=range(len(UNKNOWN)))
def test_what_nobody_knows_is_in_some_receipt(channel: Channel, delivery: Any, expected: list[str]) -> None:
    """Unknown members and broken parts are kept, and those that might be an inquiry are not ignored."""
    assert expected == outcomes(channel, delivery)
    assert any(SECRET.encode() in item.body for item in split(channel, delivery))


@pytest.mark.parametrize(("channel", "delivery", "expected"), UNKNOWN, ids=range(len(UNKNOWN)))
def test_what_is_broken_is_a_delivery_that_gives_itself(channel: Channel, delivery: Any, expected: list[str]) -> None:
    """Splitting a broken item again gives the same one, so that a replay which cannot help changes nothing."""
    for item in split(channel, delivery):
        if item.kind == BROKEN:
            assert [item] == split(channel, item.body)


@pytest.mark.parametrize(
    ("channel", "make"),
    [
        (MESSENGER, lambda n: {"object": "page", "foo": n}),
        (MESSENGER, lambda n: entry(foo=n)),
        (MESSENGER, lambda n: entry(foo=[n])),
        (MESSENGER, lambda n: {"object": "page", "entry": [], "foo": n}),
        (WHATSAPP, lambda n: {"object": "whatsapp_business_account", "foo": n}),
        (WHATSAPP, lambda n: whatsapp(change(foo=n))),
    ],
)
def test_different_unknown_things_are_different_receipts(channel: Channel, make: Any) -> None:
    """Deliveries that differ only in what nobody knows do not pass for the same."""
    keys = {item.key for n in (1, 2, 3) for item in split(channel, make(n))}
    assert 3 == len(keys)


def nested(depth: int) -> Any:
    """Lists in lists."""
    found: Any = []
    for _ in range(depth):
        found = [found]
    return found


@pytest.mark.parametrize(
    ("bad", "reason"),
    [(nested(40), TOO_DEEP), (nested(400), TOO_DEEP), (float("nan"), "NaN is not JSON")],
    ids=["deep", "very deep", "nan"],
)
@pytest.mark.parametrize("channel", [WHATSAPP, MESSENGER])
def test_an_item_that_no_adapter_reads_stands_alone(channel: Channel, bad: Any, reason: str) -> None:
    """An item that is too deep, or has what JSON has no word for, is quarantined with its bytes; neighbours go on."""
    if channel is WHATSAPP:
        raw = json.dumps(whatsapp_messages(message("wamid.1"), message("wamid.2", odd=bad), message("wamid.3")))
    else:
        sent = [event(message=TEXT | {"mid": "m_1"}), event(message=TEXT | {"mid": "m_2", "odd": bad})]
        raw = json.dumps(messenger(*sent, event(message=TEXT | {"mid": "m_3"})))
    found = split(channel, raw.encode())
    assert [None, reason, None] == [item.error for item in found]
    assert json.dumps(bad, separators=(",", ":")).encode() in found[1].body


def test_a_depth_that_the_stack_cannot_hold_keeps_the_delivery_whole() -> None:
    """What cannot even be looked at is kept as it came."""
    raw = dumped(messenger(event(message=TEXT))).replace(
        b'"text"', b'"x":' + b"[" * 90_000 + b"]" * 90_000 + b',"text"'
    )
    (item,) = split(MESSENGER, raw)
    assert (WHOLE, TOO_DEEP, raw) == (item.kind, item.error, item.body)


@pytest.mark.parametrize(
    ("channel", "make"),
    [
        (MESSENGER, lambda time: entry(messaging=[{"sender": {"id": "3"}, "optin": {"ref": "a"}}], time=time)),
        (MESSENGER, lambda time: entry(messaging=[event(timestamp=0, optin={"ref": "a"})], time=time)),
        (MESSENGER, lambda time: entry(changes=[{"field": "mention", "value": {}}], time=time)),
        (
            WHATSAPP,
            lambda time: {
                "object": "whatsapp_business_account",
                "entry": [{"id": "1", "time": time, "changes": [change(field="account_update", event="X")]}],
            },
        ),
    ],
)
def test_the_same_thing_without_id_and_time_at_another_time_is_another(channel: Channel, make: Any) -> None:
    """What has neither an id nor a time of its own is the same only within entries of the same time."""
    first, again, later = (split(channel, make(time))[0].key for time in (1, 1, 2))
    assert first == again
    assert first != later


def test_a_time_of_its_own_is_enough() -> None:
    """An event with a timestamp is the same in whichever entry it comes again."""
    sent = event(optin={"ref": "a"})
    keys = {split(MESSENGER, entry(messaging=[sent], time=time))[0].key for time in (1, 2)}
    assert 1 == len(keys)


async def states(database: Database) -> list[tuple[str, str | None]]:
    """State and reason of every receipt."""
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT state, reason FROM receipts ORDER BY id")
    return [tuple(row) for row in rows]


async def test_what_was_broken_becomes_what_it_always_was(
    database: Database, stamp: Stamp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken and unknown parts stay in quarantine until the splitter can read them; a replay then makes receipts."""
    take = ReceiveDelivery(MESSENGER, stamp, ReceiptWriter(database))
    await take(dumped(entry(messaging=[event(message=TEXT)], whispers=[event(message=TEXT | {"mid": "m_2"})])))
    await take(dumped(entry(messaging=["m_3"])))
    source = ReceiptSource(stamp, database.committed)

    async def replay() -> int:
        async with database.transaction() as connection:
            assert 2 == await replay_receipts(connection, state="quarantined")
        async with database.connection() as connection:
            return len(await source.fetch(connection, 100))

    assert 1 == await replay()
    bad = "a member of messaging is not an object"
    before = [("quarantined", "unknown members"), ("received", None), ("quarantined", bad)]
    assert before == await states(database)

    def read_names(channel: Any, envelope: Any, name: str, element: Any) -> Item:
        read = event(message=TEXT | {"mid": element}) if isinstance(element, str) else element
        return original(channel, envelope, name, as_mapping(read))

    original = messenger_module._element
    monkeypatch.setattr(messenger_module, "_element", read_names)
    monkeypatch.setattr(messenger_module, "_LISTS", (*messenger_module._LISTS, "whispers"))
    await replay()
    ended = [("ignored", "split again"), ("received", None), ("ignored", "split again")]
    assert ended == (await states(database))[:3]
    assert 5 == len(await states(database))


async def test_an_event_that_cannot_be_made_does_not_stop_the_relay(
    database: Database, stamp: Stamp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An adapter's gap that shows only when the event is built or split puts one receipt into quarantine."""
    await ReceiveDelivery(WHATSAPP, stamp, ReceiptWriter(database))(
        dumped(whatsapp_messages(message("wamid.1"), message("wamid.2"), message("wamid.3")))
    )
    made = ReceiptSource.__init__.__globals__["to_event"]

    def fails_once(receipt: Any, *rest: Any) -> Any:
        if receipt.id == 2:
            raise ValueError("a surrogate that no adapter took out")
        return made(receipt, *rest)

    monkeypatch.setattr("services.intake.use_cases.publish_receipts.to_event", fails_once)
    async with database.connection() as connection:
        sent = await ReceiptSource(stamp, database.committed).fetch(connection, 100)
    assert [1, 3] == [row.id for row in sent]
    state, reason = (await states(database))[1]
    assert ("quarantined", True) == (state, (reason or "").startswith("adapter failed"))


def test_no_item_of_ours_can_be_claimed() -> None:
    """A platform's kind never looks like one of ours."""
    found = items_module.make_item(WHATSAPP, "1", BROKEN, ("k",), {})
    assert found.kind not in (BROKEN, WHOLE)
