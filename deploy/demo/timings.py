"""How long things took: three figures that say it all."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from deploy.demo.journal import Journal
from deploy.demo.journeys import Journey


@dataclass(frozen=True, slots=True)
class Timing:
    """The middle, the slowest twentieth and the slowest of some milliseconds."""

    name: str
    count: int
    p50: float
    p95: float
    longest: float


def timings(journal: Journal, journeys: Iterable[Journey]) -> Iterator[Timing]:
    """From the webhook to its answer, the receipt, the number, the owner and the mail."""
    leads = list(journeys)
    yield from _timing("webhook → answer", [answered.milliseconds for answered in journal.answers])
    for name, instants in (
        ("webhook → receipt", [(one, one.received_at) for one in leads]),
        ("webhook → number", [(one, one.numbered_at) for one in leads]),
        ("webhook → owner", [(one, one.owned_at) for one in leads]),
        ("webhook → mail", [(one, one.mailed_at) for one in leads]),
    ):
        found = [one.milliseconds(instant) for one, instant in instants]
        yield from _timing(name, [milliseconds for milliseconds in found if milliseconds is not None])


def _timing(name: str, milliseconds: list[float]) -> Iterator[Timing]:
    if milliseconds:
        ordered = sorted(milliseconds)
        yield Timing(name, len(ordered), _rank(ordered, 0.5), _rank(ordered, 0.95), ordered[-1])


def _rank(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]
