"""The conservation equation: everything that was received has become exactly one of a few things."""

from dataclasses import dataclass

from services.intake.storage.counts import count_by_outcome
from shared.kit import metrics
from shared.kit.database import Connection


@dataclass(frozen=True, slots=True)
class Summary:
    """received = new + repeat + update + ignored + quarantined + in flight, at any moment."""

    received: int
    new: int
    repeat: int
    update: int
    ignored: int
    quarantined: int
    in_flight: int


async def summarise_receipts(connection: Connection) -> Summary:
    """The terms as they are in one snapshot, without looking at the receipts."""
    counts = await count_by_outcome(connection)
    return Summary(
        received=sum(counts.values()),
        new=counts.get("new", 0),
        repeat=counts.get("repeat", 0),
        update=counts.get("update", 0),
        ignored=counts.get("ignored", 0),
        quarantined=counts.get("quarantined", 0),
        in_flight=sum(counts.get(state, 0) for state in ("received", "fetching", "published")),
    )


def show(summary: Summary) -> None:
    """Put the terms on the metrics page."""
    for term in Summary.__slots__:
        metrics.receipts.labels(term).set(getattr(summary, term))
