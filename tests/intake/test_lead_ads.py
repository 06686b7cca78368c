"""Lead Ads: the webhook brings ids, the lead is fetched behind its back, and there is exactly one of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from deploy.demo.graph import FakeGraph, Fault
from deploy.local.ports import free_port
from services.intake.clients.graph import GraphApi
from services.intake.domain.adapters.lead_ads import read_lead_ads
from services.intake.domain.outcomes import Arrival, Awaited, Inquiry
from services.intake.storage import accounts, lead_fetches
from services.intake.use_cases import fetch_leads as module
from services.intake.use_cases.fetch_leads import NOT_CONNECTED, FetchLeads
from services.intake.use_cases.publish_receipts import ReceiptSource
from services.intake.use_cases.receive_delivery import Stamp
from shared.contracts.inquiries import InquiryReceived, decode_inquiry
from shared.contracts.words import Channel, Evidence, Role
from shared.kit.database import Database
from shared.kit.sealing import Seal
from shared.kit.security import mint_person_token
from tests.intake.deliveries import MESSENGER_SECRET, PAGE, dumped, messenger, sign
from tests.intake.reading import NOW, read, reasons
from tests.support.clock import MovingClock
from tests.support.keys import PRIVATE_KEY

SECRET, TOKEN = "the-secret-of-the-app", "EAAG-page-token"
LEADGEN = "98765432109876543210"
FORM = "172000000000001"
ANSWERS = {
    "full_name": "Inês Prado",
    "email": "ines@example.org",
    "phone_number": "+351912345678",
    "which_trip": "Azores",
}


class _Killed(BaseException):
    """The end of a process, as far as one process can play it."""


def leadgen(leadgen_id: Any = LEADGEN, **more: Any) -> dict[str, Any]:
    """A change that tells of a lead, with ids as the platform likes them."""
    value = {"leadgen_id": leadgen_id, "form_id": int(FORM), "page_id": PAGE, "created_time": 1795000000}
    return {"field": "leadgen", "value": value | {"ad_id": "120210000000000042"} | more}


@pytest.fixture
async def fake() -> AsyncIterator[FakeGraph]:
    """A Graph API that has one lead of our page."""
    async with FakeGraph(free_port()) as fake:
        fake.add_account(PAGE, TOKEN, SECRET)
        fake.add_lead(LEADGEN, PAGE, ANSWERS, ad_name="Whales")
        yield fake


@pytest.fixture
async def fetch_leads(fake: FakeGraph, database: Database, clock: MovingClock) -> AsyncIterator[FetchLeads]:
    """What the worker does again and again."""
    async with httpx2.AsyncClient() as http:
        yield FetchLeads(database, Seal("development-encryption-key"), clock, GraphApi(http, fake.url, "v26.0"))


async def connect(client: httpx2.AsyncClient, **changes: Any) -> int:
    """Connect our page, and return its row."""
    page = {"channel": "messenger", "account_id": PAGE, "name": "Lagoon trips"}
    answer = await client.post("/rest/channels", json=page | {"app_secret": SECRET, "access_token": TOKEN} | changes)
    assert 201 == answer.status_code, answer.text
    return int(answer.json()["id"])


async def deliver(client: httpx2.AsyncClient, *changes: dict[str, Any]) -> None:
    """Deliver changes of our page."""
    raw = dumped(messenger(*changes, where="changes"))
    answer = await client.post("/webhooks/messenger", content=raw, headers=sign(raw, MESSENGER_SECRET))
    assert 200 == answer.status_code


async def relay(database: Database, stamp: Stamp) -> list[InquiryReceived]:
    """What the relay would publish now."""
    async with database.connection() as connection:
        rows = await ReceiptSource(stamp, database.committed).fetch(connection, 100)
    events = [decode_inquiry(row.type, row.body) for row in rows]
    return [event for event in events if isinstance(event, InquiryReceived)]


async def make_due(database: Database) -> None:
    """Let the time pass for which fetches wait."""
    async with database.connection() as connection:
        await connection.execute("UPDATE lead_fetches SET retry_at = now() - interval '1 second'")


async def summary(client: httpx2.AsyncClient) -> dict[str, int]:
    """The equation, which must hold."""
    found: dict[str, int] = (await client.get("/rest/receipts/summary")).json()
    assert found["received"] == sum(count for term, count in found.items() if term != "received")
    return {term: count for term, count in found.items() if count and term != "received"}


async def test_a_lead_is_fetched_once_and_published(
    inside: httpx2.AsyncClient, database: Database, stamp: Stamp, fake: FakeGraph, fetch_leads: FetchLeads
) -> None:
    """Twice in one delivery and again in another, as number and as text, it is one receipt in flight, one question to
    the Graph API and one inquiry with stated evidence."""
    await connect(inside)
    await deliver(inside, leadgen(), leadgen(int(LEADGEN)))
    await deliver(inside, leadgen(form_id=FORM))
    assert [] == await relay(database, stamp)
    assert {"in_flight": 1} == await summary(inside)
    assert 1 == await fetch_leads()
    assert {"in_flight": 1} == await summary(inside)
    (event,) = await relay(database, stamp)
    assert (Channel.LEAD_ADS, PAGE, "lead_ad") == (event.channel, event.account, event.kind)
    assert ("Inês", "Prado", "+351912345678", "ines@example.org") == (
        event.sender.first_name,
        event.sender.last_name,
        event.sender.phone,
        event.sender.email,
    )
    assert [Evidence.STATED] * 2 == [identity.evidence for identity in event.sender.identities]
    assert {"answers": {"which_trip": "Azores"}} == event.content
    assert ("120210000000000042", "Whales") == tuple(
        event.attribution["lead_ad"][name] for name in ("ad_id", "ad_name")
    )
    assert [LEADGEN] == [path for path in fake.asked if path == LEADGEN]
    assert 0 == await fetch_leads()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault.PERMISSION, "lead ads: no permission"),
        (Fault.EXPIRED, "lead ads: the access token is not valid"),
    ],
)
async def test_what_only_a_person_can_mend_is_shown_and_replayed(
    inside: httpx2.AsyncClient,
    database: Database,
    stamp: Stamp,
    fake: FakeGraph,
    fetch_leads: FetchLeads,
    *,
    fault: Fault,
    reason: str,
) -> None:
    """A refusal is asked once, stands in quarantine and with the account, and after the fix one replay is enough."""
    row = await connect(inside)
    fake.fail(LEADGEN, fault)
    await deliver(inside, leadgen())
    await relay(database, stamp)
    await fetch_leads()
    assert {"quarantined": 1} == await summary(inside)
    assert 0 == await fetch_leads()
    (receipt,) = (await inside.get("/rest/receipts", params={"reason": reason})).json()["items"]
    assert reason == (await inside.get(f"/rest/channels/{row}")).json()["last_error"]
    assert 202 == (await inside.post(f"/rest/receipts/{receipt['id']}/replay")).status_code
    await relay(database, stamp)
    await fetch_leads()
    assert 1 == len(await relay(database, stamp))
    assert None is (await inside.get(f"/rest/channels/{row}")).json()["last_error"]


async def test_a_page_that_is_not_connected_waits_for_an_operator(
    inside: httpx2.AsyncClient, database: Database, stamp: Stamp, fetch_leads: FetchLeads
) -> None:
    """Its leads are not lost: after connecting they are replayed."""
    await deliver(inside, leadgen())
    await relay(database, stamp)
    await fetch_leads()
    (receipt,) = (await inside.get("/rest/receipts", params={"reason": NOT_CONNECTED})).json()["items"]
    await connect(inside)
    await inside.post(f"/rest/receipts/{receipt['id']}/replay")
    await relay(database, stamp)
    await fetch_leads()
    assert 1 == len(await relay(database, stamp))


async def test_trouble_is_waited_for(
    inside: httpx2.AsyncClient, database: Database, stamp: Stamp, fake: FakeGraph, fetch_leads: FetchLeads
) -> None:
    """Away three times at once, the lead is tried again later, and waits as long as it takes."""
    row = await connect(inside)
    fake.fail(LEADGEN, *[Fault.AWAY] * 3)
    await deliver(inside, leadgen())
    await relay(database, stamp)
    await fetch_leads()
    assert 0 == await fetch_leads()
    assert {"in_flight": 1} == await summary(inside)
    assert "away" in (await inside.get(f"/rest/channels/{row}")).json()["last_error"]
    await make_due(database)
    await fetch_leads()
    assert 1 == len(await relay(database, stamp))


async def test_a_limit_holds_back_all_leads_of_the_page(
    inside: httpx2.AsyncClient, database: Database, stamp: Stamp, fake: FakeGraph, fetch_leads: FetchLeads
) -> None:
    """After one answer of "too many" nothing more is asked for that page, neither now nor when others become due."""
    await connect(inside)
    for number in range(20):
        fake.add_lead(f"5500{number}", PAGE, ANSWERS)
        fake.fail(f"5500{number}", Fault.BUSY)
    await deliver(inside, *(leadgen(f"5500{number}") for number in range(20)))
    await relay(database, stamp)
    assert 8 == await fetch_leads()
    assert 0 == await fetch_leads()
    await make_due(database)
    asked = len(fake.asked)
    await fetch_leads()
    assert asked == len(fake.asked)
    assert {"in_flight": 20} == await summary(inside)


async def test_a_worker_that_died_is_replaced(
    inside: httpx2.AsyncClient, database: Database, stamp: Stamp, fetch_leads: FetchLeads
) -> None:
    """A lease that ends lets another fetch it; who comes late changes nothing, also not what was given up."""
    await connect(inside)
    await deliver(inside, leadgen())
    await relay(database, stamp)
    async with database.transaction() as connection:
        (late,) = await lead_fetches.take_due(connection, 10)
    assert 0 == await fetch_leads()
    await make_due(database)
    await asyncio.gather(fetch_leads(), fetch_leads())
    async with database.transaction() as connection:
        assert not await lead_fetches.keep_lead(connection, late, {"lead": {}})
        assert not await lead_fetches.give_up(connection, late, "late")
    (event,) = await relay(database, stamp)
    assert "Inês" == event.sender.first_name


@pytest.mark.parametrize("step", ["take_due", "find_mapping", "keep_lead", "note_recovery"])
async def test_killed_after_any_step_it_begins_again(
    inside: httpx2.AsyncClient,
    database: Database,
    stamp: Stamp,
    fetch_leads: FetchLeads,
    monkeypatch: pytest.MonkeyPatch,
    *,
    step: str,
) -> None:
    """A worker that dies behind any statement leaves the lead in flight, and its successor makes one inquiry of it."""
    await connect(inside)
    await deliver(inside, leadgen())
    await relay(database, stamp)
    owner = {"find_mapping": module, "note_recovery": accounts}.get(step, lead_fetches)
    real = getattr(owner, step)

    async def dying(*arguments: Any) -> None:
        await real(*arguments)
        raise _Killed

    with monkeypatch.context() as patch:
        patch.setattr(owner, step, dying)
        with pytest.raises(_Killed):
            await fetch_leads()
    assert {"in_flight": 1} == await summary(inside)
    assert [] == await relay(database, stamp)
    await make_due(database)
    await fetch_leads()
    assert 1 == len(await relay(database, stamp))
    assert 0 == await fetch_leads()


async def test_questions_are_read_as_the_form_says(
    inside: httpx2.AsyncClient, database: Database, stamp: Stamp, fake: FakeGraph, fetch_leads: FetchLeads
) -> None:
    """A form's own mapping and region come before the platform's keys and the account's region."""
    row = await connect(inside, default_region="PT")
    place = f"/rest/channels/{row}/lead-forms/{FORM}"
    fields = [{"name": "telemóvel", "maps_to": "phone"}, {"name": "full_name", "maps_to": None}]
    form = {"name": "Azores", "default_region": "MX", "fields": fields}
    assert '"1"' == (await inside.put(place, json=form)).headers["etag"]
    fake.add_lead(
        "5501", PAGE, {"telemóvel": "55 1234 5678", "full_name": "Inês Prado", "phone_number": "+351912345678"}
    )
    await deliver(inside, leadgen("5501"))
    await relay(database, stamp)
    await fetch_leads()
    (event,) = await relay(database, stamp)
    assert ["525512345678"] == [identity.match_key for identity in event.sender.identities]
    assert {"full_name": "Inês Prado", "phone_number": "+351912345678"} == event.content["answers"]


async def test_lead_forms_are_described(inside: httpx2.AsyncClient) -> None:
    """They belong to pages, are put as a whole, guarded by their version, and need an admin."""
    row = await connect(inside)
    line = await connect(inside, channel="whatsapp")
    place, form = f"/rest/channels/{row}/lead-forms/{FORM}", {"name": "Azores"}
    assert 404 == (await inside.put(place, json=form, headers={"If-Match": '"1"'})).status_code
    assert 200 == (await inside.put(place, json=form)).status_code
    assert 2 == (await inside.put(place, json=form, headers={"If-Match": '"1"'})).json()["version"]
    assert 412 == (await inside.put(place, json=form, headers={"If-Match": '"1"'})).status_code
    assert [FORM] == [one["form_id"] for one in (await inside.get(place.rpartition("/")[0])).json()["items"]]
    for answer in (
        await inside.put(place, json=form | {"fields": [{"name": "a", "maps_to": "password"}]}),
        await inside.put(place, json=form | {"fields": [{"name": "a", "maps_to": None}] * 2}),
        await inside.put(f"/rest/channels/{row}/lead-forms/me", json=form),
    ):
        assert 422 == answer.status_code
    assert 409 == (await inside.put(f"/rest/channels/{line}/lead-forms/{FORM}", json=form)).status_code
    assert 404 == (await inside.get("/rest/channels/999/lead-forms")).status_code
    assert 204 == (await inside.delete(place)).status_code
    assert 404 == (await inside.delete(place)).status_code
    token = mint_person_token(PRIVATE_KEY, member_id=7, role=Role.SUPERVISOR, audience="intake")
    inside.headers["Authorization"] = f"Bearer {token}"
    assert 403 == (await inside.put(place, json=form)).status_code


@pytest.mark.parametrize(
    ("change", "page", "expected"),
    [
        (leadgen(), "0", "ignored: dashboard_test"),
        (leadgen("444444444444"), "444444444444", "ignored: dashboard_test"),
        (leadgen(None), PAGE, "quarantined: leadgen without an id"),
        (leadgen("../me"), PAGE, "quarantined: leadgen without an id"),
        (leadgen(0), PAGE, "Awaited"),
        ({"field": "leadgen", "value": "x"}, PAGE, "quarantined: leadgen without an id"),
    ],
)
def test_what_the_webhook_brings(change: dict[str, Any], page: str, expected: str) -> None:
    """Samples of the dashboards are no leads; an id is a number, since it becomes a path."""
    assert [expected] == reasons(read(Channel.MESSENGER, messenger(change, where="changes", page=page)))


@pytest.mark.parametrize(
    ("lead", "expected"),
    [
        ({"field_data": [{"name": "email", "values": ["<test lead: dummy data for email>"]}]}, "ignored: test lead"),
        ({}, "quarantined: lead without answers"),
        ("x", "quarantined: lead without answers"),
        (
            {"field_data": [None, {"name": 3, "values": ["a"]}, {"name": "a", "values": "b"}]},
            "quarantined: lead without answers",
        ),
        ({"field_data": [{"name": "q", "values": ["a", "b"]}]}, "lead_ad"),
    ],
)
def test_what_a_lead_may_be(lead: Any, expected: str) -> None:
    """The testing tool's dummy answers are no lead, and odd shapes do not fail."""
    body = {"change": leadgen(), "lead": lead}
    assert [expected] == reasons([read_lead_ads(body, Arrival(Channel.LEAD_ADS, PAGE, NOW))])


def test_a_lead_in_detail() -> None:
    """It was sent when it was filled in, the first phone and mail count, and nothing that was said is dropped."""
    answers = {"work_email": "i@work.example", "email": "ines@example.org", "message": "Two, please", "budget": "low"}
    lead = {
        "created_time": "2026-11-20T10:30:00+0000",
        "field_data": [{"name": name, "values": [value]} for name, value in answers.items()],
        "custom_disclaimer_responses": [{"checkbox_key": "terms", "is_checked": "1"}],
    }
    body = {"change": leadgen(), "lead": lead, "fields": [{"name": "message", "maps_to": "message"}]}
    found = read_lead_ads(body, Arrival(Channel.LEAD_ADS, PAGE, NOW))
    assert isinstance(found, Inquiry)
    assert (datetime(2026, 11, 20, 10, 30, tzinfo=UTC), "Two, please") == (found.sent_at, found.text)
    assert "i@work.example" == found.sender.email
    assert {"email": "ines@example.org", "budget": "low"} == found.content["answers"]
    assert [{"checkbox_key": "terms", "is_checked": "1"}] == found.content["disclaimers"]


def test_only_the_ids_are_asked_for() -> None:
    """What has not been fetched names the lead and its form."""
    assert Awaited(LEADGEN, FORM) == read_lead_ads({"change": leadgen()}, Arrival(Channel.LEAD_ADS, PAGE, NOW))
