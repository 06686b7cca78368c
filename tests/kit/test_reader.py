"""The parts of reading that need no broker: what is told about offsets, and when."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition

from shared.kit.reader import _Drain, _Offsets


async def test_a_commit_of_offsets_does_not_outlive_a_rebalance(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the batch in hand does not end in time, the commit of the one before it is given up with the partitions."""
    monkeypatch.setattr("shared.kit.reader._DRAIN", timedelta(milliseconds=50))
    cut = asyncio.Event()

    async def never(offsets: Mapping[TopicPartition, int]) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cut.set()

    drain = _Drain(_Offsets(never), lambda: True)
    drain.offsets.note([SimpleNamespace(topic="noted.v1", partition=0, offset=1)])
    await asyncio.sleep(0.01)
    async with drain.busy:
        await drain.on_partitions_revoked(())
        await asyncio.wait_for(cut.wait(), 1)
    # The batch that went on ends without a commit to wait for.
    await drain.offsets.settle()
    assert 1 == drain.generation


async def test_offsets_are_told_together_and_before_partitions_go() -> None:
    """Batches that follow one another soon share a commit, with the latest of each partition; who waits has it now."""
    told: list[dict[int, int]] = []

    async def tell(offsets: Mapping[TopicPartition, int]) -> None:
        told.append({place.partition: offset for place, offset in offsets.items()})

    drain = _Drain(_Offsets(tell), lambda: True)
    for offset in range(10):
        drain.offsets.note([SimpleNamespace(topic="noted.v1", partition=offset % 2, offset=offset)])
        await asyncio.sleep(0.001)
    await asyncio.wait_for(drain.on_partitions_revoked(()), 0.1)
    assert {0: 9, 1: 10} == told[-1]
    assert len(told) <= 2


async def test_nobody_commits_who_is_no_member() -> None:
    """Who lost the membership forgets what the group was not told: an empty group would take it from anybody."""
    told: list[Mapping[TopicPartition, int]] = []

    async def tell(offsets: Mapping[TopicPartition, int]) -> None:
        told.append(offsets)

    drain = _Drain(_Offsets(tell), lambda: False)
    for offset in range(2):
        drain.offsets.note([SimpleNamespace(topic="noted.v1", partition=0, offset=offset)])
        await asyncio.sleep(0.01)
    await asyncio.wait_for(drain.on_partitions_revoked(()), 0.1)
    assert [{TopicPartition("noted.v1", 0): 1}] == told
    assert drain.is_revoking
    await drain.on_partitions_assigned(())
    assert not drain.is_revoking
