"""Splitting and normalising in one go, as intake does around its database."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from services.intake.domain.items import Item
from services.intake.domain.normalise import normalise
from services.intake.domain.outcomes import Ignored, Inquiry, Outcome, Quarantined
from services.intake.domain.receipts import WaitingReceipt
from services.intake.domain.splitting import SPLITTERS
from shared.contracts.words import Channel
from tests.intake.deliveries import dumped

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
RECEIPT_ID = UUID("01930000-0000-7000-8000-000000000001")


def outcome_of(item: Item) -> Outcome:
    """What becomes of an item."""
    if item.error:
        return Quarantined(item.error)
    return normalise(waiting(item))


def waiting(item: Item) -> WaitingReceipt:
    """The receipt of an item, as the relay reads it."""
    return WaitingReceipt(
        id=1,
        receipt_id=RECEIPT_ID,
        dedupe_key="d",
        channel=item.channel,
        account=item.account,
        kind=item.kind,
        reason=None,
        body=item.body,
        received_at=NOW,
        business_date=date(2026, 11, 20),
        lead_uuid=RECEIPT_ID if item.channel is Channel.FORM else None,
    )


def read(channel: Channel, delivery: Any) -> list[Outcome]:
    """What becomes of each item of a delivery, given as bytes or as a value."""
    raw = delivery if isinstance(delivery, bytes) else dumped(delivery)
    return [outcome_of(item) for item in SPLITTERS[channel](raw)]


def read_one(channel: Channel, delivery: Any) -> Inquiry:
    """The only inquiry of a delivery."""
    (outcome,) = read(channel, delivery)
    assert isinstance(outcome, Inquiry), outcome
    return outcome


def reasons(outcomes: list[Outcome]) -> list[str]:
    """What each outcome is, in a few words."""
    return [in_words(one) for one in outcomes]


def in_words(outcome: Outcome) -> str:
    """What an outcome is: the kind of an inquiry, the name of an update, or the reason why it is neither."""
    if isinstance(outcome, (Ignored, Quarantined)):
        return f"{type(outcome).__name__.lower()}: {outcome.reason}"
    return outcome.kind if isinstance(outcome, Inquiry) else type(outcome).__name__
