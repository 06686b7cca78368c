"""Showing the hour while it is played: live in a terminal, line by line elsewhere, or not at all."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from rich.console import Console
from rich.live import Live

from deploy.demo.journeys import Journey
from deploy.demo.pace import Pace
from deploy.demo.screen import Screen, owner_of, shown, who


@asynccontextmanager
async def live(console: Console, screen: Screen, *, quiet: bool) -> AsyncIterator[None]:
    """The picture, redrawn until the context ends; nothing where nobody watches.

    It is drawn on the loop and not in rich's own thread, so that it never sees the board half changed.
    """
    if quiet or not console.is_terminal:
        yield
        return
    with Live(screen, console=console, auto_refresh=False) as picture:
        drawing = asyncio.create_task(_draw(picture))
        try:
            yield
        finally:
            drawing.cancel()
            picture.refresh()


async def _draw(picture: Live) -> None:
    while True:
        picture.refresh()
        await asyncio.sleep(0.2)


def noter(console: Console, pace: Pace, *, quiet: bool) -> Callable[[str], None]:
    """What is called when something out of the ordinary sets out: prints a line where there is no picture."""

    def tell(note: str) -> None:
        console.print(f"{pace.clock()}  … {note}", markup=False, highlight=False, style="dim", soft_wrap=True)

    return (lambda _: None) if quiet or console.is_terminal else tell


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
