"""The pipelines that the bench compares still work, and end with what they are measured by."""

from collections.abc import AsyncIterator

import pytest

from tests.bench.measurements.draining import measure_draining
from tests.bench.measurements.latency import Way, floor_way, guarded_way, naive, ours, track_commits
from tests.bench.stand import Sizes, Stand


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    """A stand for a handful of everything."""
    async with Stand(Sizes(rounds=1, pairs=1, scale=0.0001), lambda _: None) as stand:
        yield stand


async def test_backlogs_are_drained_by_everybody(stand: Stand) -> None:
    """Ours, the naive and the competent pipeline register, assign and tell all that waits."""
    rows = {row.id: row.value for row in await measure_draining(stand)}
    assert all(0 < rows[name] for name in ("b.ours", "b.naive.rate", "b.competent.rate"))


async def test_webhooks_reach_their_owners_everywhere(stand: Stand) -> None:
    """Every webhook that a pipeline takes has its owner in the end, later than it was sent."""
    await track_commits(stand)

    async def check(way: Way) -> None:
        assert all(0 < latency < 60_000 for latency in await way.at_once(20))

    async with ours(stand) as way:
        await check(way)
    async with floor_way(stand) as way:
        await check(way)
    async with guarded_way(stand) as way:
        await check(way)
    async with naive(stand) as way:
        await check(way)
