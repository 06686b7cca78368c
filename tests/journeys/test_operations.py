"""Operators drive the running system by its command line."""

import json
from typing import Any

import pytest

from tests.journeys.test_inquiries import new_id
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
