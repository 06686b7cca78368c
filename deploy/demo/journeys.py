"""How far each lead of the demo has come."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from deploy.demo.deliveries import Channel
from deploy.demo.people import Person

CLOSED: Final = 3
CHANNELS: Final = {
    "whatsapp": Channel.WHATSAPP,
    "messenger": Channel.MESSENGER,
    "instagram": Channel.INSTAGRAM,
    "lead_ads": Channel.LEAD_ADS,
    "form": Channel.FORM,
}


@dataclass
class Journey:
    """One lead as REST shows it. Instants are unix seconds, by the services' clocks; `said_at` is by ours.

    `received_at` is when the receipt was written, `numbered_at` when the lead was, `owned_at` when it got its owner,
    `mailed_at` when the mail server had the mail. `assignments` is how often its history gave it an owner, and
    `notifications` all that notifier has about it, both as of the end.
    """

    lead_id: int
    number: str
    person: Person
    version: int = 0
    status: int = 1
    is_ready: bool = True
    owner_id: int | None = None
    repeat_of_id: int | None = None
    queue_reason: str | None = None
    inquiries: int = 0
    channels: list[Channel] = field(default_factory=list)
    words: str = ""
    said_at: float = 0.0
    received_at: float | None = None
    numbered_at: float | None = None
    owned_at: float | None = None
    mailed_at: float | None = None
    assignments: int = 0
    notifications: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_queued(self) -> bool:
        """Whether it visibly waits for somebody to become free."""
        return self.owner_id is None and self.queue_reason is not None

    @property
    def is_told(self) -> bool:
        """Whether its story has come to rest: its owner got a mail, or it waits in the queue, or it is closed."""
        return (self.owner_id is not None and self.mailed_at is not None) or self.is_queued or self.status == CLOSED

    @property
    def is_being_told(self) -> bool:
        """Whether a mail about it waits, or is on its way."""
        return any(each["state"] in ("waiting", "sending") for each in self.notifications)

    def milliseconds(self, instant: float | None) -> float | None:
        """The time from the webhook to an instant."""
        return None if instant is None else (instant - self.said_at) * 1000


@dataclass
class Board:
    """Everything that is known about the demo's leads; `strangers` are leads that nobody of the demo explains."""

    journeys: dict[int, Journey] = field(default_factory=dict)
    strangers: set[str] = field(default_factory=set)
    summary: dict[str, int] = field(default_factory=dict)
    by_person: dict[str, list[Journey]] = field(default_factory=lambda: defaultdict(list))

    def add(self, journey: Journey) -> None:
        """Put a lead that was seen for the first time on the board."""
        self.journeys[journey.lead_id] = journey
        self.by_person[journey.person.key].append(journey)

    def inquiries_of(self, person: Person) -> int:
        """How many inquiries the person's leads have."""
        return sum(journey.inquiries for journey in self.by_person[person.key])

    def latest_of(self, person: Person) -> Journey | None:
        """The person's latest lead."""
        return max(self.by_person[person.key], key=lambda journey: journey.lead_id, default=None)


def unix(instant: str | None) -> float | None:
    """An instant of REST in unix seconds."""
    return None if instant is None else datetime.fromisoformat(instant).timestamp()
