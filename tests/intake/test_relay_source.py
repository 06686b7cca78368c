"""Receipts on their way: published in order, settled once, handed over again when leads stays silent."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.intake import handlers
from services.intake.domain.items import make_item, whole
from services.intake.storage import receipts
from services.intake.storage.receipt_writer import ReceiptWriter
from services.intake.use_cases.publish_receipts import ReceiptSource
from services.intake.use_cases.receive_delivery import ReceiveDelivery, Stamp
from services.intake.use_cases.republish_receipts import RepublishReceipts
from services.intake.use_cases.settle_receipts import settle_receipts
from services.intake.use_cases.summarise_receipts import Summary, summarise_receipts
from shared.contracts.inquiries import InquiryReceived, InquirySettled, decode_inquiry
from shared.contracts.topics import INQUIRIES
from shared.contracts.words import Channel, SettlementOutcome
from shared.kit.broker import Broker
from shared.kit.database import Connection, Database
from shared.kit.identifiers import new_id
from shared.kit.operations import OperationRefused
from shared.kit.relay import Outgoing, Positions, Published
from shared.kit.signals import Signal
from tests.intake.deliveries import change, dumped, message, whatsapp, whatsapp_messages
from tests.support.clock import MovingClock

NEW, REPEAT, REJECTED = SettlementOutcome.NEW, SettlementOutcome.REPEAT, SettlementOutcome.REJECTED


async def receive(database: Database, stamp: Stamp, *deliveries: Any) -> None:
    """Take WhatsApp deliveries, as the webhook does."""
    take = ReceiveDelivery(Channel.WHATSAPP, stamp, ReceiptWriter(database))
    for delivery in deliveries:
        await take(delivery if isinstance(delivery, bytes) else dumped(delivery))


async def fetch(database: Database, stamp: Stamp, limit: int = 1000) -> Sequence[Outgoing]:
    """What the relay would publish next."""
    async with database.connection() as connection:
        return await ReceiptSource(stamp, database.committed).fetch(connection, limit)


async def mark(connection: Connection, stamp: Stamp, *published: Published) -> None:
    """Note that a broker has these."""
    source = ReceiptSource(stamp, Signal())
    await source.mark(connection, published, Positions.of(published, "cluster"))


async def publish(database: Database, stamp: Stamp) -> list[InquiryReceived]:
    """Publish everything that waits to a broker that takes it all; partition 0, offsets from 0."""
    sent = []
    for offset, row in enumerate(await fetch(database, stamp)):
        async with database.transaction() as connection:
            await mark(connection, stamp, Published(row.id, row.topic, 0, offset))
        sent.append(read(row))
    return sent


def read(row: Outgoing) -> InquiryReceived:
    """The event that a consumer reads."""
    event = decode_inquiry(row.type, row.body)
    assert isinstance(event, InquiryReceived)
    return event


def settlement(receipt_id: UUID, outcome: SettlementOutcome = NEW, **parts: Any) -> InquirySettled:
    """leads' answer."""
    return InquirySettled(
        event_id=new_id(),
        occurred_at=datetime(2026, 11, 20, 23, 31, tzinfo=UTC),
        correlation_id=receipt_id,
        receipt_id=receipt_id,
        outcome=outcome,
        **parts,
    )


async def settle(database: Database, *settlements: InquirySettled) -> None:
    """Handle a batch of settlements."""
    async with database.transaction() as connection:
        await settle_receipts(connection, settlements)


async def states(database: Database) -> list[tuple[str, str | None, str | None]]:
    """State, outcome and reason of every receipt."""
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT state, outcome, reason FROM receipts ORDER BY id")
    return [tuple(row) for row in rows]


async def summary(database: Database) -> Summary:
    """The equation."""
    async with database.connection() as connection:
        return await summarise_receipts(connection)


async def test_inquiries_are_published_in_order_and_the_rest_is_put_away(database: Database, stamp: Stamp) -> None:
    """Fetching normalises: inquiries go out in the order of arrival, others end with their reason."""
    sent = [
        message("wamid.1"),
        message("wamid.2", kind="reaction"),
        message("wamid.3", kind="hologram"),
        message("wamid.4"),
    ]
    await receive(database, stamp, whatsapp_messages(*sent), whatsapp(change(statuses=[{"id": "s"}])))
    first, second = await fetch(database, stamp)
    assert (1, 4) == (first.id, second.id)
    assert first.key == second.key
    assert [
        ("received", None, None),
        ("ignored", None, "reaction"),
        ("quarantined", None, "unknown message type"),
        ("received", None, None),
        ("ignored", None, "status"),
    ] == await states(database)


async def test_what_is_published_is_the_same_each_time(database: Database, stamp: Stamp) -> None:
    """A receipt gives the same event again, id included, with no id of the person or message as a key."""
    await receive(database, stamp, whatsapp_messages(message("wamid.1")))
    (first,), (again,) = await fetch(database, stamp), await fetch(database, stamp)
    assert first == again
    event = read(first)
    assert (event.receipt_id, event.thread, "2026-11-21") == (
        event.event_id,
        first.key,
        event.business_date.isoformat(),
    )
    assert "5512345678" not in first.key + event.dedupe_key


async def test_a_page_of_nothing_but_statuses_does_not_hold_up_what_follows(database: Database, stamp: Stamp) -> None:
    """Fetching goes on until there is something to publish or nothing left."""
    statuses = [{"id": f"s{n}"} for n in range(25)]
    await receive(database, stamp, whatsapp(change(statuses=statuses)), whatsapp_messages(message()))
    assert 1 == len(await fetch(database, stamp, limit=10))


async def test_an_inquiry_that_is_too_large_for_the_broker_leaves_its_content_behind(
    database: Database, stamp: Stamp
) -> None:
    """An absurd message is published without its content, which the receipt keeps."""
    order = {"text": "o" * 50_000, "product_items": [["é" * 4000] * 100] * 2}
    await receive(database, stamp, whatsapp_messages(message(kind="order", order=order)))
    (row,) = await fetch(database, stamp)
    assert len(row.body) < 1_000_000
    assert ({"left_out": True}, 20_000) == (read(row).content, len(read(row).text or ""))
    advert = {f"part {number}": ["é" * 4000] * 100 for number in range(2)}
    await receive(database, stamp, whatsapp_messages(message("wamid.2", referral=advert)))
    assert len((await fetch(database, stamp))[-1].body) < 1_000_000


async def test_large_receipts_are_fetched_a_few_at_a_time(database: Database, stamp: Stamp) -> None:
    """However many large items wait, what is in memory at once is bounded, and all get their turn."""
    statuses = [{"id": f"s{n}", "x": "x" * 2_500_000} for n in range(20)]
    for status in statuses:
        await receive(database, stamp, whatsapp(change(statuses=[status])))
    async with database.connection() as connection:
        assert [1, 2, 3, 4, 5, 6, 7] == [receipt.id for receipt in await receipts.list_waiting(connection, 1000)]
    assert () == await fetch(database, stamp)
    assert 20 == (await summary(database)).ignored


async def test_a_settlement_ends_a_receipt(database: Database, stamp: Stamp) -> None:
    """Outcome, lead and number are kept, and the equation moves on."""
    await receive(database, stamp, whatsapp_messages(*(message(f"wamid.{n}") for n in range(3))))
    one, two, three = await publish(database, stamp)
    assert 3 == (await summary(database)).in_flight
    await settle(
        database,
        settlement(one.receipt_id, NEW, lead_id=7, lead_number="LEAD-20261121-001"),
        settlement(two.receipt_id, REPEAT, lead_id=7),
        settlement(three.receipt_id, REJECTED, reason="the form has expired"),
    )
    expected = [("settled", "new", None), ("settled", "repeat", None), ("quarantined", None, "the form has expired")]
    assert expected == await states(database)
    assert Summary(received=3, new=1, repeat=1, update=0, ignored=0, quarantined=1, in_flight=0) == await summary(
        database
    )


async def test_a_settlement_may_come_often_and_in_any_company(database: Database, stamp: Stamp) -> None:
    """Repeated, unknown and doubled settlements change nothing."""
    await receive(database, stamp, whatsapp_messages(message()))
    (event,) = await publish(database, stamp)
    once = settlement(event.receipt_id)
    await settle(database, once, settlement(new_id()), once, settlement(event.receipt_id, REJECTED, reason="x"))
    await settle(database, settlement(event.receipt_id, REPEAT))
    assert [("settled", "new", None)] == await states(database)


async def test_a_settlement_that_overtakes_the_mark_is_final(database: Database, stamp: Stamp) -> None:
    """leads may answer before the relay has noted that it published."""
    await receive(database, stamp, whatsapp_messages(message()))
    (row,) = await fetch(database, stamp)
    await settle(database, settlement(read(row).receipt_id))
    async with database.transaction() as connection:
        await mark(connection, stamp, Published(row.id, row.topic, 0, 5))
    assert [("settled", "new", None)] == await states(database)
    assert () == await fetch(database, stamp)


async def test_marking_settling_and_sweeping_at_once_do_not_deadlock(database: Database, stamp: Stamp) -> None:
    """Relay, consumer and sweep meet on the same rows in different orders, and all get through."""
    await receive(database, stamp, whatsapp_messages(*(message(f"wamid.{n}") for n in range(300))))
    rows = list(await fetch(database, stamp))
    events = [read(row) for row in rows]

    async def mark_in(order: int) -> None:
        async with database.transaction() as connection:
            await mark(connection, stamp, *(Published(row.id, row.topic, 0, row.id) for row in rows[::order]))

    async def sweep() -> None:
        async with database.transaction() as connection:
            await receipts.unsend_unsettled(connection)

    settlements = [settlement(event.receipt_id) for event in events]
    for _ in range(5):
        jobs = [
            mark_in(1),
            mark_in(-1),
            sweep(),
            settle(database, *settlements),
            settle(database, *reversed(settlements)),
        ]
        await asyncio.gather(*jobs)
    assert {("settled", "new", None)} == set(await states(database))


async def test_a_lost_log_sends_only_what_is_not_settled(database: Database, stamp: Stamp) -> None:
    """After the broker lost its log, unsettled receipts wait again in their order; settled ones stay."""
    await receive(database, stamp, whatsapp_messages(*(message(f"wamid.{n}") for n in range(4))))
    sent = await publish(database, stamp)
    await settle(database, settlement(sent[1].receipt_id))
    async with database.transaction() as connection:
        assert 3 == await ReceiptSource(stamp, database.committed).unsend(connection, INQUIRIES)
    assert [sent[0], sent[2], sent[3]] == [read(row) for row in await fetch(database, stamp)]


class ReaderAt(Broker):
    """A broker whose reader has come this far in partition 0."""

    def __init__(self, offset: int | None) -> None:
        super().__init__("unused")
        self._offset = offset

    async def committed(self, group: str) -> dict[str, dict[int, int]]:
        """Where leads reads next."""
        assert "leads.intake.inquiries.v1" == group
        return {} if self._offset is None else {INQUIRIES.name: {0: self._offset}}


async def let_pass(database: Database, time: timedelta) -> None:
    """Make published receipts as old as if this time had passed."""
    async with database.connection() as connection:
        await connection.execute("UPDATE receipts SET retry_at = retry_at - $1::interval", time)


async def test_silence_is_noticed(database: Database, stamp: Stamp) -> None:
    """Receipts that leads has read past wait again after 30 s, then after twice as long; those unread do not."""
    await receive(database, stamp, whatsapp_messages(*(message(f"wamid.{n}") for n in range(3))))
    await publish(database, stamp)
    assert 0 == await RepublishReceipts(database, ReaderAt(3))()
    await let_pass(database, timedelta(seconds=31))
    assert 0 == await RepublishReceipts(database, ReaderAt(None))()
    assert 2 == await RepublishReceipts(database, ReaderAt(2))()
    assert ["received", "received", "published"] == [state for state, *_ in await states(database)]
    await publish(database, stamp)
    await let_pass(database, timedelta(seconds=31))
    assert 1 == await RepublishReceipts(database, ReaderAt(3))()
    await let_pass(database, timedelta(seconds=31))
    assert 2 == await RepublishReceipts(database, ReaderAt(3))()


async def test_silence_waits_an_hour_at_most(database: Database, stamp: Stamp) -> None:
    """However often a receipt was published, it is not given up."""
    await receive(database, stamp, whatsapp_messages(message()))
    for _ in range(12):
        await publish(database, stamp)
        await let_pass(database, timedelta(hours=1, seconds=1))
        assert 1 == await RepublishReceipts(database, ReaderAt(1))()


async def replay(database: Database, **arguments: Any) -> dict[str, Any]:
    """Run the operators' command."""
    async with database.transaction() as connection:
        return await handlers.on_replay_command(connection, arguments)


async def test_a_replay_runs_the_adapter_again(
    database: Database, stamp: Stamp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once an adapter is fixed, what it failed on becomes an inquiry, alone or with all of its reason."""
    monkeypatch.setitem(
        __import__("services.intake.domain.normalise", fromlist=["x"])._ADAPTERS, Channel.WHATSAPP, None
    )
    await receive(database, stamp, whatsapp_messages(*(message(f"wamid.{n}") for n in range(3))))
    assert () == await fetch(database, stamp)
    assert {("quarantined", None, "no adapter")} == set(await states(database))
    monkeypatch.undo()
    assert {"replayed": 0} == await replay(database, reason="another")
    assert {"replayed": 2} == await replay(database, reason="no adapter", limit=2)
    assert [1, 2] == [row.id for row in await fetch(database, stamp)]
    async with database.connection() as connection:
        receipt_id = await connection.fetchval("SELECT receipt_id FROM receipts WHERE id = 3")
    assert {"replayed": 1} == await replay(database, id=str(receipt_id))
    assert 3 == len(await publish(database, stamp))
    with pytest.raises(OperationRefused):
        await replay(database, id=str(receipt_id))


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"id": "x"},
        {"id": str(UUID(int=0))},
        {"state": "settled"},
        {"reason": 1},
        {"all": True},
        {"state": "ignored", "limit": -1},
    ],
)
async def test_a_replay_that_is_not_meant_is_refused(database: Database, arguments: dict[str, Any]) -> None:
    """The command says which receipts, or does nothing."""
    with pytest.raises(OperationRefused):
        await replay(database, **arguments)


async def test_a_rejected_receipt_can_settle_after_a_replay(database: Database, stamp: Stamp) -> None:
    """What leads rejected goes round again, and its next outcome counts."""
    await receive(database, stamp, whatsapp_messages(message()))
    (event,) = await publish(database, stamp)
    await settle(database, settlement(event.receipt_id, REJECTED, reason="odd"))
    assert {"replayed": 1} == await replay(database, reason="odd")
    assert [event] == await publish(database, stamp)
    await settle(database, settlement(event.receipt_id))
    assert [("settled", "new", None)] == await states(database)


async def test_a_rejected_receipt_settles_when_leads_replays_its_dead_letter(database: Database, stamp: Stamp) -> None:
    """A dead letter is a rejection with its reason; when leads gets through after all, its outcome counts for good."""
    await receive(database, stamp, whatsapp_messages(message("wamid.1")), whatsapp_messages(message("wamid.2")))
    one, two = await publish(database, stamp)
    rejections = [settlement(event.receipt_id, REJECTED, reason="dead letter: odd") for event in (one, two)]
    await settle(database, *rejections)
    assert [("quarantined", None, "dead letter: odd")] * 2 == await states(database)
    assert 0 == await RepublishReceipts(database, ReaderAt(2))()
    await settle(database, settlement(one.receipt_id, NEW, lead_id=7), settlement(two.receipt_id, REPEAT, lead_id=7))
    await settle(database, *rejections)
    assert [("settled", "new", None), ("settled", "repeat", None)] == await states(database)
    assert Summary(received=2, new=1, repeat=1, update=0, ignored=0, quarantined=0, in_flight=0) == await summary(
        database
    )


async def test_a_delivery_that_can_be_split_at_last_becomes_its_items(
    database: Database, stamp: Stamp, clock: MovingClock
) -> None:
    """A whole delivery that was quarantined is split on replay; its items have the time at which it came."""
    raw = dumped(whatsapp_messages(message("wamid.1"), message("wamid.2")))
    kept = stamp.receipts(
        [whole(Channel.WHATSAPP, raw, "a bug of ours"), make_item(Channel.WHATSAPP, "1", "x", ("k",), [], "bad")]
    )
    await ReceiptWriter(database).write(kept)
    clock.advance(timedelta(days=2))
    assert {"replayed": 2} == await replay(database, state="quarantined")
    rows = await fetch(database, stamp)
    assert [3, 4] == [row.id for row in rows]
    assert {"2026-11-21"} == {read(row).business_date.isoformat() for row in rows}
    expected = [("ignored", None, "split again"), ("quarantined", None, "bad")] + [("received", None, None)] * 2
    assert expected == await states(database)
