"""REST: receipts and forms, and who may see and change them."""

import base64
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from services.intake.storage import receipts
from shared.contracts.words import Role
from shared.kit.database import Database
from shared.kit.security import mint_person_token
from tests.intake.deliveries import dumped, message, sign, whatsapp_messages
from tests.support.clock import MovingClock
from tests.support.keys import PRIVATE_KEY

ZERO = {"received": 0, "new": 0, "repeat": 0, "update": 0, "ignored": 0, "quarantined": 0, "in_flight": 0}
SUMMER: dict[str, Any] = {"form_key": "summer", "name": "Summer trips", "default_region": "MX", "allowed_origins": []}


async def deliver(client: httpx2.AsyncClient, *messages: dict[str, Any]) -> None:
    """Deliver messages over the webhook."""
    raw = dumped(whatsapp_messages(*messages))
    assert 200 == (await client.post("/webhooks/whatsapp", content=raw, headers=sign(raw))).status_code


async def put_away(database: Database, reasons: dict[int, str], state: str = "quarantined") -> None:
    """End receipts by their place."""
    async with database.connection() as connection:
        await receipts.put_away(connection, state, reasons)


async def test_the_summary_balances(inside: httpx2.AsyncClient, database: Database) -> None:
    """`received` equals the sum of what everything became."""
    assert ZERO == (await inside.get("/rest/receipts/summary")).json()
    await deliver(inside, *(message(f"wamid.{n}") for n in range(9)))
    async with database.connection() as connection:
        await connection.execute("UPDATE receipts SET state = 'published' WHERE id = 1")
        for row, outcome in ((2, "new"), (3, "new"), (4, "repeat"), (5, "update")):
            await connection.execute("UPDATE receipts SET state = 'settled', outcome = $2 WHERE id = $1", row, outcome)
    await put_away(database, {6: "status"}, "ignored")
    await put_away(database, {7: "no sender"})
    expected = {"received": 9, "new": 2, "repeat": 1, "update": 1, "ignored": 1, "quarantined": 1, "in_flight": 3}
    assert expected == (await inside.get("/rest/receipts/summary")).json()


async def test_receipts_are_listed_latest_first_in_pages(inside: httpx2.AsyncClient) -> None:
    """A cursor leads through all of them once, and the total counts them."""
    await deliver(inside, *(message(f"wamid.{n}") for n in range(5)))
    seen, cursor = [], None
    while True:
        page = (await inside.get("/rest/receipts", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        assert 5 == page["total"]
        seen += [item["id"] for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert sorted(seen, reverse=True) == seen
    assert 5 == len(set(seen))


async def test_receipts_are_filtered(inside: httpx2.AsyncClient, database: Database, clock: MovingClock) -> None:
    """State, reason, channel and dates narrow the list."""
    await deliver(inside, message("wamid.1"), message("wamid.2"))
    earlier, later = clock.at, clock.at + timedelta(hours=1)
    clock.advance(timedelta(hours=1))
    await deliver(inside, message("wamid.3"))
    await put_away(database, {2: "no sender"})
    totals = {
        name: (await inside.get("/rest/receipts", params=params)).json()["total"]
        for name, params in {
            "state": {"state": "received"},
            "reason": {"reason": "no sender"},
            "channel": {"channel": "whatsapp"},
            "other channel": {"channel": "form"},
            "from": {"received_from": later.isoformat()},
            "to": {"received_from": earlier.isoformat(), "received_to": later.isoformat()},
        }.items()
    }
    assert {"state": 2, "reason": 1, "channel": 3, "other channel": 0, "from": 1, "to": 2} == totals


@pytest.mark.parametrize(
    "params",
    [
        {"state": "lost"},
        {"channel": "pigeon"},
        {"limit": 0},
        {"limit": 201},
        {"cursor": "nonsense"},
        {"cursor": "WyJhIl0"},
        {"received_from": "yesterday"},
        {"received_from": "2026-11-20T10:00:00"},
        {"reason": "\x00"},
        {"unknown": "1"},
    ],
)
async def test_a_bad_filter_is_named(inside: httpx2.AsyncClient, params: dict[str, Any]) -> None:
    """A filter that means nothing is 422 and says which."""
    answer = await inside.get("/rest/receipts", params=params)
    assert 422 == answer.status_code
    assert next(iter(params)) in answer.json()["errors"][0]["field"]


async def test_an_admin_reads_the_bytes(inside: httpx2.AsyncClient) -> None:
    """A single receipt shows what arrived, exactly."""
    await deliver(inside, message("wamid.1", text={"body": "half \ud800"}))
    (item,) = (await inside.get("/rest/receipts")).json()["items"]
    whole = (await inside.get(f"/rest/receipts/{item['id']}")).json()
    assert whole["body"] == base64.b64decode(whole["body_base64"]).decode()
    assert "half \\ud800" in whole["body"]
    assert item == {name: value for name, value in whole.items() if not name.startswith("body")}


async def test_a_receipt_can_be_replayed_when_it_was_put_away(inside: httpx2.AsyncClient, database: Database) -> None:
    """What was quarantined waits again; what is on its way is not touched."""
    await deliver(inside, message("wamid.1"))
    (item,) = (await inside.get("/rest/receipts")).json()["items"]
    path = f"/rest/receipts/{item['id']}/replay"
    assert 409 == (await inside.post(path)).status_code
    await put_away(database, {1: "adapter failed"})
    answer = await inside.post(path)
    assert (202, {"id": item["id"], "state": "received"}) == (answer.status_code, answer.json())
    assert 404 == (await inside.post(f"/rest/receipts/{uuid4()}/replay")).status_code
    assert 404 == (await inside.get(f"/rest/receipts/{uuid4()}")).status_code


async def test_a_form_is_created_changed_and_removed(inside: httpx2.AsyncClient) -> None:
    """The life of a form."""
    created = await inside.post("/rest/forms", json=SUMMER)
    assert (201, "/rest/forms/summer", '"1"') == (
        created.status_code,
        created.headers["location"],
        created.headers["etag"],
    )
    assert SUMMER.items() <= created.json().items()
    assert created.json() == (await inside.get("/rest/forms/summer")).json()
    changed = await inside.put(
        "/rest/forms/summer",
        json={"name": "Winter", "default_region": None, "allowed_origins": ["HTTPS://Shop.Example:8443/"]},
        headers={"If-Match": '"1"'},
    )
    assert (200, 2, "Winter", None) == (
        changed.status_code,
        *(changed.json()[name] for name in ("version", "name", "default_region")),
    )
    assert ["https://shop.example:8443"] == changed.json()["allowed_origins"]
    outdated = await inside.put("/rest/forms/summer", json={"name": "Late"}, headers={"If-Match": '"1"'})
    assert (412, 2) == (outdated.status_code, outdated.json()["version"])
    assert 1 == (await inside.get("/rest/forms")).json()["total"]
    refused = await inside.delete("/rest/forms/summer", headers={"If-Match": '"1"'})
    assert (412, 2) == (refused.status_code, refused.json()["version"])
    assert 204 == (await inside.delete("/rest/forms/summer", headers={"If-Match": '"2"'})).status_code
    assert [404] * 3 == [
        (await inside.get("/rest/forms/summer")).status_code,
        (await inside.delete("/rest/forms/summer")).status_code,
        (await inside.put("/rest/forms/summer", json={"name": "x"})).status_code,
    ]


async def test_a_key_is_taken_once(inside: httpx2.AsyncClient) -> None:
    """A second form with the same key is a conflict."""
    assert [201, 409] == [(await inside.post("/rest/forms", json=SUMMER)).status_code for _ in range(2)]


async def test_forms_are_listed_in_pages(inside: httpx2.AsyncClient) -> None:
    """A cursor leads through all forms by key."""
    for key in ("c", "a", "b"):
        await inside.post("/rest/forms", json=SUMMER | {"form_key": key})
    first = (await inside.get("/rest/forms", params={"limit": 2})).json()
    second = (await inside.get("/rest/forms", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert ["a", "b", "c"] == [form["form_key"] for form in first["items"] + second["items"]]
    assert (3, None) == (second["total"], second["next_cursor"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("form_key", "No Spaces"),
        ("form_key", ""),
        ("form_key", "-a"),
        ("name", ""),
        ("name", "nul \x00"),
        ("name", None),
        ("default_region", "XX"),
        ("default_region", "Mexico"),
        ("allowed_origins", ["shop.example"]),
        ("allowed_origins", ["https://shop.example/path"]),
        ("allowed_origins", ["*"]),
        ("allowed_origins", "https://shop.example"),
        ("redirect_urls", ["javascript:alert(1)"]),
        ("redirect_urls", ["//shop.example"]),
        ("redirect_urls", ["https://shop.example/\r\nX: y"]),
        ("is_active", "yes"),
        ("version", 7),
        ("created_at", "2020-01-01T00:00:00Z"),
    ],
)
async def test_a_bad_form_is_refused_by_field(inside: httpx2.AsyncClient, field: str, value: Any) -> None:
    """The problem names the field, and unknown fields are refused."""
    answer = await inside.post("/rest/forms", json=SUMMER | {field: value})
    assert 422 == answer.status_code
    assert field in answer.text


DOORS = [
    ("GET", "/rest/receipts/summary", Role.SALESPERSON),
    ("GET", "/rest/receipts", Role.SUPERVISOR),
    ("GET", f"/rest/receipts/{UUID(int=1)}", Role.ADMIN),
    ("POST", f"/rest/receipts/{UUID(int=1)}/replay", Role.ADMIN),
    ("GET", "/rest/forms", Role.SUPERVISOR),
    ("GET", "/rest/forms/summer", Role.SUPERVISOR),
    ("POST", "/rest/forms", Role.ADMIN),
    ("PUT", "/rest/forms/summer", Role.ADMIN),
    ("DELETE", "/rest/forms/summer", Role.ADMIN),
]


@pytest.mark.parametrize(("method", "path", "needed"), DOORS)
@pytest.mark.parametrize("role", list(Role))
async def test_every_door_asks_for_its_role(
    outside: httpx2.AsyncClient, method: str, path: str, needed: Role, role: Role
) -> None:
    """Without a token 401, below the role 403, and with it the door opens."""
    assert 401 == (await outside.request(method, path)).status_code
    token = mint_person_token(PRIVATE_KEY, member_id=7, role=role, audience="intake")
    answer = await outside.request(method, path, headers={"Authorization": f"Bearer {token}"})
    allowed = list(Role).index(role) >= list(Role).index(needed)
    assert allowed == (answer.status_code not in (401, 403))


async def test_quarantine_is_counted_by_reason_and_replayed(inside: httpx2.AsyncClient, database: Database) -> None:
    """What stands there is shown by reason, the most first; replaying one reason leaves the others."""
    await deliver(inside, *(message(f"wamid.{n}") for n in range(5)))
    await put_away(database, {1: "no sender", 2: "no sender", 3: "unknown type"})
    await put_away(database, {4: "status"}, "ignored")
    reasons = (await inside.get("/rest/receipts/reasons")).json()["items"]
    assert [("no sender", "whatsapp", 2), ("unknown type", "whatsapp", 1)] == [
        (one["reason"], one["channel"], one["count"]) for one in reasons
    ]
    answer = await inside.post("/rest/receipts/replay", json={"reason": "no sender"})
    assert (202, {"replayed": 2}) == (answer.status_code, answer.json())
    assert {"replayed": 1} == (await inside.post("/rest/receipts/replay", json={"state": "quarantined"})).json()
    assert [] == (await inside.get("/rest/receipts/reasons")).json()["items"]
    for wrong in ({}, {"state": "settled"}, {"reason": "x", "limit": 0}, {"id": "x"}):
        assert 422 == (await inside.post("/rest/receipts/replay", json=wrong)).status_code
    token = mint_person_token(PRIVATE_KEY, member_id=7, role=Role.SUPERVISOR, audience="intake")
    inside.headers["Authorization"] = f"Bearer {token}"
    assert 403 == (await inside.post("/rest/receipts/replay", json={"state": "ignored"})).status_code
    assert 200 == (await inside.get("/rest/receipts/reasons")).status_code
