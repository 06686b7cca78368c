"""What a receipt is and may become."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from shared.contracts.words import Channel

SPAM = "spam: "
"""How the reasons begin for which a guard put a receipt away; to replay one is to say that it is no spam."""


class ReceiptState(StrEnum):
    """How far a receipt came; one that is fetching waits for its lead of Lead Ads.

    The last three are ends; an operator's replay makes the last two wait again.
    """

    RECEIVED = "received"
    FETCHING = "fetching"
    PUBLISHED = "published"
    SETTLED = "settled"
    IGNORED = "ignored"
    QUARANTINED = "quarantined"


class NewReceipt(NamedTuple):
    """A receipt to be written; `error` is set for what could not be taken apart.

    A tuple, since there is one for each message: sets of them become columns without being looked into.
    """

    receipt_id: UUID
    dedupe_key: str
    channel: Channel
    account: str
    kind: str
    body: bytes
    received_at: datetime
    business_date: date
    error: str | None = None
    lead_uuid: UUID | None = None


@dataclass(frozen=True, slots=True)
class WaitingReceipt:
    """A receipt whose turn it is to be normalised; it has a `reason` when it was put away once before."""

    id: int
    receipt_id: UUID
    dedupe_key: str
    channel: Channel
    account: str
    kind: str
    reason: str | None
    body: bytes
    received_at: datetime
    business_date: date
    lead_uuid: UUID | None

    @property
    def is_released(self) -> bool:
        """Whether it was put away as spam, and an operator wants it all the same."""
        return self.reason is not None and self.reason.startswith(SPAM)
