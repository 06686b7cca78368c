"""One system for all journeys of a run: they use people, forms and accounts of their own."""

from collections.abc import AsyncIterator

import pytest

from deploy.demo.graph import FakeGraph
from tests.support.system import System


@pytest.fixture(scope="session")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """A running system with a salesperson who has room for everybody."""
    system = System(tmp_path_factory.mktemp("journeys") / "data")
    await system.start()
    member = {"name": "Noor", "email": "noor@leadline.example", "role": "salesperson", "capacity": 100_000}
    answer = await system.ask("assignment", "POST", "/rest/team", json={**member, "time_zone": "Europe/Berlin"})
    assert 201 == answer.status_code, answer.text
    yield system
    await system.stop()


@pytest.fixture
async def graph(system: System) -> AsyncIterator[FakeGraph]:
    """A Graph API where the running system looks for it."""
    async with FakeGraph(system.ports["graph"]) as graph:
        yield graph
