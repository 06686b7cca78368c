"""What a strict tester would try of the channels, through signed webhooks and REST only."""

from collections import Counter
from typing import Any
from uuid import uuid4

import pytest

from tests.journeys.test_inquiries import inquiries_of, new_id, new_phone, one_lead
from tests.support.senders import messenger, messenger_text, whatsapp, whatsapp_text
from tests.support.system import System
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("system")

AT = 1_790_000_000


async def deliver(system: System, *deliveries: bytes, channel: str = "whatsapp") -> None:
    """Deliver in this order, each acknowledged before the next, and wait until all of it is settled."""
    for delivery in deliveries:
        assert 200 == (await system.deliver(channel, delivery)).status_code
    await eventually(system.settled, within=30)


async def details(system: System, lead: dict[str, Any]) -> dict[str, Any]:
    """Everything that a lead's page tells."""
    found: dict[str, Any] = await system.get("leads", f"/rest/leads/{lead['id']}")
    return found


def message(sender: str, *, sent_at: int = AT, **parts: Any) -> dict[str, Any]:
    """The value of a change with one message of any type."""
    value = whatsapp_text(sender, new_id(), sent_at=sent_at)
    value["messages"][0].update(parts)
    return value


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
async def test_any_order_of_messages_edits_and_ads(system: System, order: tuple[int, ...]) -> None:
    """In order or not, the lead ends alike: the last edit counts, and touches follow the time of sending."""
    phone = new_phone()
    first = message(phone, sent_at=AT, referral={"source_id": "first", "source_type": "ad", "ctwa_clid": "c"})
    last = message(phone, sent_at=AT + 60, text={"body": "Last"}, referral={"source_id": "last", "source_type": "ad"})
    original = first["messages"][0]["id"]
    edits = [
        message(
            phone,
            sent_at=AT + 10 * number,
            type="edit",
            edit={"original_message_id": original, "message": {"type": "text", "text": {"body": f"Edit {number}"}}},
        )
        for number in (1, 2)
    ]
    bodies = [whatsapp(value) for value in (first, edits[0], edits[1], last)]
    await deliver(system, *(bodies[place] for place in order))
    lead = await details(system, await one_lead(system, phone))
    assert ["Edit 2", "Last"] == [one["text"] for one in await inquiries_of(system, lead)]
    touches = [touch["attribution"]["referral"]["source_id"] for touch in lead["touches"]]
    assert ["first", "last"] == touches
    assert ("first", "last") == tuple(
        lead[name]["attribution"]["referral"]["source_id"] for name in ("first_touch", "last_touch")
    )


async def test_two_known_people_are_flagged(system: System) -> None:
    """Identities that two people proved come together: both leads stay, and each names the other."""
    scoped, phone = f"DE.{uuid4().hex}", new_phone()
    other = message(new_phone(), from_user_id=scoped)
    await deliver(system, whatsapp(other), whatsapp(message(phone)))
    one, two = await one_lead(system, other["messages"][0]["from"]), await one_lead(system, phone)
    assert one["id"] != two["id"]
    await deliver(system, whatsapp(message(phone, from_user_id=scoped, sent_at=AT + 60)))
    assert [two["id"]] == [candidate["lead_id"] for candidate in (await details(system, one))["candidates"]]
    assert [one["id"]] == [candidate["lead_id"] for candidate in (await details(system, two))["candidates"]]


async def test_a_new_number_an_answer_and_stop(system: System) -> None:
    """Who is answered from the phone, moves to another number and then writes STOP is one person with one lead."""
    phone, moved = new_phone(), new_phone()
    echo = {"from": "4930550001", "to": phone, "id": new_id(), "timestamp": str(AT + 30), "type": "text"}
    system_message = {"type": "user_changed_number", "wa_id": moved, "body": "changed"}
    for value in (
        message(phone),
        {"message_echoes": [echo]},
        message(phone, sent_at=AT + 60, type="system", system=system_message),
        message(moved, sent_at=AT + 90, text={"body": "¡Stop!"}),
    ):
        # The numbers are two threads, whose order nobody promises.
        await deliver(system, whatsapp(value))
    lead = await details(system, await one_lead(system, moved))
    assert (f"+{moved}", ["whatsapp"]) == (lead["phone"], lead["opted_out"])
    assert lead["first_response_at"].startswith("2026-09-21T14:13:50")
    assert [phone, moved] == [one["value"] for one in lead["identities"]]
    assert [True, False] == [one["ended_at"] is not None for one in lead["identities"]]
    assert 1 == len(await inquiries_of(system, lead))
    history = (await system.get("leads", f"/rest/leads/{lead['id']}/history"))["items"]
    assert {
        "Answered on WhatsApp",
        "Has a new number or id on WhatsApp",
        "Wants no messages any more on WhatsApp",
    } <= {line["text"] for line in history}


async def test_strange_company_keeps_the_neighbours(system: System) -> None:
    """NUL, half characters, a bad item and an event that nobody has seen: the good message arrives, the bad is seen."""
    phone, strange = new_phone(), f"hologram-{uuid4().hex[:8]}"
    value = message(phone, text={"body": "a\x00b\ud83dc"})
    value["messages"] += [{"id": new_id(), "type": "text", "text": None, "from": phone}, None, 7]
    value[strange] = [{"id": 1}]
    await deliver(system, whatsapp(value))
    lead = await one_lead(system, phone)
    assert ["a\ufffdb\ufffdc"] == [one["text"] for one in await inquiries_of(system, lead)]
    found = await system.get("intake", "/rest/receipts", state="quarantined", limit=200)
    reasons = Counter(receipt["reason"] for receipt in found["items"])
    assert {"text without a body", "a message is not an object", "unknown members"} <= reasons.keys()
    unheard = messenger(messenger_text(new_id("7"), new_id("m_"), "Here"), {"sender": {"id": "7"}, strange: {"a": 1}})
    await deliver(system, unheard, channel="messenger")
    found = await system.get("intake", "/rest/receipts", state="quarantined", limit=200)
    assert "unknown kind of event" in {receipt["reason"] for receipt in found["items"]}
