"""Sending: one mail per assignment, through real SMTP servers of every temper."""

import asyncio
import time
from datetime import timedelta

import pytest

from services.notifier.domain.notifications import NotificationState
from services.notifier.schedules import SendingLoop
from shared.kit.database import Database
from tests.notifier.conftest import (
    FakeLeads,
    MakeSender,
    announced,
    assigned,
    end_leases,
    know,
    member,
    plan,
    published,
    rows,
)
from tests.notifier.mail_servers import Post, mail_server
from tests.support.clock import MovingClock

LATER = timedelta(minutes=3)


def refusing(place: str, answer: str) -> Post:
    """A server that answers this once, to the recipient or to the content."""
    return Post(at_recipient=[answer]) if place == "recipient" else Post(at_content=[answer])


@pytest.fixture
async def one_assignment(database: Database, clock: MovingClock, leads: FakeLeads) -> None:
    """Lead 7 belongs to member 3, and notifier knows both facts."""
    leads.add(7, owner=3)
    await know(database, clock, member(3))
    await plan(database, clock, assigned(7, 3))


@pytest.mark.usefixtures("one_assignment")
async def test_mail_reaches_the_owner(database: Database, make_sender: MakeSender) -> None:
    """The owner gets one mail with number, name, channel, first words and a link, and the event says so."""
    post = Post()
    async with mail_server(post) as port:
        assert 1 == await make_sender(port).send_due()
    (row,), (mail,) = await rows(database), post.received
    assert "sent" == row["state"]
    (event,) = await announced(database)
    assert ("notification.sent.v1", 7, 3, 1) == (
        event["type"],
        event["lead_id"],
        event["member_id"],
        event["decision_number"],
    )
    assert [["member3@shop.example"]] == post.recipients
    assert "New lead LEAD-20260424-007: Ana Gómez (WhatsApp)" == mail["Subject"]
    assert f"<{row['id']}@shop.example>" == mail["Message-ID"]
    for kind in ("plain", "html"):
        part = mail.get_body((kind,))
        assert part is not None
        text = part.get_content()
        assert "LEAD-20260424-007" in text
        assert "Ana Gómez" in text
        assert "WhatsApp" in text
        assert "Hola, ¿hay lugar el sábado?" in text
        assert "https://console.example/leads/LEAD-20260424-007" in text


async def test_replays_and_races_make_one_mail(
    database: Database, clock: MovingClock, leads: FakeLeads, make_sender: MakeSender
) -> None:
    """The same assignments planned by racing consumers and sent by racing senders are one mail each."""
    await know(database, clock, member(3))
    events = [assigned(lead_id, 3) for lead_id in range(1, 31)]
    for event in events:
        leads.add(event.lead_id, owner=3)
    planned = await asyncio.gather(*(plan(database, clock, *events[::step]) for step in (1, -1, 1, -1)))
    assert 30 == sum(planned)
    post = Post()
    async with mail_server(post) as port:
        senders = [make_sender(port) for _ in range(3)]

        async def send_all(index: int) -> None:
            while await senders[index].send_due():
                await plan(database, clock, *events)

        await asyncio.gather(*(send_all(index) for index in range(3)))
    assert {"sent"} == {row["state"] for row in await rows(database)}
    assert 30 == len(post.received) == len({mail["Message-ID"] for mail in post.received})
    # Whoever plans the same again is told again what became of it.
    assert {"notification.sent.v1"} == set(await published(database))


@pytest.mark.usefixtures("one_assignment")
@pytest.mark.parametrize("place", ["recipient", "content"])
async def test_temporary_refusal_is_tried_again(
    database: Database, clock: MovingClock, make_sender: MakeSender, place: str
) -> None:
    """After a 4xx the mail waits, with the reason and without the server's words, and is sent later."""
    post = refusing(place, "450 4.2.1 <member3@shop.example> is busy")
    async with mail_server(post) as port:
        sender = make_sender(port)
        await sender.send_due()
        (row,) = await rows(database)
        assert "waiting" == row["state"]
        assert "answered 450 4.2.1" in row["reason"]
        assert "member3" not in row["reason"]
        assert 0 == await sender.send_due()
        clock.advance(LATER)
        assert 1 == await sender.send_due()
    assert "sent" == (await rows(database))[0]["state"]
    assert 1 == len(post.received)


@pytest.mark.usefixtures("one_assignment")
@pytest.mark.parametrize("place", ["recipient", "content"])
async def test_permanent_refusal_is_recorded(
    database: Database, clock: MovingClock, make_sender: MakeSender, place: str
) -> None:
    """A 5xx ends the attempts, and the event tells that it failed."""
    post = refusing(place, "550 5.1.1 no such user")
    async with mail_server(post) as port:
        sender = make_sender(port)
        await sender.send_due()
        clock.advance(timedelta(days=1))
        assert 0 == await sender.send_due()
    (row,) = await rows(database)
    assert "failed" == row["state"]
    assert "answered 550 5.1.1" in row["reason"]
    assert ["notification.failed.v1"] == await published(database)


@pytest.mark.usefixtures("one_assignment")
async def test_death_after_the_content_is_ambiguous(
    database: Database, clock: MovingClock, make_sender: MakeSender
) -> None:
    """A connection that dies after the content leaves an unknown that is never sent again by itself."""
    post = Post(dies_after_content=True)
    async with mail_server(post) as port:
        sender = make_sender(port)
        await sender.send_due()
        clock.advance(timedelta(days=1))
        assert 0 == await sender.send_due()
        assert 0 == await sender.record_abandoned()
    assert "ambiguous" == (await rows(database))[0]["state"]
    assert 1 == len(post.received)
    assert ["notification.failed.v1"] == await published(database)


@pytest.mark.usefixtures("one_assignment")
async def test_sender_killed_in_the_middle_is_ambiguous(
    database: Database, clock: MovingClock, make_sender: MakeSender
) -> None:
    """When the sender is gone after the content began to leave, the end of its lease makes it ambiguous, once."""
    async with database.transaction() as connection:
        await connection.execute(
            "UPDATE notifications SET state = 'sending', lease = gen_random_uuid(), "
            "leased_until = clock_timestamp() + interval '20 seconds'"
        )
    async with mail_server(Post()) as port:
        sender = make_sender(port)
        clock.advance(timedelta(days=1))
        assert [0, 0] == [await sender.send_due(), await sender.record_abandoned()]
        await end_leases(database)
        assert [0, 1, 0] == [await sender.send_due(), await sender.record_abandoned(), await sender.record_abandoned()]
    assert "ambiguous" == (await rows(database))[0]["state"]
    assert ["notification.failed.v1"] == await published(database)


@pytest.mark.usefixtures("one_assignment")
async def test_late_answer_corrects_ambiguous(database: Database, clock: MovingClock, make_sender: MakeSender) -> None:
    """A sender that was cut off from the database, and taken for dead, still records that the mail was accepted."""
    post = Post(delay_seconds=0.3)
    async with mail_server(post) as port:
        sending = asyncio.create_task(make_sender(port).send_due())
        await asyncio.wait_for(post.content_reached.wait(), 5)
        await end_leases(database)
        assert 1 == await make_sender(port).record_abandoned()
        assert "ambiguous" == (await rows(database))[0]["state"]
        await sending
    assert "sent" == (await rows(database))[0]["state"]
    assert ["notification.failed.v1", "notification.sent.v1"] == await published(database)


@pytest.mark.usefixtures("one_assignment")
async def test_sender_killed_before_the_content_is_replaced(
    database: Database, clock: MovingClock, make_sender: MakeSender
) -> None:
    """A lease whose holder died before the content left is taken over when it ends."""
    async with database.transaction() as connection:
        await connection.execute(
            "UPDATE notifications SET lease = gen_random_uuid(), "
            "leased_until = clock_timestamp() + interval '20 seconds'"
        )
    post = Post()
    async with mail_server(post) as port:
        sender = make_sender(port)
        clock.advance(timedelta(hours=1))
        assert 0 == await sender.send_due()
        await end_leases(database)
        assert 1 == await sender.send_due()
    assert 1 == len(post.received)


@pytest.mark.usefixtures("one_assignment")
async def test_lost_lease_sends_nothing(database: Database, clock: MovingClock, make_sender: MakeSender) -> None:
    """A sender that was too slow finds at the last moment that another has the mail, and sends nothing."""
    post = Post()
    async with mail_server(post) as port:
        sender = make_sender(port)
        write = sender._write

        async def slow(due: object) -> object:
            written = await write(due)  # type: ignore[arg-type]
            async with database.transaction() as connection:
                await connection.execute("UPDATE notifications SET lease = gen_random_uuid()")
            return written

        sender._write = slow  # type: ignore[assignment,method-assign]
        await sender.send_due()
    assert [] == post.received
    assert "waiting" == (await rows(database))[0]["state"]


@pytest.mark.usefixtures("one_assignment")
async def test_shutdown_lets_the_mail_in_hand_end(database: Database, make_sender: MakeSender) -> None:
    """A sender that is stopped while a mail is on its way waits for the answer and records it."""
    post = Post(delay_seconds=0.3)
    async with mail_server(post) as port:
        task = asyncio.create_task(make_sender(port).send_due())
        await asyncio.wait_for(post.content_reached.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert "sent" == (await rows(database))[0]["state"]


@pytest.mark.usefixtures("one_assignment")
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"assigned_id": 4}, "the lead has another owner"),
        ({"assigned_id": None}, "the lead has another owner"),
        ({"status": 3}, "the lead is closed"),
    ],
)
async def test_what_is_no_longer_true_is_not_told(
    database: Database, leads: FakeLeads, make_sender: MakeSender, change: dict[str, int | None], reason: str
) -> None:
    """At send time leads is asked again, and a lead that moved on is not told about."""
    leads.leads[7].update(change)
    post = Post()
    async with mail_server(post) as port:
        await make_sender(port).send_due()
    (row,) = await rows(database)
    assert ("withdrawn", reason) == (row["state"], row["reason"])
    assert [] == post.received
    (event,) = await announced(database)
    assert ("notification.failed.v1", reason, True, False, 1) == (
        event["type"],
        event["reason"],
        event["is_withdrawn"],
        event["is_ambiguous"],
        event["decision_number"],
    )


@pytest.mark.usefixtures("one_assignment")
async def test_deleted_lead_is_not_told(database: Database, leads: FakeLeads, make_sender: MakeSender) -> None:
    """A lead that leads does not know any more is not told about."""
    leads.leads.clear()
    async with mail_server(Post()) as port:
        await make_sender(port).send_due()
    assert "withdrawn" == (await rows(database))[0]["state"]


@pytest.mark.usefixtures("one_assignment")
@pytest.mark.parametrize("media_type", ["text/html; charset=utf-8", "application/json"])
async def test_not_found_of_somebody_else_is_not_believed(
    database: Database, leads: FakeLeads, make_sender: MakeSender, media_type: str
) -> None:
    """A 404 that is no problem document comes from a proxy or a wrong address: the mail waits."""
    leads.leads.clear()
    leads.not_found_type = media_type
    async with mail_server(Post()) as port:
        await make_sender(port).send_due()
    (row,) = await rows(database)
    assert ("waiting", "leads answered 404") == (row["state"], row["reason"])


@pytest.mark.usefixtures("one_assignment")
async def test_waits_while_leads_is_away(
    database: Database, clock: MovingClock, leads: FakeLeads, make_sender: MakeSender
) -> None:
    """Without leads' word nothing is sent; with it, the mail goes out."""
    leads.is_away = True
    post = Post()
    async with mail_server(post) as port:
        sender = make_sender(port)
        await sender.send_due()
        assert "waiting" == (await rows(database))[0]["state"]
        leads.is_away = False
        clock.advance(LATER)
        await sender.send_due()
    assert 1 == len(post.received)


@pytest.mark.usefixtures("one_assignment")
async def test_waits_while_the_mail_server_is_away_and_gives_up(
    database: Database, clock: MovingClock, make_sender: MakeSender
) -> None:
    """A mail server that cannot be reached for two days makes the notification fail, visibly."""
    async with mail_server(Post()) as port:
        pass
    sender = make_sender(port)
    await sender.send_due()
    assert "waiting" == (await rows(database))[0]["state"]
    clock.advance(timedelta(days=2))
    await sender.send_due()
    (row,) = await rows(database)
    assert "failed" == row["state"]
    assert row["reason"].startswith("given up: the mail server cannot be reached")


async def test_waits_for_a_member_that_is_not_known_yet(
    database: Database, clock: MovingClock, leads: FakeLeads, make_sender: MakeSender
) -> None:
    """An assignment to somebody unknown waits, and goes out as soon as the member is announced."""
    leads.add(7, owner=3)
    await plan(database, clock, assigned(7, 3))
    post = Post()
    async with mail_server(post) as port:
        sender = make_sender(port)
        await sender.send_due()
        assert "waiting" == (await rows(database))[0]["state"]
        await know(database, clock, member(3))
        assert 1 == await sender.send_due()
    assert 1 == len(post.received)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"is_active": False}, NotificationState.WITHDRAWN),
        ({"email": None, "name": None, "is_active": False}, NotificationState.WITHDRAWN),
        ({"email": None}, NotificationState.FAILED),
        ({"email": "no address"}, NotificationState.FAILED),
        ({"email": "a@shop.example\r\nBcc: everybody@shop.example"}, NotificationState.FAILED),
    ],
)
async def test_nobody_to_tell(
    database: Database,
    clock: MovingClock,
    leads: FakeLeads,
    make_sender: MakeSender,
    state: dict[str, object],
    expected: NotificationState,
) -> None:
    """Somebody inactive, erased or without a usable address gets nothing."""
    leads.add(7, owner=3)
    await know(database, clock, member(3, 1), member(3, 2, **state))
    await plan(database, clock, assigned(7, 3))
    post = Post()
    async with mail_server(post) as port:
        await make_sender(port).send_due()
    assert expected == (await rows(database))[0]["state"]
    assert [] == post.received


async def test_only_higher_versions_of_a_member_apply(database: Database, clock: MovingClock) -> None:
    """An old state that comes late, in the same batch or another, changes nothing."""
    await know(database, clock, member(3, 5, email="new@shop.example"), member(3, 4))
    await know(database, clock, member(3, 5), member(3, 2))
    async with database.connection() as connection:
        assert "new@shop.example" == await connection.fetchval("SELECT email FROM members WHERE id = 3")


async def test_reassignment_is_told_again(
    database: Database, clock: MovingClock, leads: FakeLeads, make_sender: MakeSender
) -> None:
    """Two decisions are two notifications; the one that was overtaken is withdrawn."""
    leads.add(7, owner=4)
    await know(database, clock, member(3), member(4))
    await plan(database, clock, assigned(7, 3, 1), assigned(7, 4, 2))
    post = Post()
    async with mail_server(post) as port:
        await make_sender(port).send_due()
    assert ["withdrawn", "sent"] == [row["state"] for row in await rows(database)]
    assert [["member4@shop.example"]] == post.recipients


async def test_versions_may_be_milliseconds(database: Database, clock: MovingClock) -> None:
    """A member's version is as large as the milliseconds since 1970."""
    await know(database, clock, member(3, 1_790_000_000_000), member(3, 1_790_000_000_001, email="new@shop.example"))
    async with database.connection() as connection:
        assert "new@shop.example" == await connection.fetchval("SELECT email FROM members WHERE id = 3")


@pytest.mark.usefixtures("one_assignment")
async def test_looks_at_once_after_a_commit(database: Database, make_sender: MakeSender) -> None:
    """The sending loop rests while nothing is committed, is not woken by its own look, and looks at once after one."""
    async with mail_server(Post()) as port:
        sender = make_sender(port)
        await sender.send_due()
        loop = SendingLoop(sender, database.committed)
        started = time.monotonic()
        await loop.tick()
        await loop.tick()
        assert 0.45 < time.monotonic() - started
        resting = asyncio.create_task(loop.tick())
        await asyncio.sleep(0.02)
        started = time.monotonic()
        async with database.transaction() as connection:
            await connection.execute("SELECT 1")
        await resting
        assert 0.15 > time.monotonic() - started
