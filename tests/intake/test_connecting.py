"""Connecting an account, against a Graph API of our own: each step that can fail says what to do."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from deploy.demo.graph import FakeGraph, Fault
from deploy.local.ports import free_port
from services.intake.clients.graph import GraphApi
from services.intake.schedules import AccountWatch
from services.intake.use_cases.connect_account import ConnectAccounts
from services.intake.use_cases.trust_apps import TrustedApps
from shared.kit.database import Database
from shared.kit.sealing import Seal
from tests.intake.deliveries import APP_SECRET, LINE, dumped, message, sign, whatsapp_messages
from tests.support.clock import MovingClock

BUSINESS, PAGE, APP = "109000000000100", "209000000000001", "309000000000001"
SECRET, TOKEN = "the-secret-of-the-app", "EAAG-page-token"
NUMBER = {"channel": "whatsapp", "account_id": LINE, "name": "Lisbon", "parent_id": BUSINESS}
OUR_PAGE = {"channel": "messenger", "account_id": PAGE, "name": "Lagoon trips"}
SECRETS = {"app_secret": SECRET, "access_token": TOKEN}


@pytest.fixture
async def fake() -> AsyncIterator[FakeGraph]:
    """A Graph API that knows our number and our page."""
    async with FakeGraph(free_port()) as fake:
        fake.add_account(LINE, TOKEN, SECRET, BUSINESS, APP)
        fake.add_account(PAGE, TOKEN, SECRET)
        yield fake


@pytest.fixture
def callback(httpserver: HTTPServer, trusted: TrustedApps) -> HTTPServer:
    """A public address that shakes hands with whoever shows a token that the doors know."""

    def shake_hands(request: Request) -> Response:
        token = request.args["hub.verify_token"].encode()
        known = token in trusted.keys(request.path.removeprefix("/webhooks/")).verify_tokens
        return Response(request.args["hub.challenge"] if known else "", 200 if known else 403)

    for door in ("whatsapp", "messenger"):
        httpserver.expect_request(f"/webhooks/{door}").respond_with_handler(shake_hands)
    return httpserver


@pytest.fixture
async def connecting(
    fake: FakeGraph, database: Database, clock: MovingClock, inside: httpx2.AsyncClient, callback: HTTPServer
) -> AsyncIterator[ConnectAccounts]:
    """What connects, with a public address that answers."""
    async with httpx2.AsyncClient() as http:
        graph, seal = GraphApi(http, fake.url, "v26.0"), Seal("development-encryption-key")
        yield ConnectAccounts(database, seal, clock, graph, callback.url_for("/"), development=True)


async def add(client: httpx2.AsyncClient, trusted: TrustedApps, account: dict[str, Any]) -> int:
    """Add an account, and have the doors look."""
    answer = await client.post("/rest/channels", json=account)
    assert 201 == answer.status_code, answer.text
    await trusted.tick()
    return int(answer.json()["id"])


async def see(client: httpx2.AsyncClient, row_id: int) -> dict[str, Any]:
    """An account as it is."""
    account: dict[str, Any] = (await client.get(f"/rest/channels/{row_id}")).json()
    return account


async def test_a_number_is_connected_and_proven_by_a_message(
    connecting: ConnectAccounts, fake: FakeGraph, inside: httpx2.AsyncClient, trusted: TrustedApps, database: Database
) -> None:
    """The business account is subscribed with our address; the account waits, and is connected when a message came."""
    row = await add(inside, trusted, NUMBER | SECRETS)
    assert "unsubscribed" == (await see(inside, row))["state"]
    watch = AccountWatch(database)
    await watch.tick()
    steps = {report.step: report.state for report in await connecting.connect(row)}
    assert ["done", "done", "done", "done", "done", "waiting"] == list(steps.values())
    assert [BUSINESS] == list(fake.subscribed)
    assert "waiting" == (await see(inside, row))["state"]
    raw = dumped(whatsapp_messages(message()))
    assert 200 == (await inside.post("/webhooks/whatsapp", content=raw, headers=sign(raw, APP_SECRET))).status_code
    await watch.tick()
    account = await see(inside, row)
    assert ("connected", "2026-11-20T23:30:00Z") == (account["state"], account["last_delivery_at"])
    assert ["done"] * 5 == [report.state for report in await connecting.check(row)]


async def test_a_page_is_told_its_address_by_us_or_by_a_person(
    connecting: ConnectAccounts, fake: FakeGraph, inside: httpx2.AsyncClient, trusted: TrustedApps
) -> None:
    """With the app's id the callback is entered, and shaken hands with; without it a person is told what to enter."""
    row = await add(inside, trusted, OUR_PAGE | SECRETS)
    reports = {report.step.value: report for report in await connecting.connect(row)}
    assert ("yours", "done") == (reports["callback"].state, reports["subscription"].state)
    assert "/webhooks/messenger" in str(reports["callback"].advice)
    await inside.put(f"/rest/channels/{row}", json={"app_id": APP})
    reports = {report.step.value: report for report in await connecting.connect(row)}
    assert ("done", "done") == (reports["callback"].state, reports["subscription"].state)
    assert f"{APP}/subscriptions" in fake.asked
    assert "leadgen" in fake.subscribed[PAGE]["fields"]


@pytest.mark.parametrize(
    ("account", "faults", "step", "says"),
    [
        (NUMBER | {"app_secret": SECRET}, {}, "secrets", "access token"),
        (NUMBER | SECRETS | {"parent_id": None}, {}, "secrets", "parent_id"),
        (NUMBER | SECRETS | {"access_token": "EAAG-of-somebody"}, {}, "access", "not valid"),
        (NUMBER | SECRETS | {"app_secret": "another-app-secret"}, {}, "access", "check the ids"),
        (NUMBER | SECRETS | {"account_id": "555"}, {}, "access", "check the id"),
        (NUMBER | SECRETS, {LINE: [Fault.PERMISSION]}, "access", "permissions"),
        (NUMBER | SECRETS, {LINE: [Fault.BUSY]}, "access", "Try again in"),
        (NUMBER | SECRETS, {LINE: [Fault.AWAY] * 3}, "access", "INTAKE_GRAPH_URL"),
        (NUMBER | SECRETS, {BUSINESS: [Fault.PERMISSION]}, "subscription", "permissions"),
        (OUR_PAGE | SECRETS | {"app_id": "999"}, {}, "callback", "not valid"),
    ],
)
async def test_the_step_that_failed_is_named(
    connecting: ConnectAccounts,
    *,
    fake: FakeGraph,
    inside: httpx2.AsyncClient,
    trusted: TrustedApps,
    account: dict[str, Any],
    faults: dict[str, list[Fault]],
    step: str,
    says: str,
) -> None:
    """Connecting stops there, says what to do, remembers it, and forgets it when it went well after the fix."""
    row = await add(inside, trusted, account)
    for object_id, told in faults.items():
        fake.fail(object_id, *told)
    reports = await connecting.connect(row)
    (failed,) = [report for report in reports if report.state == "failed"]
    assert (step, True) == (failed.step, says in str(failed.advice))
    assert {"open"} == {report.state for report in reports[reports.index(failed) + 1 :]}
    seen = await see(inside, row)
    assert ("failed", step) == (seen["state"], seen["failed_step"])
    assert "EAAG" not in str(seen)
    if faults:
        await connecting.connect(row)
        seen = await see(inside, row)
        assert ("waiting", None, None) == (seen["state"], seen["failed_step"], seen["last_error"])


async def test_an_address_that_does_not_answer_is_a_callback_that_failed(
    connecting: ConnectAccounts, inside: httpx2.AsyncClient, trusted: TrustedApps
) -> None:
    """A door that does not know the token refuses the handshake, and so does the platform then."""
    row = await add(inside, trusted, NUMBER | SECRETS)
    trusted._keys = {door: type(keys)() for door, keys in trusted._keys.items()}
    reports = await connecting.connect(row)
    assert ["subscription"] == [report.step for report in reports if report.state == "failed"]


async def test_the_public_address_must_be_said(
    connecting: ConnectAccounts, inside: httpx2.AsyncClient, trusted: TrustedApps
) -> None:
    """Without LEADLINE_PUBLIC_URL, or with http outside development, nothing is asked of the platform."""
    row = await add(inside, trusted, NUMBER | SECRETS)
    for changes in ({"public_url": ""}, {"public_url": "http://leads.example", "development": False}):
        tools = ConnectAccounts(**{**vars(connecting), **changes})
        assert ["address"] == [report.step for report in await tools.connect(row) if report.state == "failed"]


async def test_a_subscription_that_vanished_is_noticed(
    connecting: ConnectAccounts, fake: FakeGraph, inside: httpx2.AsyncClient, trusted: TrustedApps
) -> None:
    """A check finds what somebody removed on the platform."""
    row = await add(inside, trusted, NUMBER | SECRETS)
    await connecting.connect(row)
    fake.subscribed.clear()
    reports = await connecting.check(row)
    assert ["subscription"] == [report.step for report in reports if report.state == "failed"]
    assert None is (await see(inside, row))["subscribed_at"]
    assert 404 == (await inside.post("/rest/channels/999999/check")).status_code
