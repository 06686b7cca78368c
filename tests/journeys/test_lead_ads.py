"""A lead of Lead Ads reaches its owner, whatever the Graph API says first."""

import time
from typing import Any
from uuid import uuid4

import pytest

from deploy.demo.graph import FakeGraph, Fault
from tests.journeys.test_inquiries import inquiries_of, new_phone, one_lead
from tests.support.senders import encoded
from tests.support.system import System
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("system")

SECRET, TOKEN = "the-secret-of-our-app", "EAAG-a-page-token"


async def test_one_lead_after_refusal_limit_silence_and_recovery(system: System, graph: FakeGraph) -> None:
    """The webhook is answered at once each time; the refusal is shown and replayed by one command, a limit and a hang
    are waited for, and in the end there is exactly one lead."""
    page, leadgen = f"2090{uuid4().int % 10**12:012d}", f"8{uuid4().int % 10**19:019d}"
    phone = new_phone()
    graph.add_account(page, TOKEN, SECRET)
    graph.add_lead(leadgen, page, {"full_name": "Tomas Rey", "phone_number": f"+{phone}", "when": "in May"})
    account = {
        "channel": "messenger",
        "account_id": page,
        "name": "Lagoon",
        "app_secret": SECRET,
        "access_token": TOKEN,
    }
    made = await system.ask("intake", "POST", "/rest/channels", json=account)
    assert 201 == made.status_code, made.text
    graph.fail(leadgen, Fault.PERMISSION, Fault.BUSY, Fault.HANG)

    change = {"field": "leadgen", "value": {"leadgen_id": int(leadgen), "page_id": page, "form_id": "77"}}
    delivery = encoded({"object": "page", "entry": [{"id": page, "time": 1_790_000_000, "changes": [change, change]}]})
    for _ in range(3):
        began = time.monotonic()
        assert 200 == (await system.deliver("messenger", delivery)).status_code
        assert time.monotonic() - began < 5

    async def refused() -> dict[str, Any] | None:
        found = await system.get("intake", "/rest/receipts", channel="lead_ads", account=page)
        (receipt,) = found["items"]
        return dict(receipt) if receipt["state"] == "quarantined" else None

    receipt = await eventually(refused, within=20)
    assert receipt is not None
    assert "lead ads: no permission" == receipt["reason"]
    shown = await system.get("intake", f"/rest/channels/{made.json()['id']}")
    assert "lead ads: no permission" == shown["last_error"]

    code, said = await system.leadline("ops", "receipts", "replay", "--reason", receipt["reason"])
    assert 0 == code, said
    await eventually(lambda: one_fetched(graph, leadgen), within=60)
    lead = await one_lead(system, phone)
    assert ("Tomas", "Rey", "lead_ads") == (lead["first_name"], lead["last_name"], lead["source"])
    (inquiry,) = await inquiries_of(system, lead)
    assert {"when": "in May"} == inquiry["content"]["answers"]
    await eventually(system.settled, within=20)


def one_fetched(graph: FakeGraph, leadgen: str) -> bool:
    """Whether the lead was asked for as often as it takes: three faults, and then it."""
    return graph.asked.count(leadgen) == 4
