"""The parts of reading that need no broker: what is told about offsets, and when."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError
from structlog.testing import capture_logs

from shared.kit.reader import GroupSettings, Reader, _Drain, _Offsets
from shared.kit.records import Record


def record(partition: int, offset: int) -> SimpleNamespace:
    """A record of aiokafka's with nothing in it."""
    empty: dict[str, Any] = {"key": None, "value": None, "headers": (), "timestamp": 0}
    return SimpleNamespace(topic="noted.v1", partition=partition, offset=offset, **empty)


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
    drain.offsets.note([record(0, 1)])
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
        drain.offsets.note([record(offset % 2, offset)])
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
        drain.offsets.note([record(0, offset)])
        await asyncio.sleep(0.01)
    await asyncio.wait_for(drain.on_partitions_revoked(()), 0.1)
    assert [{TopicPartition("noted.v1", 0): 1}] == told
    assert drain.is_revoking
    await drain.on_partitions_assigned(())
    assert not drain.is_revoking


async def test_what_cannot_be_told_is_not_told_after_a_rebalance() -> None:
    """When telling ends early for whatever reason, the next generation tells nothing of the one before."""
    told: list[Mapping[TopicPartition, int]] = []

    async def tell(offsets: Mapping[TopicPartition, int]) -> None:
        drain.offsets.note([record(0, 2)])
        told.append(offsets)
        raise asyncio.CancelledError

    drain = _Drain(_Offsets(tell), lambda: True)
    drain.offsets.note([record(0, 1)])
    await asyncio.wait_for(drain.on_partitions_revoked(()), 1)
    drain.offsets.note([record(1, 1)])
    await drain.offsets.settle()
    assert [{TopicPartition("noted.v1", 0): 2}, {TopicPartition("noted.v1", 1): 2}] == told


class Group:
    """A consumer of aiokafka, of which only committing is called."""

    def __init__(self, *failures: Exception) -> None:
        self._coordinator = SimpleNamespace(generation=1)
        self._failures = list(failures)
        self.committed: dict[int, int] = {}

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Fail as told to, then commit; other records are done meanwhile."""
        await asyncio.sleep(0.02)
        if self._failures:
            raise self._failures.pop(0)
        self.committed |= {place.partition: offset for place, offset in offsets.items()}


def reader_of(group: Group | None, worked: list[int]) -> Reader:
    """A reader with this consumer, if it has one; `worked` gets the offsets of the records that it works on."""

    async def work(records: Sequence[Record]) -> None:
        worked.extend(record.offset for record in records)

    reader = Reader("tested.noted.v1", GroupSettings(), work)
    reader._subscriber = SimpleNamespace(consumer=group, running=True)
    return reader


async def test_what_a_rebalance_overtakes_is_not_worked_on() -> None:
    """A batch that waits while partitions go is left to whoever gets them: it could not be noted any more."""
    worked: list[int] = []
    reader = reader_of(Group(), worked)
    await reader._on_batch([record(0, 1)])
    going = asyncio.create_task(reader._drain.on_partitions_revoked(()))
    # Until it waits for the first batch to be told.
    await asyncio.sleep(0)
    await reader._on_batch([record(0, 2)])
    assert going.done()
    await reader._drain.on_partitions_assigned(())
    await reader._on_batch([record(0, 3)])
    assert [1, 3] == worked


async def commit(group: Group | None, *offsets: int) -> None:
    """Note one record of the first partition after another, while the one before is told."""
    reader = reader_of(group, [])
    for offset in offsets:
        reader._drain.offsets.note([record(0, offset)])
        await asyncio.sleep(0.01)
    await asyncio.wait_for(reader._drain.offsets.settle(), 1)


@pytest.mark.parametrize(
    ("failure", "level"),
    [(CommitFailedError(), "info"), (IllegalStateError(), "info"), (AttributeError("a bug"), "error")],
)
async def test_a_commit_that_fails_is_survived(failure: Exception, level: str) -> None:
    """A refused commit is everyday, anything else is logged as an error; later offsets are committed all the same."""
    group = Group(failure)
    with capture_logs() as logs:
        await commit(group, 1)
    assert [("offsets not committed", level)] == [(line["event"], line["log_level"]) for line in logs]
    assert {} == group.committed
    group = Group(failure)
    await commit(group, 1, 2)
    assert {0: 3} == group.committed


async def test_who_is_no_member_commits_nothing() -> None:
    """A consumer that is out of its group, or has stopped, drops offsets instead of committing them."""
    group = Group()
    group._coordinator.generation = -1
    with capture_logs() as logs:
        await commit(group, 1)
        await commit(None, 1)
    assert {} == group.committed
    assert ["offsets dropped: no member of the group"] == [line["event"] for line in logs]
