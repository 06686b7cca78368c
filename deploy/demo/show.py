"""Showing the hour while it is played: live in a terminal, line by line elsewhere, or not at all."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

from rich.console import Console
from rich.live import Live

from deploy.demo.journeys import Journey
from deploy.demo.pace import Pace
from deploy.demo.screen import Screen, owner_of, shown, who


def live(console: Console, screen: Screen, *, quiet: bool) -> AbstractContextManager[object]:
    """The picture, redrawn until the context ends; nothing where nobody watches."""
    if quiet or not console.is_terminal:
        return nullcontext()
    return Live(screen, console=console, refresh_per_second=6)


def teller(console: Console, pace: Pace, names: Mapping[int, str], *, quiet: bool) -> Callable[[Journey], None]:
    """What is called with each lead whose owner was told: prints a line where there is no picture."""

    def tell(journey: Journey) -> None:
        steps = (
            ("receipt", journey.received_at),
            ("number", journey.numbered_at),
            ("owner", journey.owned_at),
            ("mail", journey.mailed_at),
        )
        took = "  ".join(f"{name} {shown(journey.milliseconds(at))}" for name, at in steps)
        words = journey.words if len(journey.words) <= 44 else f"{journey.words[:43]}…"
        line = (
            f"{pace.clock()}  {journey.number}  {who(journey):<20} {' + '.join(journey.channels):<20} "
            f"{words:<44}  {owner_of(journey, names):<18} ms: {took}"
        )
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    return (lambda _: None) if quiet or console.is_terminal else tell
