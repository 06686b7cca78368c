"""What an adapter makes of an item."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.contracts.inquiries import Sender
from shared.contracts.words import Channel

LONGEST_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Arrival:
    """What is known of an item besides its content."""

    channel: Channel
    account: str
    received_at: datetime
    lead_uuid: UUID | None = None


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Somebody wrote to us. `thread` names the conversation within channel and account, for ordering."""

    kind: str
    sent_at: datetime
    sender: Sender
    thread: str
    text: str | None = None
    content: dict[str, Any] = field(default_factory=dict)
    attribution: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ignored:
    """Understood, and no inquiry; `reason` is a short word to filter by."""

    reason: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Not understood: somebody must look; `reason` has nothing personal in it."""

    reason: str


Outcome = Inquiry | Ignored | Quarantined
