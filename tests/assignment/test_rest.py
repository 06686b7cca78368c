"""The REST API: what it answers, and to whom."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from services.assignment.use_cases.apply_lead_events import apply_lead_events
from shared.contracts.words import Role
from shared.kit.database import Database
from shared.kit.security import mint_person_token
from tests.assignment.books import apply
from tests.assignment.makers import NOON, assigned, closed, ready, refused
from tests.support.clock import MovingClock
from tests.support.keys import PRIVATE_KEY

ANA: dict[str, Any] = {
    "name": "Ana",
    "email": "ana@example.com",
    "role": "salesperson",
    "capacity": 30,
    "time_zone": "Europe/Berlin",
    "active": True,
}


async def add(client: httpx2.AsyncClient, name: str = "Ana", **changes: Any) -> int:
    """Add a member through the door; their id."""
    answer = await client.post("/rest/team", json=ANA | {"name": name, "email": f"{name}@example.com"} | changes)
    assert answer.status_code == 201, answer.text
    member_id: int = answer.json()["id"]
    return member_id


async def test_a_member_comes_back_as_added(client: httpx2.AsyncClient) -> None:
    """POST answers the member with id, version, workload and where to find it."""
    answer = await client.post("/rest/team", json=ANA)
    assert answer.status_code == 201
    body = answer.json()
    assert ANA.items() <= body.items()
    assert (0, True, []) == (body["open_leads"], body["on_shift"], body["working_hours"])
    assert answer.headers["location"] == f"/rest/team/{body['id']}"
    assert answer.headers["etag"] == f'"{body["version"]}"'
    assert body == (await client.get(answer.headers["location"])).json()


async def test_who_gives_no_zone_gets_that_of_the_business(client: httpx2.AsyncClient) -> None:
    """The time zone of a member is optional."""
    answer = await client.post("/rest/team", json={"name": "Ana", "email": "a@b.example", "role": "admin"})
    assert ("UTC", 30, True) == tuple(answer.json()[name] for name in ("time_zone", "capacity", "active"))


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "", "at least 1 character"),
        ("name", "A\nB", "pattern"),
        ("name", "A\x00B", "NUL"),
        ("email", "nobody", "pattern"),
        ("email", "a@b.example,c@d.example", "pattern"),
        ("role", "boss", "'salesperson'"),
        ("capacity", -1, "greater than or equal to 0"),
        ("capacity", 2**70, "less than or equal"),
        ("capacity", "30", "valid integer"),
        ("capacity", True, "valid integer"),
        ("time_zone", "Berlin", "IANA"),
        ("time_zone", "../../etc/passwd", "IANA"),
        ("active", "yes", "valid boolean"),
        ("working_hours", [{"weekday": 7, "starts_at": "09:00", "ends_at": "17:00"}], "less than or equal to 6"),
        ("working_hours", [{"weekday": 0, "starts_at": "9", "ends_at": "17:00"}], "time"),
        ("working_hours", [{"weekday": 0, "starts_at": "09:00+02:00", "ends_at": "17:00"}], "offset"),
        ("working_hours", [{"weekday": 0, "starts_at": "09:00", "ends_at": "17:00", "lunch": 1}], "Extra inputs"),
        ("id", 7, "Extra inputs"),
        ("version", 7, "Extra inputs"),
    ],
)
async def test_bad_input_names_the_field_and_the_rule(
    client: httpx2.AsyncClient, field: str, value: Any, said: str
) -> None:
    """A wrong or unknown field is 422 with a problem document, when adding and when changing."""
    member_id = await add(client, "Ben")
    for answer in (
        await client.post("/rest/team", json=ANA | {field: value}),
        await client.put(f"/rest/team/{member_id}", json={field: value}),
    ):
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert said in answer.json()["detail"]
        assert any(field in error["field"] or field in error["message"] for error in answer.json()["errors"])
    assert 1 == (await client.get("/rest/team")).json()["total"]


async def test_null_changes_nothing(client: httpx2.AsyncClient) -> None:
    """A null in a partial update is refused, not taken for a value."""
    member_id = await add(client)
    answer = await client.put(f"/rest/team/{member_id}", json={"capacity": None})
    assert (422, True) == (answer.status_code, "capacity must not be null" in answer.text)


async def test_one_mail_address_is_one_member(client: httpx2.AsyncClient) -> None:
    """A second member with the same address in other capitals is 409, by adding and by changing."""
    await add(client)
    ben = await add(client, "Ben")
    for answer in (
        await client.post("/rest/team", json=ANA | {"email": "ANA@example.com"}),
        await client.put(f"/rest/team/{ben}", json={"email": "ANA@example.com"}),
    ):
        assert (409, "Another member has the mail address ANA@example.com.") == (
            answer.status_code,
            answer.json()["detail"],
        )


async def test_a_change_is_partial_and_versioned(client: httpx2.AsyncClient) -> None:
    """PUT changes what it names; an older version in If-Match is 412 and changes nothing."""
    path = f"/rest/team/{await add(client)}"
    version = (await client.get(path)).json()["version"]
    hours = [{"weekday": 0, "starts_at": "22:00:00", "ends_at": "06:00:00"}]
    seen = {"If-Match": f'"{version}"'}
    changed = await client.put(path, json={"capacity": 5, "working_hours": hours}, headers=seen)
    assert (200, 5, hours, version + 1, "Ana") == (
        changed.status_code,
        *(changed.json()[name] for name in ("capacity", "working_hours", "version", "name")),
    )
    assert (False, "Mon 22:00 Europe/Berlin") == tuple(changed.json()[name] for name in ("on_shift", "off_shift_until"))
    late = await client.put(path, json={"capacity": 6}, headers=seen)
    assert (412, version + 1) == (late.status_code, late.json()["version"])
    assert 422 == (await client.put(path, json={"capacity": 6}, headers={"If-Match": "yesterday"})).status_code
    assert changed.json() == (await client.get(path)).json()
    assert 200 == (await client.put(path, json={"capacity": 6}, headers={"If-Match": "*"})).status_code


async def test_a_member_who_is_not_there_is_404(client: httpx2.AsyncClient) -> None:
    """Unknown ids are 404, and what cannot be an id is 422."""
    assert 404 == (await client.get("/rest/team/99")).status_code
    assert 404 == (await client.put("/rest/team/99", json={"capacity": 1})).status_code
    for wrong in ("0", "-1", "ana", str(2**63)):
        assert 422 == (await client.get(f"/rest/team/{wrong}")).status_code


async def test_the_team_is_listed_in_pages(client: httpx2.AsyncClient) -> None:
    """Pages follow each other without gap or repeat in every order; filters narrow the total."""
    for name in ("Cem", "Ana", "Ben", "Dora"):
        await add(client, name, role="admin" if name == "Dora" else "salesperson", active=name != "Ben")
    for sort, expected in (
        ("id", "CABD"),
        ("-id", "DBAC"),
        ("name", "ABCD"),
        ("-name", "DCBA"),
        ("open_leads", "CABD"),
    ):
        names, cursor = "", None
        while True:
            params: dict[str, str | int] = {"sort": sort, "limit": 1}
            if cursor:
                params["cursor"] = cursor
            page = (await client.get("/rest/team", params=params)).json()
            assert page["total"] == 4
            names += page["items"][0]["name"][0]
            if not (cursor := page["next_cursor"]):
                break
        assert expected == names
    for narrowed, total in (
        ({"role": "admin"}, 1),
        ({"active": "true"}, 3),
        ({"email": "BEN@EXAMPLE.COM"}, 1),
        ({"q": "an"}, 1),
        ({"q": "%"}, 0),
    ):
        assert total == (await client.get("/rest/team", params=narrowed)).json()["total"], narrowed


@pytest.mark.parametrize(
    "params",
    [{"cursor": "!"}, {"cursor": "WzFd"}, {"sort": "email"}, {"limit": 0}, {"limit": 201}, {"q": "\x00"}, {"x": 1}],
)
async def test_odd_questions_are_refused(client: httpx2.AsyncClient, params: dict[str, Any]) -> None:
    """A cursor of somebody else's making, an unknown order or filter are 422."""
    assert 422 == (await client.get("/rest/team", params=params)).status_code


@pytest.mark.parametrize(
    ("method", "path", "needs"),
    [
        ("GET", "/rest/team", Role.SALESPERSON),
        ("GET", "/rest/team/1", Role.SALESPERSON),
        ("POST", "/rest/team", Role.ADMIN),
        ("PUT", "/rest/team/1", Role.ADMIN),
        ("GET", "/rest/suggestions/1", Role.SALESPERSON),
        ("GET", "/rest/decisions", Role.SALESPERSON),
        ("GET", "/rest/assignments", Role.SALESPERSON),
        ("POST", "/rest/assignments", Role.SUPERVISOR),
    ],
)
async def test_every_door_asks_who_is_there(client: httpx2.AsyncClient, method: str, path: str, needs: Role) -> None:
    """No token, a wrong one, or one for another service is 401; a role below the needed one is 403."""
    other = mint_person_token(PRIVATE_KEY, member_id=1, role=Role.ADMIN, audience="leads")
    for header in ("", "Bearer nonsense", f"Basic {other}", f"Bearer {other}"):
        answer = await client.request(method, path, headers={"Authorization": header}, json={})
        assert (401, "application/problem+json") == (answer.status_code, answer.headers["content-type"])
    ranks = list(Role)
    for role in ranks:
        token = mint_person_token(PRIVATE_KEY, member_id=1, role=role, audience="assignment")
        answer = await client.request(method, path, headers={"Authorization": f"Bearer {token}"}, json={})
        assert (answer.status_code == 403) == (ranks.index(role) < ranks.index(needs)), role
    assert 0 == (await client.get("/rest/team")).json()["total"]


async def test_suggestions_weigh_everybody(client: httpx2.AsyncClient, database: Database) -> None:
    """The best comes first and those who cannot get the lead last, each with signals and reasons."""
    busy = await add(client, "Ana", capacity=1)
    free = await add(client, "Ben")
    boss = await add(client, "Dora", role="supervisor")
    await apply(database, ready(1), assigned(1, 1, free), ready(2, preferred=busy))
    items = (await client.get("/rest/suggestions/1")).json()["items"]
    assert [free, busy, boss] == [item["member_id"] for item in items]
    assert [True, False, False] == [item["eligible"] for item in items]
    assert ["at capacity, 1 of 1 open leads"] == items[1]["reasons"]
    assert {"workload", "conversion", "preferred_owner"} == items[0]["signals"].keys()
    assert 404 == (await client.get("/rest/suggestions/99")).status_code


async def test_decisions_explain_themselves(client: httpx2.AsyncClient, database: Database) -> None:
    """A lead's decisions come with a sentence, all candidates and the version of the policy."""
    ana = await add(client)
    ben = await add(client, "Ben", capacity=0)
    await apply(database, ready(1), ready(2))
    page = (await client.get("/rest/decisions", params={"lead_id": 1})).json()
    (decision,) = page["items"]
    assert (ana, 1, 1, False) == tuple(
        decision[name] for name in ("chosen_member_id", "decision_number", "policy_version", "is_manual")
    )
    assert decision["sentence"] == (
        "Ana: score 0.75 (0 of 30 open leads, wins 20% where the team wins 20%). "
        "Passed over: Ben (at capacity, 0 of 0 open leads)."
    )
    assert [ana, ben] == [candidate["member_id"] for candidate in decision["candidates"]]
    assert 2 == (await client.get("/rest/decisions", params={"member_id": ana})).json()["total"]
    first = (await client.get("/rest/decisions", params={"limit": 1})).json()
    second = (await client.get("/rest/decisions", params={"limit": 1, "cursor": first["next_cursor"]})).json()
    assert [2, 1] == [first["items"][0]["lead_id"], second["items"][0]["lead_id"]]
    assert second["next_cursor"] is None


async def test_a_person_decides(client: httpx2.AsyncClient, database: Database) -> None:
    """A decision by hand has a number, says who and why, and asking again for the same changes nothing."""
    ana, ben = await add(client), await add(client, "Ben")
    await apply(database, ready(1), assigned(1, 1, ana))
    boss = await add(client, "Dora", role="supervisor")
    token = mint_person_token(PRIVATE_KEY, member_id=boss, role=Role.SUPERVISOR, audience="assignment")
    headers = {"Authorization": f"Bearer {token}"}
    wish = {"lead_id": 1, "member_id": ben, "reason": "speaks Turkish"}
    answer = await client.post("/rest/assignments", json=wish, headers=headers)
    assert answer.status_code == 201
    assert answer.json()["sentence"].startswith("Ben: chosen by Dora (speaks Turkish). Also free: Ana")
    assert (2, ana, boss, True) == tuple(
        answer.json()[name] for name in ("decision_number", "previous_member_id", "decided_by", "is_manual")
    )
    again = await client.post("/rest/assignments", json=wish, headers=headers)
    assert (200, answer.json()) == (again.status_code, again.json())
    forged = await client.post("/rest/assignments", json=wish | {"decided_by": ana}, headers=headers)
    assert 403 == forged.status_code
    spoken = await client.post("/rest/assignments", json={"lead_id": 1, "member_id": ana, "decided_by": boss})
    assert (201, boss) == (spoken.status_code, spoken.json()["decided_by"])


async def test_an_admin_who_is_no_member_decides(client: httpx2.AsyncClient, database: Database) -> None:
    """Member 0 stands for the admin of no member, who signs in before there is a team, whoever passes it on."""
    await add(client)
    ben, cem = await add(client, "Ben"), await add(client, "Cem")
    await apply(database, ready(1), assigned(1, 1, ben))
    token = mint_person_token(PRIVATE_KEY, member_id=0, role=Role.ADMIN, audience="assignment")
    for wish, headers in (
        ({"lead_id": 1, "member_id": cem, "decided_by": 0}, {}),
        ({"lead_id": 1, "member_id": ben}, {"Authorization": f"Bearer {token}"}),
    ):
        answer = await client.post("/rest/assignments", json=wish, headers=headers)
        assert (201, 0) == (answer.status_code, answer.json()["decided_by"])
        assert ": chosen by an admin." in answer.json()["sentence"]
    below = await client.post("/rest/assignments", json={"lead_id": 1, "member_id": ben, "decided_by": -1})
    assert 422 == below.status_code


async def test_who_asks_again_gets_the_decision_that_holds(client: httpx2.AsyncClient, database: Database) -> None:
    """Ana owns by decision 1 and decision 2 for Ben was refused: asking for Ana answers decision 1, not the last."""
    ana, ben = await add(client), await add(client, "Ben")
    await apply(database, ready(1), assigned(1, 1, ana))
    await client.post("/rest/assignments", json={"lead_id": 1, "member_id": ben})
    await apply(database, refused(1, 2, ben))
    answer = await client.post("/rest/assignments", json={"lead_id": 1, "member_id": ana})
    assert (200, 1, ana) == (
        answer.status_code,
        answer.json()["decision_number"],
        answer.json()["chosen_member_id"],
    )


async def test_a_person_is_refused_with_the_figures(client: httpx2.AsyncClient, database: Database) -> None:
    """A full capacity, an inactive member and a closed lead are 409; nobody there is 404; nothing changes."""
    ana = await add(client, capacity=1)
    gone = await add(client, "Ben", active=False)
    cem = await add(client, "Cem")
    await apply(database, ready(1), ready(2), ready(3), closed(3))
    holder = next(
        item["lead_id"] for item in (await client.get("/rest/assignments", params={"member_id": cem})).json()["items"]
    )
    await client.post("/rest/assignments", json={"lead_id": 3 - holder, "member_id": ana})
    before = (await client.get("/rest/decisions")).json()
    for wish, status, said in (
        ({"lead_id": holder, "member_id": ana}, 409, "Ana holds 1 open leads; their capacity is 1."),
        ({"lead_id": holder, "member_id": gone}, 409, "Ben is inactive and gets no leads."),
        ({"lead_id": 3, "member_id": cem}, 409, "Lead 3 is closed"),
        ({"lead_id": 9, "member_id": cem}, 404, "Lead 9 is not known here"),
        ({"lead_id": holder, "member_id": 99}, 404, "The team has no member 99."),
        ({"lead_id": holder}, 422, "member_id: Field required"),
        ({"lead_id": str(holder), "member_id": cem}, 422, "valid integer"),
        ({"lead_id": holder, "member_id": cem, "force": True}, 422, "Extra inputs"),
    ):
        answer = await client.post("/rest/assignments", json=wish)
        assert (status, True) == (answer.status_code, said in answer.json()["detail"]), answer.text
    full = await client.post("/rest/assignments", json={"lead_id": holder, "member_id": ana})
    assert (1, 1) == (full.json()["capacity"], full.json()["open_leads"])
    assert before == (await client.get("/rest/decisions")).json()


async def test_the_queue_is_visible(client: httpx2.AsyncClient, database: Database) -> None:
    """Leads that wait are listed with the reason and since when; others are listed by stage."""
    await add(client, capacity=1)
    await apply(database, ready(1), ready(2), ready(3), closed(3))
    queue = (await client.get("/rest/assignments", params={"queued": "true"})).json()
    assert (1, None) == (queue["total"], queue["next_cursor"])
    (item,) = queue["items"]
    assert (2, "queued", "nobody is free: 1 at capacity", None) == tuple(
        item[name] for name in ("lead_id", "stage", "reason", "owner_id")
    )
    others = (await client.get("/rest/assignments", params={"queued": "false"})).json()
    assert [(1, "decided")] == [(item["lead_id"], item["stage"]) for item in others["items"]]
    stage = (await client.get("/rest/assignments", params={"stage": "closed"})).json()
    assert [3] == [item["lead_id"] for item in stage["items"]]
    first = (await client.get("/rest/assignments", params={"limit": 1})).json()
    rest = (await client.get("/rest/assignments", params={"limit": 1, "cursor": first["next_cursor"]})).json()
    assert [1, 2] == [first["items"][0]["lead_id"], rest["items"][0]["lead_id"]]


async def test_more_capacity_empties_the_queue(client: httpx2.AsyncClient, database: Database) -> None:
    """A PUT that makes room assigns what waits before it answers."""
    member_id = await add(client, capacity=0)
    await apply(database, ready(1))
    answer = await client.put(f"/rest/team/{member_id}", json={"capacity": 1})
    assert 1 == answer.json()["open_leads"]
    assert 0 == (await client.get("/rest/assignments", params={"queued": "true"})).json()["total"]


async def test_being_on_shift_is_of_this_moment(
    client: httpx2.AsyncClient, database: Database, clock: MovingClock
) -> None:
    """Whether somebody works, and what waits for them, follows the clock and not the last change."""
    hours = [{"weekday": 0, "starts_at": "14:00", "ends_at": "18:00"}]
    member_id = await add(client, working_hours=hours)
    async with database.transaction() as connection:
        await apply_lead_events(connection, [ready(1)], clock.now())
    assert not (await client.get(f"/rest/team/{member_id}")).json()["on_shift"]
    clock.advance(timedelta(hours=1))
    assert NOON + timedelta(hours=1) == clock.now()
    assert (await client.get(f"/rest/team/{member_id}")).json()["on_shift"]
    assert (await client.get("/rest/suggestions/1")).json()["items"][0]["eligible"]


async def test_health_and_schema_need_no_token(client: httpx2.AsyncClient) -> None:
    """Probes and the description of the API are open; both know nothing personal."""
    for path in ("/health/live", "/health/ready", "/metrics", "/openapi.json"):
        assert 200 == (await client.get(path, headers={"Authorization": ""})).status_code
