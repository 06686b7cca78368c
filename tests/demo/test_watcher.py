"""Following leads while services restart, and where the demo refuses to run."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from deploy.demo import watcher as watching
from deploy.demo.errors import DemoFailed
from deploy.demo.journal import Journal
from deploy.demo.journeys import Journey
from deploy.demo.pace import Pace
from deploy.demo.people import Person
from deploy.demo.rest import Rest
from deploy.demo.scenario import Scenario
from deploy.demo.sender import Sender
from deploy.demo.steps import Close
from deploy.demo.target import Target
from deploy.demo.watcher import Watcher

_SECRETS = {
    "LEADLINE_SERVICE_TOKEN": "development-token",
    "INTAKE_WHATSAPP_APP_SECRET": "development-whatsapp",
    "INTAKE_MESSENGER_APP_SECRET": "development-messenger",
    "INTAKE_GRAPH_URL": "http://127.0.0.1:18026",
}
Answer = Callable[[httpx2.Request], httpx2.Response]


def _target(folder: Path, **changes: str) -> Target:
    return Target.find({"LEADLINE_DATA": str(folder), **_SECRETS, **changes})


def _watcher(folder: Path, person: Person, answer: Answer) -> Watcher:
    client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    watcher = Watcher(Rest(_target(folder), client), Journal(), [person], 0)
    watcher.board.add(Journey(1, "LEAD-20261122-001", person, owner_id=4, mailed_at=1000.2))
    return watcher


@pytest.mark.parametrize("token", ["a-real-token", "Development-token"])
def test_real_system_is_left_alone(tmp_path: Path, token: str) -> None:
    """A system whose service token is not one for development gets nothing from the demo, and the sentence says so."""
    assert _target(tmp_path).service_token
    with pytest.raises(DemoFailed, match="not one for development: LEADLINE_SERVICE_TOKEN is a real one"):
        _target(tmp_path, LEADLINE_SERVICE_TOKEN=token)


async def test_closing_waits_for_a_restart(tmp_path: Path, scenario: Scenario) -> None:
    """A lead is closed once, by one command, however often leads was away in between."""
    keys: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        keys.append(request.headers["Idempotency-Key"])
        if len(keys) == 1:
            raise httpx2.ReadError("leads died while it answered")
        return httpx2.Response(503 if len(keys) == 2 else 200)

    person = scenario.people[0]
    await _watcher(tmp_path, person, answer).close(person, "no answer")
    assert 3 == len(keys)
    assert 1 == len(set(keys))


async def test_closing_in_vain_is_a_sentence(
    tmp_path: Path, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where leads stays away, a story ends with a sentence and not with a group of exceptions."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("nobody is there")

    monkeypatch.setattr(watching, "_PATIENCE", 0.2)
    person = scenario.people[0]
    watcher = _watcher(tmp_path, person, answer)
    sender = Sender(watcher.rest.target, watcher.rest.client, watcher.journal, Pace(0.0, 1.0, 0.0), watcher)
    with pytest.raises(DemoFailed, match="LEAD-20261122-001 could not be closed: leads gave no answer within"):
        await sender.play(([Close(0.0, person, "no answer")],))


async def test_lost_connection_is_no_group(tmp_path: Path, scenario: Scenario) -> None:
    """What a story meets on the way comes out as what it is, so that it can be told."""

    class Floor:
        async def catch_up(self, person: Person) -> None:
            raise httpx2.ReadError("lost")

        async def close(self, person: Person, reason: str) -> None:
            await asyncio.sleep(0)
            raise httpx2.ReadError("lost")

    person = scenario.people[0]
    async with httpx2.AsyncClient() as client:
        sender = Sender(_target(tmp_path), client, Journal(), Pace(0.0, 1.0, 0.0), Floor())
        with pytest.raises(httpx2.ReadError):
            await sender.play(([Close(0.0, person, "no answer")], [Close(0.0, person, "no answer")]))


async def test_stock_is_what_there_is_in_the_end(tmp_path: Path, scenario: Scenario) -> None:
    """A second assignment and a second mail are seen, although the first mail was seen long ago."""
    waiting = iter(["sending", "sent"])
    empty: dict[str, Any] = {"items": [], "next_cursor": None}

    def answer(request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if path.endswith("/history"):
            lines = [{"changes": {"assigned_id": {"from": None, "to": owner}}} for owner in (4, 5)]
            return httpx2.Response(200, json={"items": [*lines, {"changes": {}}]})
        if path == "/rest/notifications":
            assert "1" == request.url.params["lead_id"]
            told = [{"id": "mail-1", "state": "sent"}, {"id": "mail-2", "state": next(waiting)}]
            return httpx2.Response(200, json={**empty, "items": told})
        return httpx2.Response(200, json=empty)

    watcher = _watcher(tmp_path, scenario.people[0], answer)
    await watcher.take_stock()
    (journey,) = watcher.board.journeys.values()
    assert 2 == journey.assignments
    assert ["sent", "sent"] == [each["state"] for each in journey.notifications]
