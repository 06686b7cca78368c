"""What was sent, and what must have come of it: our side of the equation."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from deploy.demo.deliveries import Channel, Delivery, Fate, Item
from deploy.demo.people import Person

TERMS: Final = ("received", "new", "repeat", "update", "ignored", "quarantined")
DUPLICATES: Final = "duplicates"


@dataclass(frozen=True, slots=True)
class Answered:
    """A request and its answer: how long it took, and how many attempts it needed."""

    delivery: Delivery
    status: int
    milliseconds: float
    attempts: int

    @property
    def is_right(self) -> bool:
        """Whether the answer is the one that the delivery must get."""
        return self.status == self.delivery.status


@dataclass(frozen=True, slots=True)
class Said:
    """Something that a person sent for the first time, and when its request began, in unix seconds."""

    at: float
    channel: Channel
    words: str


@dataclass
class Journal:
    """Grows as deliveries are answered; what is expected follows from it and from nothing the system says."""

    answers: list[Answered] = field(default_factory=list)
    counts: dict[Channel, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    said: dict[str, list[Said]] = field(default_factory=lambda: defaultdict(list))
    leads: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    on_note: Callable[[str], None] = lambda _: None
    _begun: dict[str, float] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _open: set[str] = field(default_factory=set)

    def begin(self, delivery: Delivery, now: float) -> None:
        """Note when items set out for the first time, before any answer can be there."""
        if delivery.note and delivery.note not in self.notes[-1:]:
            self.notes.append(delivery.note)
            self.on_note(f"{delivery.channel}: {delivery.note}")
        for item in delivery.items:
            if item.key not in self._begun:
                self._begun[item.key] = now
                if item.person is not None and item.fate is Fate.INQUIRY:
                    self.said[item.person.key].append(Said(now, delivery.channel, item.words))

    def finish(self, answered: Answered) -> None:
        """Count what an answered delivery held; only a right answer promises anything."""
        self.answers.append(answered)
        if not answered.is_right:
            return
        counts = self.counts[answered.delivery.channel]
        counts["deliveries"] += 1
        if not answered.delivery.items:
            counts["refused"] += 1
        for item in answered.delivery.items:
            if item.key in self._seen:
                counts[DUPLICATES] += 1
                continue
            self._seen.add(item.key)
            counts["received"] += 1
            counts[self._term(item)] += 1

    def close(self, person: Person) -> None:
        """Note that the person's lead was closed: their next inquiry opens another one."""
        self._open.discard(person.key)

    def total(self, term: str) -> int:
        """A count over all channels."""
        return sum(counts[term] for counts in self.counts.values())

    def inquiries_of(self, person: Person) -> int:
        """How many inquiries of a person set out."""
        return len(self.said[person.key])

    def words_before(self, person: Person, instant: float) -> Said | None:
        """What a person sent last before an instant; the first thing they sent when clocks disagree."""
        said = self.said[person.key]
        return next((one for one in reversed(said) if one.at <= instant), said[0] if said else None)

    def _term(self, item: Item) -> str:
        if item.fate is not Fate.INQUIRY or item.person is None:
            return item.fate.value
        if item.person.key in self._open:
            return "repeat"
        self._open.add(item.person.key)
        self.leads[item.person.key] += 1
        return "new"
