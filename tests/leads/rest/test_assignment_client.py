"""assignment over HTTP, as leads calls it."""

from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from services.leads.clients.assignment import AssignmentAway, AssignmentOverHttp, Decision, DecisionRefused, connect

DECISION = {
    "id": 5, "lead_id": 3, "decision_number": 2, "chosen_member_id": 7, "previous_member_id": None, "sentence": "…",
    "is_manual": True,
}  # fmt: skip


@pytest.mark.parametrize("decided_by", [1, 0])
async def test_decision(httpserver: HTTPServer, decided_by: int) -> None:
    """The wish goes out with the service token and the name of who asks, an admin of no member included."""
    wish = {"lead_id": 3, "member_id": 7, "decided_by": decided_by}
    httpserver.expect_request(
        "/rest/assignments", "POST", json=wish, headers={"Authorization": "Bearer secret"}
    ).respond_with_json(DECISION, 201)
    async with connect(httpserver.url_for("/"), "secret") as client:
        decision = await AssignmentOverHttp(client).assign(3, 7, decided_by)
    assert Decision(id=5, lead_id=3, decision_number=2, chosen_member_id=7) == decision


@pytest.mark.parametrize("status", [404, 409, 422])
async def test_refusal(httpserver: HTTPServer, status: int) -> None:
    """A refusal is told in assignment's words."""
    httpserver.expect_request("/rest/assignments").respond_with_json({"detail": "full"}, status)
    async with connect(httpserver.url_for("/"), "secret") as client:
        with pytest.raises(DecisionRefused, match="full") as refused:
            await AssignmentOverHttp(client).assign(3, 7, None)
    assert status == refused.value.status


@pytest.mark.parametrize(
    ("status", "body"), [(500, {}), (503, {}), (401, {}), (403, {}), (200, {}), (302, {}), (409, None)]
)
async def test_nonsense(httpserver: HTTPServer, status: int, body: Any) -> None:
    """Whatever is neither a decision nor a refusal means that nothing is known; a refusal without words is one."""
    httpserver.expect_request("/rest/assignments").respond_with_json(body, status)
    async with connect(httpserver.url_for("/"), "secret") as client:
        with pytest.raises(DecisionRefused if status == 409 else AssignmentAway):
            await AssignmentOverHttp(client).assign(3, 7, None)


async def test_nobody_answers() -> None:
    """A server that is not there is assignment being away."""
    async with connect("http://127.0.0.1:9", "secret") as client:
        with pytest.raises(AssignmentAway):
            await AssignmentOverHttp(client).assign(3, 7, None)
