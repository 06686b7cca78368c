"""Who sees what: a salesperson their own leads and figures, supervisors, admins and services everything."""

from typing import Any

import httpx2
import pytest

from shared.contracts.words import LeadOutcome, Role
from shared.kit.database import Database
from shared.kit.security import mint_person_token
from tests.assignment.books import add, apply
from tests.assignment.makers import assigned, closed, ready
from tests.support.keys import PRIVATE_KEY

ANA, BEN = 1, 2
OWNED, CLOSED, CHOSEN, BENS, QUEUED = 1, 2, 3, 4, 5
ALL = {OWNED, CLOSED, CHOSEN, BENS, QUEUED}
HERS = {OWNED, CLOSED, CHOSEN}


@pytest.fixture
async def leads(database: Database, client: httpx2.AsyncClient) -> None:
    """Ana owns one lead, has won one, and was chosen for one of Ben's; Ben has another; one waits."""
    assert (ANA, BEN) == (await add(database, "Ana", capacity=3), await add(database, "Ben", capacity=3))
    await apply(database, ready(OWNED), assigned(OWNED, 1, ANA))
    await apply(database, ready(BENS), assigned(BENS, 1, BEN))
    await apply(database, ready(CLOSED), assigned(CLOSED, 1, ANA))
    await apply(database, closed(CLOSED, by=ANA, outcome=LeadOutcome.WON))
    await apply(database, ready(CHOSEN))
    for lead_id, member_id in ((BENS, BEN), (OWNED, ANA), (CHOSEN, BEN), (CHOSEN, ANA)):
        answer = await client.post("/rest/assignments", json={"lead_id": lead_id, "member_id": member_id})
        assert answer.is_success, answer.text
    for member_id in (ANA, BEN):
        await client.put(f"/rest/team/{member_id}", json={"capacity": 0})
    await apply(database, ready(QUEUED))


def headers(role: Role | None, member_id: int) -> dict[str, str]:
    """The token of a person; the client's own, that of a service, for None."""
    if role is None:
        return {}
    token = mint_person_token(PRIVATE_KEY, member_id=member_id, role=role, audience="assignment")
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    ("role", "member_id", "seen"),
    [
        (Role.SALESPERSON, ANA, HERS),
        (Role.SALESPERSON, BEN, {BENS, CHOSEN}),
        (Role.SALESPERSON, 99, set()),
        (Role.SUPERVISOR, 99, ALL),
        (Role.ADMIN, 0, ALL),
        (None, 0, ALL),
    ],
)
async def test_each_role_sees_its_leads(
    client: httpx2.AsyncClient, leads: None, role: Role | None, member_id: int, seen: set[int]
) -> None:
    """Suggestions, decisions and assignments of other people's leads are as if they were not there, totals included."""
    who = headers(role, member_id)
    for lead_id in ALL:
        answer = await client.get(f"/rest/suggestions/{lead_id}", headers=who)
        assert (200 if lead_id in seen else 404) == answer.status_code
        page = (await client.get("/rest/decisions", params={"lead_id": lead_id}, headers=who)).json()
        assert (lead_id in seen - {QUEUED}) == bool(page["total"] and page["items"])
    decisions = (await client.get("/rest/decisions", headers=who)).json()
    assert seen - {QUEUED} == {item["lead_id"] for item in decisions["items"]}
    assert decisions["total"] == len(decisions["items"])
    assignments = (await client.get("/rest/assignments", headers=who)).json()
    assert seen - {CLOSED} == {item["lead_id"] for item in assignments["items"]}
    assert assignments["total"] == len(assignments["items"])


def figures(body: Any) -> dict[int, tuple[bool, bool]]:
    """For each candidate in an answer, whether its score and its conversion are told."""
    candidates = body["items"] if "score" in body["items"][0] else body["items"][0]["candidates"]
    return {each["member_id"]: (each["score"] is not None, "conversion" in each["signals"]) for each in candidates}


@pytest.mark.parametrize("path", ["/rest/suggestions/1", "/rest/decisions?lead_id=1"])
async def test_how_colleagues_convert_is_not_told(client: httpx2.AsyncClient, leads: None, path: str) -> None:
    """A salesperson sees their own conversion and score and nobody else's; a supervisor sees all."""
    hers = (await client.get(path, headers=headers(Role.SALESPERSON, ANA))).json()
    assert {ANA: (True, True), BEN: (False, False)} == figures(hers)
    all_of_it = (await client.get(path, headers=headers(Role.SUPERVISOR, 99))).json()
    assert {ANA: (True, True), BEN: (True, True)} == figures(all_of_it)


async def test_a_sentence_tells_no_more_than_its_figures(client: httpx2.AsyncClient, leads: None) -> None:
    """Why a colleague got a lead is said without their results and scores."""
    params = {"lead_id": CHOSEN}
    hers = (await client.get("/rest/decisions", params=params, headers=headers(Role.SALESPERSON, ANA))).json()
    known = (await client.get("/rest/decisions", params=params)).json()
    assert ["Ana: chosen by another system. Also free: Ben.", "Ben: chosen by another system. Also free: Ana"] == [
        sentence.partition(" 0.")[0] for sentence in (item["sentence"] for item in hers["items"][:2])
    ]
    assert all(" 0." in item["sentence"] for item in known["items"])
    bens = (await client.get("/rest/decisions", params=params, headers=headers(Role.SALESPERSON, BEN))).json()
    assert "Ana: (" in bens["items"][-1]["sentence"]
    assert "wins" not in bens["items"][-1]["sentence"]


async def test_results_in_the_team_are_ones_own(client: httpx2.AsyncClient, leads: None) -> None:
    """A salesperson reads how many leads they won and lost, not how many the others did."""
    for who, expected in (
        (headers(Role.SALESPERSON, ANA), {ANA: (1, 0), BEN: (None, None)}),
        (headers(Role.SALESPERSON, BEN), {ANA: (None, None), BEN: (0, 0)}),
        (headers(Role.SUPERVISOR, 99), {ANA: (1, 0), BEN: (0, 0)}),
    ):
        items = (await client.get("/rest/team", headers=who)).json()["items"]
        assert expected == {item["id"]: (item["won"], item["lost"]) for item in items}
        for member_id, (won, lost) in expected.items():
            one = (await client.get(f"/rest/team/{member_id}", headers=who)).json()
            assert (won, lost) == (one["won"], one["lost"])
