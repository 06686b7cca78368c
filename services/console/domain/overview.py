"""What the pages show, as far as the services tell it; what they tell beyond that is ignored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from shared.contracts.words import LeadStatus, Role

T = TypeVar("T", bound=BaseModel)


class Items(BaseModel, Generic[T]):
    """A page of a list."""

    items: list[T]
    total: int = 0


class Total(BaseModel):
    """How many there are, of whatever was asked for."""

    total: int


class Equation(BaseModel):
    """The conservation equation of receipts, all from intake's one look at its own books.

    Each receipt is in exactly one state there, so the sum fits by itself; that a message was lost on its way would
    show as one that stays in flight.
    """

    received: int
    new: int
    repeat: int
    update: int
    ignored: int
    quarantined: int
    in_flight: int

    @property
    def terms(self) -> list[tuple[str, int]]:
        """The right side, in the words that people read."""
        return [
            ("New leads", self.new),
            ("Further inquiries", self.repeat),
            ("Updates", self.update),
            ("Ignored", self.ignored),
            ("Quarantined", self.quarantined),
            ("In flight", self.in_flight),
        ]

    @property
    def difference(self) -> int:
        """What is received but in no term; anything but 0 is a fault of the counting."""
        return self.received - sum(count for _, count in self.terms)


class Lead(BaseModel):
    """A lead."""

    id: int
    number: str
    first_name: str | None = None
    last_name: str | None = None
    phone: str | None = None
    email: str | None = None
    status: LeadStatus
    assigned_id: int | None = None
    source: str = ""
    note: str | None = None
    is_ready: bool = True
    is_repeat: bool = False
    repeat_of_id: int | None = None
    outcome: str | None = None
    created_at: AwareDatetime
    updated_at: AwareDatetime

    @property
    def name(self) -> str:
        """First and last name, as far as they are known."""
        return " ".join(part for part in (self.first_name, self.last_name) if part)


class Inquiry(BaseModel):
    """What somebody sent."""

    channel: str
    kind: str = ""
    text: str | None = None
    sent_at: AwareDatetime


class HistoryLine(BaseModel):
    """Something that happened to a lead."""

    text: str
    actor: str = ""
    occurred_at: AwareDatetime


class Decision(BaseModel):
    """Why somebody got a lead."""

    decision_number: int
    sentence: str
    decided_at: AwareDatetime


class Member(BaseModel):
    """A member with the present workload."""

    id: int
    name: str | None = None
    role: Role
    capacity: int
    active: bool
    open_leads: int = 0
    on_shift: bool = True
    off_shift_until: str | None = None

    @property
    def load_percent(self) -> int:
        """How much of the capacity is taken."""
        return min(100, round(100 * self.open_leads / self.capacity)) if self.capacity else 100

    @property
    def presence(self) -> str:
        """Whether this member can get leads now."""
        if not self.active:
            return "inactive"
        if self.on_shift:
            return "on shift"
        return f"off shift until {self.off_shift_until}" if self.off_shift_until else "off shift"


class QueuedLead(BaseModel):
    """A lead that waits for somebody who may take it."""

    lead_id: int
    reason: str | None = None
    queued_at: AwareDatetime | None = None


class Notification(BaseModel):
    """Something that was told, or is to be."""

    id: UUID
    lead_id: int
    member_id: int
    state: str
    reason: str | None = None
    created_at: AwareDatetime


class ConsumerProgress(BaseModel):
    """How far a consumer is."""

    name: str
    lag: int | None = None
    dead_letters: int = 0
    stopped: str | None = None


class Progress(BaseModel):
    """`/health/status` of a service."""

    outbox_unsent: int
    consumers: list[ConsumerProgress] = []

    @property
    def lag(self) -> int | None:
        """Records not read yet, over all consumers; None when Kafka does not tell."""
        lags = [consumer.lag for consumer in self.consumers]
        return None if any(lag is None for lag in lags) else sum(lag or 0 for lag in lags)

    @property
    def dead_letters(self) -> int:
        """Records put aside, over all consumers."""
        return sum(consumer.dead_letters for consumer in self.consumers)

    @property
    def stopped(self) -> list[str]:
        """The consumers that stand still until an operator resumes them."""
        return [consumer.name for consumer in self.consumers if consumer.stopped]


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """How a service is. `word` is ready, not ready or away; `problem` tells what is known about the reason."""

    name: str
    word: str
    problem: str | None = None
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class Panel(Generic[T]):
    """A part of a page: what a service told, or why it told nothing."""

    content: T | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """The status page; `overdue` is how many receipts have been in flight for long, None when that is not told."""

    now: datetime
    services: Sequence[ServiceHealth]
    equation: Panel[Equation]
    overdue: int | None
    leads: Panel[Items[Lead]]
    team: Panel[Items[Member]]
    queue: Panel[Items[QueuedLead]]
    notifications: Panel[Items[Notification]]

    @property
    def member_names(self) -> Mapping[int, str]:
        """The team's names by id."""
        return names(self.team)

    @property
    def lead_numbers(self) -> Mapping[int, str]:
        """The numbers of the leads on the page by id."""
        return {lead.id: lead.number for lead in self.leads.content.items} if self.leads.content else {}


@dataclass(frozen=True, slots=True)
class LeadPage:
    """Everything about one lead."""

    now: datetime
    lead: Lead
    inquiries: Panel[Items[Inquiry]]
    history: Panel[Items[HistoryLine]]
    decisions: Panel[Items[Decision]]
    notifications: Panel[Items[Notification]]
    team: Panel[Items[Member]] = field(default_factory=Panel)

    @property
    def member_names(self) -> Mapping[int, str]:
        """The team's names by id."""
        return names(self.team)


def names(team: Panel[Items[Member]]) -> dict[int, str]:
    """The team's names by id."""
    return {member.id: member.name or f"member {member.id}" for member in team.content.items} if team.content else {}


def read_failures(ready: Any) -> str | None:
    """What a service that is not ready lacks, from its `/health/ready`."""
    failures = ready.get("failures") if isinstance(ready, dict) else None
    return f"no {', '.join(sorted(map(str, failures)))}" if isinstance(failures, dict) and failures else None


def age(then: datetime, now: datetime) -> str:
    """How long ago, in the largest whole unit: `now`, `12 s`, `3 min`, `5 h`, `2 d`."""
    seconds = int((now - then).total_seconds())
    if seconds < 2:
        return "now"
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
