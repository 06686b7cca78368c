"""What every story needs: chance, fresh ids, people, and the time of a simulated minute."""

import random
from dataclasses import dataclass, field

from deploy.demo.mint import Mint
from deploy.demo.people import Cast
from deploy.demo.phrases import Phrases

MINUTES = 60


@dataclass
class Shelf:
    """What the Graph API will be asked for: leads with their answers, and files as id, line, content and type."""

    leads: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    files: list[tuple[str, str, bytes, str]] = field(default_factory=list)


@dataclass
class Stage:
    """`starts_at` is when the hour begins, in unix seconds; it is played in `seconds`."""

    choice: random.Random
    mint: Mint
    cast: Cast
    starts_at: float
    seconds: float
    phrases: Phrases = field(init=False)
    shelf: Shelf = field(default_factory=Shelf)

    def __post_init__(self) -> None:
        self.phrases = Phrases(self.choice)

    def at(self, minute: float) -> int:
        """The real time of a simulated minute, as WhatsApp writes it."""
        return int(self.at_ms(minute) / 1000)

    def at_ms(self, minute: float) -> int:
        """The real time of a simulated minute, as Messenger writes it."""
        return int((self.starts_at + minute * self.seconds / MINUTES) * 1000)

    def begin(self, latest: float = 50.0) -> float:
        """A minute at which a story begins."""
        return self.choice.uniform(0.3, latest)

    def later(self, minute: float, shortest: float = 1.0, longest: float = 4.0) -> float:
        """A while after a minute, within the hour."""
        return min(minute + self.choice.uniform(shortest, longest), MINUTES - 0.5)
