"""The Graph API's client: what is tried again, what is not, and that nothing secret gets out."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from pytest_httpserver import HTTPServer

from services.intake.clients.graph import Credentials, GraphApi
from services.intake.domain.graph import GraphAway, GraphBusy, GraphError, GraphRefused, Refusal

TOKEN = Credentials("EAAG-secret-token", "the-app-secret")


@pytest.fixture
async def graph(httpserver: HTTPServer) -> AsyncIterator[GraphApi]:
    """The client of a server of the test's own."""
    async with httpx2.AsyncClient() as http:
        yield GraphApi(http, httpserver.url_for("/"), "v26.0")


def refused(code: int, subcode: int = 0, **more: Any) -> dict[str, Any]:
    """An error as the Graph API tells it, with a message that quotes the token."""
    return {"error": {"message": "Malformed EAAG-secret-token", "code": code, "error_subcode": subcode, **more}}


async def test_it_proves_that_it_knows_the_secret(graph: GraphApi, httpserver: HTTPServer) -> None:
    """The token goes in a header, its proof as a parameter, and long ids come back with every digit."""
    proof = hmac.new(b"the-app-secret", b"EAAG-secret-token", hashlib.sha256).hexdigest()
    httpserver.expect_ordered_request(
        "/v26.0/77",
        query_string={"fields": "id", "appsecret_proof": proof},
        headers={"Authorization": "Bearer EAAG-secret-token"},
    ).respond_with_data('{"id": 98765432109876543210}')
    assert {"id": "98765432109876543210"} == await graph.get("77", TOKEN, fields="id")


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (400, refused(190), Refusal.UNAUTHORIZED),
        (401, {}, Refusal.UNAUTHORIZED),
        (400, refused(10), Refusal.PERMISSION),
        (403, refused(299), Refusal.PERMISSION),
        (400, refused(103), Refusal.PERMISSION),
        (400, refused(100, 33), Refusal.NOT_FOUND),
        (404, {}, Refusal.NOT_FOUND),
        (400, refused(2200), Refusal.CALLBACK),
        (400, refused(100), Refusal.INVALID),
        (302, {}, Refusal.INVALID),
        (400, {"error": "text"}, Refusal.INVALID),
        (400, refused("190"), Refusal.INVALID),  # type: ignore[arg-type]
    ],
)
async def test_a_refusal_is_asked_once(
    graph: GraphApi, httpserver: HTTPServer, status: int, answer: dict[str, Any], expected: Refusal
) -> None:
    """What a person must mend is not tried again, and its text holds nothing of the answer."""
    httpserver.expect_request("/v26.0/77").respond_with_json(answer, status=status)
    with pytest.raises(GraphRefused) as refusal:
        await graph.get("77", TOKEN)
    assert (expected, 1) == (refusal.value.refusal, len(httpserver.log))
    assert "EAAG" not in repr(refusal.value) + str(refusal.value) + refusal.value.advice + repr(TOKEN)


@pytest.mark.parametrize(
    ("status", "answer"), [(500, {}), (503, refused(2)), (400, refused(1)), (400, refused(7, is_transient=True))]
)
async def test_trouble_is_asked_again(
    graph: GraphApi, httpserver: HTTPServer, status: int, answer: dict[str, Any]
) -> None:
    """A moment's trouble is not seen by the caller; one that lasts is, after three attempts."""
    httpserver.expect_oneshot_request("/v26.0/77").respond_with_json(answer, status=status)
    httpserver.expect_oneshot_request("/v26.0/77").respond_with_json({"id": "77"})
    assert {"id": "77"} == await graph.get("77", TOKEN)
    httpserver.expect_request("/v26.0/78").respond_with_json(answer, status=status)
    with pytest.raises(GraphAway):
        await graph.get("78", TOKEN)
    assert 2 + 3 == len(httpserver.log)


async def test_a_short_limit_is_waited_for(graph: GraphApi, httpserver: HTTPServer) -> None:
    """Retry-After of a second is kept at once; a long one is told to the caller, and the token rests."""
    httpserver.expect_oneshot_request("/v26.0/77").respond_with_json(
        refused(4), status=400, headers={"Retry-After": "1"}
    )
    httpserver.expect_oneshot_request("/v26.0/77").respond_with_json({"id": "77"})
    assert {"id": "77"} == await graph.get("77", TOKEN)
    httpserver.expect_request("/v26.0/78").respond_with_json({}, status=429, headers={"Retry-After": "90"})
    with pytest.raises(GraphBusy) as busy:
        await graph.get("78", TOKEN)
    assert timedelta(seconds=90) == busy.value.pause
    assert timedelta(seconds=80) < graph.rest_of(TOKEN) <= timedelta(seconds=90)
    assert timedelta(0) == graph.rest_of(Credentials("another-token"))


@pytest.mark.parametrize(
    ("headers", "rests"),
    [
        ({"X-App-Usage": '{"call_count": 28, "total_time": 25, "total_cputime": 25}'}, timedelta(0)),
        ({"X-App-Usage": '{"call_count": 28, "total_time": 96, "total_cputime": 25}'}, timedelta(minutes=1)),
        (
            {
                "X-Business-Use-Case-Usage": '{"5": [{"type": "leadgen", "call_count": 100,'
                ' "estimated_time_to_regain_access": 19}]}'
            },
            timedelta(minutes=19),
        ),
        ({"X-Business-Use-Case-Usage": '{"5": [{"estimated_time_to_regain_access": 99999}]}'}, timedelta(hours=1)),
        ({"X-App-Usage": "[1, 2"}, timedelta(0)),
        ({"X-App-Usage": '{"call_count": "many"}', "X-Page-Usage": "null"}, timedelta(0)),
    ],
)
async def test_nearly_used_up_limits_make_it_rest(
    graph: GraphApi, httpserver: HTTPServer, headers: dict[str, str], rests: timedelta
) -> None:
    """A good answer that tells that a limit is nearly reached makes the next ones wait."""
    httpserver.expect_request("/v26.0/77").respond_with_json({"id": "77"}, headers=headers)
    await graph.get("77", TOKEN)
    assert rests - timedelta(seconds=5) <= graph.rest_of(TOKEN) <= rests


@pytest.mark.parametrize("content", [b"[]", b"<html>", b"", b"\xff", b'{"a":' + b"[" * 100_000])
async def test_an_answer_in_another_shape_is_no_answer(graph: GraphApi, httpserver: HTTPServer, content: bytes) -> None:
    """A proxy's page of 200 is trouble, not an object."""
    httpserver.expect_request("/v26.0/77").respond_with_data(content)
    with pytest.raises(GraphAway):
        await graph.get("77", TOKEN)


async def test_nobody_there(httpserver: HTTPServer) -> None:
    """A server that cannot be reached is away."""
    async with httpx2.AsyncClient() as http:
        graph = GraphApi(http, "http://127.0.0.1:1", "v26.0")
        with pytest.raises(GraphError):
            await graph.get("77", TOKEN)
