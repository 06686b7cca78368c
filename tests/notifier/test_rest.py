"""`/rest/notifications`: who may see and do what, filters, pages, and sending again."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from pydantic import SecretStr

from services.notifier.wiring import build_web
from shared.contracts.words import Role
from shared.kit.assembly import Assembly
from shared.kit.database import Database
from shared.kit.security import mint_person_token
from shared.kit.settings import CommonSettings
from tests.notifier.conftest import TOKEN, FakeLeads, MakeSender, assigned, know, member, plan, published, rows
from tests.notifier.mail_servers import Post, mail_server
from tests.support.clock import MovingClock
from tests.support.keys import PRIVATE_KEY, PUBLIC_KEY


@pytest.fixture
async def client(database: Database, clock: MovingClock) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the API, without a token."""
    common = CommonSettings.model_construct(person_token_public_key=PUBLIC_KEY, service_token=SecretStr(TOKEN))
    assembly = Assembly("notifier", common, database, clock)
    app = build_web(assembly, assembly.health())
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://notifier") as client:
        yield client


def as_service() -> dict[str, str]:
    """The headers of a service."""
    return {"Authorization": f"Bearer {TOKEN}"}


def as_person(member_id: int, role: Role, audience: str = "notifier") -> dict[str, str]:
    """The headers of somebody who signed in."""
    token = mint_person_token(PRIVATE_KEY, member_id=member_id, role=role, audience=audience)
    return {"Authorization": f"Bearer {token}"}


async def listed(client: httpx2.AsyncClient, headers: dict[str, str], **params: Any) -> dict[str, Any]:
    """A page of notifications."""
    response = await client.get("/rest/notifications", headers=headers, params=params)
    assert 200 == response.status_code, response.text
    page: dict[str, Any] = response.json()
    return page


async def test_without_a_token_nothing(client: httpx2.AsyncClient) -> None:
    """No token, a wrong one, or one for another service is 401 with a problem document."""
    for headers in ({}, {"Authorization": "Bearer x"}, as_person(3, Role.ADMIN, audience="leads")):
        response = await client.get("/rest/notifications", headers=headers)
        assert 401 == response.status_code
        assert "application/problem+json" == response.headers["content-type"]


async def test_filters_and_pages(client: httpx2.AsyncClient, database: Database, clock: MovingClock) -> None:
    """The list is narrowed by lead, member and state, and its pages hold each row once, the latest first."""
    for lead_id in range(1, 6):
        clock.advance(timedelta(seconds=1))
        await plan(database, clock, assigned(lead_id, 3 + lead_id % 2))
    everything = await listed(client, as_service())
    assert [5, 4, 3, 2, 1] == [item["lead_id"] for item in everything["items"]]
    seen: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        page = await listed(client, as_service(), limit=2, **cursor)
        assert 5 == page["total"]
        seen += [item["lead_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert [5, 4, 3, 2, 1] == seen
    assert [4] == [item["lead_id"] for item in (await listed(client, as_service(), lead_id=4))["items"]]
    assert [4, 2] == [item["lead_id"] for item in (await listed(client, as_service(), member_id=3))["items"]]
    assert 0 == (await listed(client, as_service(), state="sent"))["total"]


async def test_salesperson_sees_own_only(client: httpx2.AsyncClient, database: Database, clock: MovingClock) -> None:
    """A salesperson sees what was told to them, also when asking for somebody else's."""
    await plan(database, clock, assigned(1, 3), assigned(2, 4))
    assert [1] == [item["lead_id"] for item in (await listed(client, as_person(3, Role.SALESPERSON)))["items"]]
    assert 0 == (await listed(client, as_person(3, Role.SALESPERSON), member_id=4))["total"]
    assert 2 == (await listed(client, as_person(3, Role.SUPERVISOR)))["total"]


@pytest.mark.parametrize(
    "params",
    [
        {"lead_id": "0"},
        {"lead_id": str(2**63)},
        {"state": "x"},
        {"limit": "0"},
        {"cursor": "x"},
        {"cursor": "WzEsMl0"},
        {"unknown": "1"},
    ],
)
async def test_bad_queries_name_the_field(client: httpx2.AsyncClient, params: dict[str, str]) -> None:
    """A bad filter is 422 and names the field."""
    response = await client.get("/rest/notifications", headers=as_service(), params=params)
    assert 422 == response.status_code
    assert list(params) == [error["field"] for error in response.json()["errors"]]


async def test_ambiguous_is_sent_again_by_hand(
    client: httpx2.AsyncClient, database: Database, clock: MovingClock, leads: FakeLeads, make_sender: MakeSender
) -> None:
    """A supervisor sends an ambiguous notification again; its mail has the same Message-ID."""
    leads.add(7, owner=3)
    await know(database, clock, member(3))
    await plan(database, clock, assigned(7, 3))
    post = Post(dies_after_content=True)
    async with mail_server(post) as port:
        await make_sender(port).send_due()
    (row,) = await rows(database)
    path = f"/rest/notifications/{row['id']}/retry"
    assert 403 == (await client.post(path, headers=as_person(3, Role.SALESPERSON))).status_code
    answer = await client.post(path, headers=as_person(3, Role.SUPERVISOR))
    assert (202, "waiting") == (answer.status_code, answer.json()["state"])
    again = Post()
    async with mail_server(again) as port:
        await make_sender(port).send_due()
    assert "sent" == (await rows(database))[0]["state"]
    assert post.received[0]["Message-ID"] == again.received[0]["Message-ID"]
    refused = await client.post(path, headers=as_service())
    assert (409, "sent") == (refused.status_code, refused.json()["state"])


async def test_withdrawn_is_sent_again_by_hand(
    client: httpx2.AsyncClient, database: Database, clock: MovingClock, leads: FakeLeads, make_sender: MakeSender
) -> None:
    """What was withdrawn by mistake is told after all when somebody says so."""
    leads.add(7, owner=None)
    await know(database, clock, member(3))
    await plan(database, clock, assigned(7, 3))
    post = Post()
    async with mail_server(post) as port:
        await make_sender(port).send_due()
        (row,) = await rows(database)
        assert "withdrawn" == row["state"]
        leads.leads[7]["assigned_id"] = 3
        await client.post(f"/rest/notifications/{row['id']}/retry", headers=as_service())
        await make_sender(port).send_due()
    assert "sent" == (await rows(database))[0]["state"]
    assert ["notification.failed.v1", "notification.sent.v1"] == await published(database)


async def test_retry_of_nothing(client: httpx2.AsyncClient) -> None:
    """An id that is not there is 404, one that is no id is 422."""
    assert 404 == (await client.post(f"/rest/notifications/{uuid4()}/retry", headers=as_service())).status_code
    assert 422 == (await client.post("/rest/notifications/7/retry", headers=as_service())).status_code


async def test_ready_with_a_database(client: httpx2.AsyncClient) -> None:
    """The API is ready when its database answers."""
    assert 200 == (await client.get("/health/ready")).status_code
