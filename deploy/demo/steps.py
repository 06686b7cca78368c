"""What happens in a story, one step after the other; stories run side by side."""

from dataclasses import dataclass

from deploy.demo.deliveries import Delivery
from deploy.demo.people import Person


@dataclass(frozen=True, slots=True)
class Send:
    """A delivery at a minute of the hour; `copies` more than one are repetitions, `at_once` or one by one."""

    minute: float
    delivery: Delivery
    copies: int = 1
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class CatchUp:
    """The story goes on when all that its person sent is in their leads: what follows depends on it."""

    person: Person


@dataclass(frozen=True, slots=True)
class Close:
    """A salesperson gives the person's lead up, once its owner was told."""

    minute: float
    person: Person
    reason: str


Step = Send | CatchUp | Close
Story = list[Step]
