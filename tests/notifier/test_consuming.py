"""Consuming: records in, one notification per assignment, whatever comes twice or is unknown."""

import io
import logging
from datetime import timedelta
from typing import Any

import pytest

from services.notifier.handlers import Handlers
from shared.contracts.assignment import decode_member
from shared.contracts.events import Event, event_type
from shared.contracts.leads import LeadDeleted, decode_lead_event
from shared.contracts.topics import LEAD_EVENTS, TEAM_MEMBERS, Topic
from shared.kit.consumer import Consumer
from shared.kit.database import Database
from shared.kit.identifiers import new_id
from shared.kit.logging import configure_logging
from shared.kit.records import Record
from tests.notifier.conftest import FakeLeads, MakeSender, announced, assigned, member, rows
from tests.notifier.mail_servers import Post, mail_server
from tests.support.clock import MovingClock


def record(topic: Topic, event: Event, offset: int = 0, kind: str | None = None) -> Record:
    """An event as it comes from the broker."""
    kind = kind or event_type(event)
    return Record(topic.name, 0, offset, b"7", kind, {}, event.model_dump_json().encode(), event.occurred_at)


@pytest.fixture
def handlers(clock: MovingClock) -> Handlers:
    """The handlers."""
    return Handlers(clock=clock)


@pytest.fixture
def lead_events(database: Database, handlers: Handlers) -> Consumer[Any]:
    """The consumer of leads' events, fed by hand."""
    return Consumer(
        service="notifier",
        topic=LEAD_EVENTS,
        decode=decode_lead_event,
        handle=handlers.on_lead_events,
        database=database,
    )


@pytest.fixture
def members(database: Database, handlers: Handlers) -> Consumer[Any]:
    """The consumer of members, fed by hand."""
    return Consumer(
        service="notifier", topic=TEAM_MEMBERS, decode=decode_member, handle=handlers.on_members, database=database
    )


async def test_replayed_topic_changes_nothing(database: Database, lead_events: Consumer[Any]) -> None:
    """The whole topic read again, and the same decision announced under another event id, make no new row."""
    events = [assigned(7, 3, 1), assigned(7, 4, 2), assigned(8, 3, 1)]
    batch = [record(LEAD_EVENTS, event, offset) for offset, event in enumerate(events)]
    await lead_events.process(batch)
    before = await rows(database)
    await lead_events.process(batch)
    await lead_events.process([record(LEAD_EVENTS, assigned(7, 3, 1))])
    assert 3 == len(before)
    assert before == await rows(database)


async def test_old_assignments_are_no_news(database: Database, lead_events: Consumer[Any], clock: MovingClock) -> None:
    """What was assigned more than 2 days ago is withdrawn when it is planned, and said so to each who asks."""
    old = assigned(7, 3, at=clock.now() - timedelta(days=2, seconds=1))
    batch = [record(LEAD_EVENTS, old), record(LEAD_EVENTS, assigned(8, 3, at=clock.now() - timedelta(days=2)), 1)]
    await lead_events.process(batch)
    await lead_events.process(batch)
    assert ["withdrawn", "waiting"] == [row["state"] for row in await rows(database)]
    event, again = await announced(database)
    assert (7, 1, True) == (event["lead_id"], event["decision_number"], event["is_withdrawn"])
    assert event["notification_id"] == again["notification_id"]
    assert "the lead was assigned more than 2 days ago" == event["reason"]


async def test_other_events_are_passed_over(database: Database, lead_events: Consumer[Any]) -> None:
    """Events that call for no words, and types that this version does not know, make nothing."""
    deleted = LeadDeleted(
        event_id=new_id(), correlation_id=new_id(), occurred_at=assigned(1, 1).occurred_at, lead_id=7, version=3
    )
    await lead_events.process(
        [record(LEAD_EVENTS, deleted), record(LEAD_EVENTS, assigned(7, 3), kind="lead.sung_about.v1")]
    )
    assert [] == await rows(database)


async def test_bad_record_is_put_aside_alone(database: Database, lead_events: Consumer[Any]) -> None:
    """A record that breaks the contract becomes a dead letter, and its neighbours are told."""
    good = record(LEAD_EVENTS, assigned(7, 3))
    bad = Record(LEAD_EVENTS.name, 0, 1, b"7", "lead.assigned.v1", {}, b"{}", good.produced_at)
    await lead_events.process([bad, good])
    assert [7] == [row["lead_id"] for row in await rows(database)]
    async with database.connection() as connection:
        assert 1 == await connection.fetchval("SELECT count(*) FROM dead_letters")


async def test_nothing_of_the_person_stays(
    database: Database,
    lead_events: Consumer[Any],
    members: Consumer[Any],
    clock: MovingClock,
    leads: FakeLeads,
    make_sender: MakeSender,
) -> None:
    """After a mail was refused, tried again and sent, neither the database nor the log holds what it told."""
    canary = "Quetzalcoatl"
    leads.add(7, owner=3, first_name=canary, last_name=canary)
    leads.inquiries[7][0]["text"] = f"I am {canary}"
    output = io.StringIO()
    configure_logging("notifier")
    # The test's mail server runs in this process and logs what it hears.
    logging.getLogger("mail.log").setLevel("WARNING")
    root = logging.getLogger()
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(output)
    await members.process([record(TEAM_MEMBERS, member(3, email=f"{canary}@shop.example"))])
    await lead_events.process([record(LEAD_EVENTS, assigned(7, 3))])
    post = Post(at_recipient=[f"451 4.3.0 {canary}@shop.example is full"])
    async with mail_server(post) as port:
        sender = make_sender(port)
        await sender.send_due()
        clock.advance(timedelta(minutes=3))
        await sender.send_due()
    root.removeHandler(handler)
    assert canary in post.received[0].as_string()
    assert "notification ended" in output.getvalue()
    assert canary not in output.getvalue()
    async with database.connection() as connection:
        for table in ("notifications", "inbox", "dead_letters"):
            stored = await connection.fetchval(f"SELECT coalesce(json_agg(t)::text, '') FROM {table} AS t")
            assert canary not in stored
        assert not [row for row in await connection.fetch("SELECT body FROM outbox") if canary.encode() in row["body"]]
