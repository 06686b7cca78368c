"""Operators drive the running system by its command line."""

import json
from typing import Any
from uuid import uuid4

import pytest

from deploy.demo.graph import FakeGraph
from tests.journeys.test_inquiries import new_id, new_phone, one_lead
from tests.support.senders import encoded
from tests.support.system import System
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("system")


async def test_status_names_every_consumer(system: System) -> None:
    """The status tells for every service what waits, and for every consumer how far behind it is."""

    async def well() -> str:
        code, said = await system.leadline("ops", "status")
        assert 0 == code, said
        return said

    said = await eventually(well, within=30)
    for consumer in ("leads.intake.inquiries.v1", "intake.leads.settlements.v1", "assignment.leads.events.v1"):
        assert consumer in said


async def test_dead_letters_are_asked_for_over_kafka(system: System) -> None:
    """A command goes to its service over the topic and is answered; here there is nothing to list or replay."""
    assert (0, {"items": []}) == await _answer(system, "dlq", "list", "leads")
    assert (0, {"replayed": [], "failed": {}, "left": 0}) == await _answer(system, "dlq", "replay", "notifier")
    code, said = await system.leadline("ops", "dlq", "replay", "leads", "--id", "999")
    assert 1 == code
    assert "no dead letter waits" in said


async def test_a_quarantined_receipt_is_replayed(system: System) -> None:
    """A receipt that nobody understood is read again on command, and is found to be just as odd."""
    body = encoded({"object": "smart_fridge", "entry": [{"id": new_id()}]})
    assert 200 == (await system.deliver("whatsapp", body)).status_code

    async def quarantined() -> dict[str, Any] | None:
        page = await system.get("intake", "/rest/receipts", state="quarantined", limit=100)
        for item in page["items"]:
            whole = await system.get("intake", f"/rest/receipts/{item['id']}")
            if "smart_fridge" in json.dumps(whole):
                return dict(item)
        return None

    receipt = await eventually(quarantined, within=20)
    assert receipt is not None
    code, said = await system.leadline("ops", "receipts", "replay", "--id", receipt["id"])
    assert 0 == code, said

    async def again() -> bool:
        now = await system.get("intake", f"/rest/receipts/{receipt['id']}")
        return bool(now["state"] == "quarantined")

    await eventually(again, within=20)


async def _answer(system: System, *arguments: str) -> tuple[int, Any]:
    code, said = await system.leadline("ops", *arguments)
    return code, json.loads(said)


async def test_quarantine_from_the_first_look_to_the_lead(system: System, graph: FakeGraph) -> None:
    """An operator sees the reason and the bytes, mends what is wrong, replays, and the receipt settles as a lead."""
    page, leadgen, phone = f"2091{uuid4().int % 10**12:012d}", f"7{uuid4().int % 10**17:017d}", new_phone()
    graph.add_account(page, "EAAG-a-token", "the-secret-of-our-app")
    graph.add_lead(leadgen, page, {"full_name": "Rosa Lima", "phone_number": f"+{phone}"})
    change = {"field": "leadgen", "value": {"leadgen_id": leadgen, "page_id": page}}
    body = encoded({"object": "page", "entry": [{"id": page, "time": 1_790_000_000, "changes": [change]}]})
    assert 200 == (await system.deliver("messenger", body)).status_code

    async def listed() -> str:
        code, said = await system.leadline("ops", "receipts", "list", "--channel", "lead_ads")
        assert (0, True) == (code, "the page is not connected" in said), said
        return said

    await eventually(listed, within=20)
    assert "lead ads: the page is not connected" in (await system.leadline("ops", "receipts", "reasons"))[1]
    found = await system.get("intake", "/rest/receipts", account=page)
    (receipt,) = found["items"]
    code, said = await system.leadline("ops", "receipts", "show", receipt["id"], "--raw")
    assert (0, leadgen) == (code, json.loads(said)["change"]["value"]["leadgen_id"])

    account = {"channel": "messenger", "account_id": page, "name": "Lagoon", "app_secret": "the-secret-of-our-app"}
    made = await system.ask("intake", "POST", "/rest/channels", json=account | {"access_token": "EAAG-a-token"})
    assert 201 == made.status_code, made.text
    code, said = await system.leadline("ops", "receipts", "replay", "--reason", receipt["reason"])
    assert 0 == code, said
    lead = await one_lead(system, phone)

    async def settled() -> bool:
        now = await system.get("intake", f"/rest/receipts/{receipt['id']}")
        return bool(now["outcome"] == "new" and now["lead_id"] == lead["id"])

    await eventually(settled, within=20)
