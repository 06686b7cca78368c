"""Connected accounts: who may see and change them, that secrets stay secret, and that doors know them at once."""

from typing import Any

import httpx2
import pytest

from services.intake.domain.accounts import DOORS, WHATSAPP_DOOR
from services.intake.handlers import on_reseal_command
from services.intake.settings import IntakeSettings
from services.intake.storage.accounts import DoorKeys
from services.intake.use_cases.trust_apps import TrustedApps
from services.intake.wiring import build_trust
from shared.contracts.words import Role
from shared.kit.database import Database
from shared.kit.operations import OperationRefused
from shared.kit.sealing import Seal
from shared.kit.security import mint_person_token
from tests.intake.deliveries import APP_SECRET, MESSENGER_SECRET, dumped, message, sign, whatsapp_messages
from tests.support.keys import PRIVATE_KEY

SECRET = "the-app-secret-of-another-app"
NUMBER: dict[str, Any] = {
    "channel": "whatsapp",
    "account_id": "109000000000001",
    "name": "Lisbon line",
    "app_secret": SECRET,
    "access_token": "EAAG-a-token",
}
SHAKE = {"hub.mode": "subscribe", "hub.challenge": "4711"}


async def add(client: httpx2.AsyncClient, **changes: Any) -> dict[str, Any]:
    """Connect an account and return it."""
    answer = await client.post("/rest/channels", json=NUMBER | changes)
    assert 201 == answer.status_code, answer.text
    created: dict[str, Any] = answer.json()
    return created


async def delivered(client: httpx2.AsyncClient, secret: str, path: str = "/webhooks/whatsapp") -> int:
    """The answer to a delivery that is signed with this secret."""
    raw = dumped(whatsapp_messages(message()))
    return (await client.post(path, content=raw, headers=sign(raw, secret))).status_code


async def test_an_account_shows_no_secret(inside: httpx2.AsyncClient, database: Database) -> None:
    """Secrets are never shown and not readable in the database; the verify token is shown once."""
    created = await add(inside)
    token = created["verify_token"]
    assert (True, True) == (created["has_app_secret"], created["has_access_token"])
    assert "https://leads.example/webhooks/whatsapp" == created["callback_url"]
    answers = [
        (await inside.get(f"/rest/channels/{created['id']}")).text,
        (await inside.get("/rest/channels")).text,
        (await inside.put(f"/rest/channels/{created['id']}", json={"name": "Porto line"})).text,
    ]
    async with database.connection() as connection:
        answers.append(str(dict((await connection.fetch("SELECT * FROM channel_accounts"))[0])))
    for answer in answers:
        assert [] == [secret for secret in (SECRET, "EAAG-a-token", token) if secret in answer]


async def test_a_connected_app_may_deliver_at_once(
    inside: httpx2.AsyncClient, trusted: TrustedApps, database: Database
) -> None:
    """Its deliveries and handshakes are good after the next look, beside the environment's, and no longer when it is
    switched off, changed or removed."""
    assert 401 == await delivered(inside, SECRET)
    account = await add(inside)
    place = f"/rest/channels/{account['id']}"
    for change, expected in (
        ({}, 200),
        ({"is_active": False}, 401),
        ({"is_active": True}, 200),
        ({"app_secret": "quite-another-secret"}, 401),
        ({"app_secret": SECRET}, 200),
    ):
        assert 200 == (await inside.put(place, json=change)).status_code
        await trusted.tick()
        assert expected == await delivered(inside, SECRET)
        assert 200 == await delivered(inside, APP_SECRET)
        assert 401 == await delivered(inside, SECRET, "/webhooks/messenger")
    answer = await inside.get("/webhooks/whatsapp", params=SHAKE | {"hub.verify_token": account["verify_token"]})
    assert (200, "4711") == (answer.status_code, answer.text)
    assert 204 == (await inside.delete(place)).status_code
    await trusted.tick()
    assert 401 == await delivered(inside, SECRET)


async def test_pages_and_instagram_share_a_door(inside: httpx2.AsyncClient, trusted: TrustedApps) -> None:
    """Accounts of both are trusted at Messenger's webhook, each with its own app, and not at WhatsApp's."""
    for place, channel in enumerate(("messenger", "instagram")):
        secret = f"secret-of-{channel}"
        await add(inside, channel=channel, account_id=f"20900000000000{place}", app_secret=secret)
        await trusted.tick()
        assert 200 == await delivered(inside, secret, "/webhooks/messenger")
        assert 401 == await delivered(inside, secret)
    assert 200 == await delivered(inside, MESSENGER_SECRET, "/webhooks/messenger")


async def test_a_renewed_token_replaces_the_old_one(inside: httpx2.AsyncClient, trusted: TrustedApps) -> None:
    """Only the newest verify token shakes hands."""
    account = await add(inside)
    renewed = (await inside.post(f"/rest/channels/{account['id']}/verify-token")).json()
    await trusted.tick()
    for token, expected in ((account["verify_token"], 403), (renewed["verify_token"], 200)):
        answer = await inside.get("/webhooks/whatsapp", params=SHAKE | {"hub.verify_token": token})
        assert expected == answer.status_code


async def test_before_accounts_were_read_nobody_is_turned_away(
    outside: httpx2.AsyncClient, trusted: TrustedApps, own_settings: IntakeSettings, database: Database
) -> None:
    """A process that has not read the accounts yet asks unknown senders to come again, and takes known ones."""
    fresh = build_trust(own_settings, database)
    trusted._keys = fresh._keys
    assert 503 == await delivered(outside, SECRET)
    assert 503 == (await outside.get("/webhooks/whatsapp", params=SHAKE)).status_code
    assert 200 == await delivered(outside, APP_SECRET)


async def test_keys_are_rotated_while_it_runs(
    inside: httpx2.AsyncClient, database: Database, own_settings: IntakeSettings
) -> None:
    """After resealing, the new key alone opens everything; what no key opens costs no other account its door."""
    await add(inside)
    form = {"form_key": "summer", "name": "Summer", "provider": "typeform", "provider_secret": "a-provider-secret"}
    assert 201 == (await inside.post("/rest/forms", json=form)).status_code
    both = Seal("a new key", own_settings.encryption_key.get_secret_value())
    async with database.transaction() as connection:
        assert {"resealed": 4} == await on_reseal_command(both, connection, {})
    await add(inside, account_id="109000000000002", app_secret="sealed-by-the-old-key")
    trusted = TrustedApps(database, Seal("a new key"), {door: DoorKeys((b"fixed",)) for door in DOORS.values()})
    await trusted.tick()
    assert (b"fixed", SECRET.encode()) == trusted.keys(WHATSAPP_DOOR).app_secrets
    with pytest.raises(OperationRefused):
        async with database.transaction() as connection:
            await on_reseal_command(Seal("a new key"), connection, {})


@pytest.mark.parametrize(
    "changes",
    [
        {"channel": "form"},
        {"account_id": "../me"},
        {"account_id": "123?fields=access_token"},
        {"parent_id": "me/accounts"},
        {"app_secret": "has a blank"},
        {"app_secret": "short"},
        {"access_token": "línea-nueva"},
        {"access_token": "two\r\nlines-of-token"},
        {"default_region": "ZZ"},
        {"name": ""},
        {"verify_token": "my own"},
        {"last_error": "none"},
    ],
)
async def test_what_cannot_be_is_refused(inside: httpx2.AsyncClient, changes: dict[str, Any]) -> None:
    """Ids are digits, since they become paths; secrets are printable; what is not to be written is not."""
    answer = await inside.post("/rest/channels", json=NUMBER | changes)
    assert 422 == answer.status_code, answer.text
    assert SECRET not in answer.text


async def test_an_account_is_connected_once(inside: httpx2.AsyncClient) -> None:
    """A second one of the same channel and id is refused; the same id on another channel is another account."""
    await add(inside)
    assert 409 == (await inside.post("/rest/channels", json=NUMBER)).status_code
    await add(inside, channel="messenger")
    page = (await inside.get("/rest/channels", params={"limit": 1})).json()
    assert (2, "whatsapp") == (page["total"], page["items"][0]["channel"])
    following = (await inside.get("/rest/channels", params={"cursor": page["next_cursor"]})).json()
    assert ["messenger"] == [item["channel"] for item in following["items"]]


async def test_changes_need_the_version_that_was_read(inside: httpx2.AsyncClient) -> None:
    """An older `If-Match` changes and removes nothing."""
    account = await add(inside)
    place, stale = f"/rest/channels/{account['id']}", {"If-Match": '"1"'}
    assert '"2"' == (await inside.put(place, json={"name": "Porto line"}, headers=stale)).headers["etag"]
    for answer in (
        await inside.put(place, json={"name": "Faro line"}, headers=stale),
        await inside.post(f"{place}/verify-token", headers=stale),
        await inside.delete(place, headers=stale),
    ):
        assert (412, 2) == (answer.status_code, answer.json()["version"])
    assert "Porto line" == (await inside.get(place)).json()["name"]
    assert 404 == (await inside.get("/rest/channels/999999")).status_code


@pytest.mark.parametrize(("role", "reads", "writes"), [(Role.SALESPERSON, 403, 403), (Role.SUPERVISOR, 200, 403)])
async def test_who_may(inside: httpx2.AsyncClient, role: Role, reads: int, writes: int) -> None:
    """Supervisors see accounts, admins connect them, salespeople do neither; refused, nothing has changed."""
    place = f"/rest/channels/{(await add(inside))['id']}"
    before = (await inside.get(place)).json()
    inside.headers["Authorization"] = (
        f"Bearer {mint_person_token(PRIVATE_KEY, member_id=7, role=role, audience='intake')}"
    )
    assert {reads} == {(await inside.get(path)).status_code for path in ("/rest/channels", place)}
    answers = [
        await inside.post("/rest/channels", json=NUMBER | {"account_id": "5"}),
        await inside.put(place, json={"name": "Mine"}),
        await inside.post(f"{place}/verify-token"),
        await inside.delete(place),
    ]
    assert {writes} == {answer.status_code for answer in answers}
    inside.headers["Authorization"] = "Bearer development-service-token"
    assert before == (await inside.get(place)).json()
