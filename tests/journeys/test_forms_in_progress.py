"""Booking forms from the first field to the owner, through public doors only."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.senders import whatsapp, whatsapp_text
from tests.support.system import System
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("system")


@pytest.fixture(scope="session")
async def booking(system: System) -> str:
    """A form that is captured while it is filled in."""
    body = {"form_key": "bookings", "name": "Bookings", "default_region": "MX", "capture_before_submit": True}
    answer = await system.ask("intake", "POST", "/rest/forms", json=body)
    assert 201 == answer.status_code, answer.text
    return "bookings"


async def lead_of(system: System, reference: str, **expected: Any) -> dict[str, Any]:
    """The lead of a uuid, once it says what is expected."""

    async def says_so() -> dict[str, Any]:
        answer = await system.ask("leads", "GET", f"/rest/leads/{reference}")
        assert 200 == answer.status_code, answer.text
        lead: dict[str, Any] = answer.json()
        assert expected == {name: lead[name] for name in expected}
        return lead

    return await eventually(says_so, within=20)


async def tell(system: System, begun: Any, **told: Any) -> None:
    """Go on with a form."""
    url = f"{system.url('intake')}/api/v1/leads/{begun['lead_uuid']}"
    answer = await system.client.put(url, json=told, headers={"X-Leadline-Token": begun["token"]})
    assert 200 == answer.status_code, answer.text


async def begin(system: System, **told: Any) -> Any:
    """Begin a form."""
    answer = await system.client.post(f"{system.url('intake')}/api/v1/leads", json=told)
    assert 201 == answer.status_code, answer.text
    return answer.json()


async def test_a_form_waits_until_somebody_can_be_reached(system: System, booking: str) -> None:
    """What was typed is there at once and nobody owns it; with a phone it is assigned, and sent it is whole."""
    mobile = f"55{uuid4().int % 10**8:08d}"
    begun = await begin(system, form_key=booking, fields={"first_name": "Marisol"}, step=3)
    lead = await lead_of(system, begun["lead_uuid"], first_name="Marisol", is_ready=False, step=3, assigned_id=None)
    await tell(system, begun, phone=mobile, step=2, sequence=1, experiences=[{"name": "Lagoon", "passengers": 2}])
    ready = await lead_of(system, begun["lead_uuid"], is_ready=True, step=2, phone=mobile)
    assert lead["id"] == ready["id"]
    await tell(system, begun, last_name="Vega", message="A window seat?", submitted=True, sequence=2)
    await lead_of(system, begun["lead_uuid"], last_name="Vega")
    await eventually(lambda: _has_owner(system, lead["id"]), within=20)
    (experience,) = (await system.get("leads", f"/rest/leads/{lead['id']}/experiences"))["items"]
    assert ("Lagoon", 2, "visitor") == (experience["name"], experience["passenger_count"], experience["actor"])
    (inquiry,) = (await system.get("leads", f"/rest/leads/{lead['id']}/inquiries"))["items"]
    assert ("A window seat?", True) == (inquiry["text"], inquiry["content"]["is_submitted"])


async def _has_owner(system: System, lead_id: int) -> bool:
    lead = await system.get("leads", f"/rest/leads/{lead_id}")
    return lead["assigned_id"] is not None


@pytest.mark.parametrize(
    ("region", "wa_id", "typed"),
    [
        ("MX", "52155{0}", "55 {0}"),
        ("BR", "5541{1}", "(41) 9{1}"),
        ("AR", "54911{0}", "011 15 {0}"),
    ],
)
async def test_a_number_of_home_is_the_chats(system: System, region: str, wa_id: str, typed: str) -> None:
    """A form in progress turns out to be of somebody who writes on WhatsApp: its uuid leads to their one open lead."""
    key = f"home-{region.lower()}"
    body = {"form_key": key, "name": region, "default_region": region, "capture_before_submit": True}
    assert (await system.ask("intake", "POST", "/rest/forms", json=body)).status_code in (201, 409)
    digits = f"5{uuid4().int % 10**7:07d}"
    parts = digits, f"8{digits[1:]}"
    chat = wa_id.format(*parts)
    message = whatsapp(whatsapp_text(chat, f"wamid.{uuid4().hex}", "Hello"))
    assert 200 == (await system.deliver("whatsapp", message)).status_code
    (known,) = await eventually(lambda: system.leads_of(f"+{chat}"), within=20)
    begun = await begin(system, form_key=key, fields={"message": "Two, please"}, step=3)
    own = await lead_of(system, begun["lead_uuid"], is_ready=False)
    await tell(system, begun, phone=typed.format(*parts), sequence=1)
    await lead_of(system, begun["lead_uuid"], id=known["id"])
    merged = await system.get("leads", f"/rest/leads/{own['number']}")
    assert (known["id"], own["number"]) == (merged["merged_into_id"], merged["number"])
    await eventually(system.settled, within=20)
