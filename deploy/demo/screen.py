"""The hour as one watches it in a terminal: the clock, the counters, and the latest leads."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from deploy.demo.deliveries import Channel
from deploy.demo.journal import DUPLICATES, Journal
from deploy.demo.journeys import CLOSED, Board, Journey
from deploy.demo.pace import Pace
from deploy.demo.stage import MINUTES

_LATEST = 14
_COUNTED = ("deliveries", "new", "repeat", "ignored", "quarantined", DUPLICATES, "refused")
LABELS = {"repeat": "further", "in_flight": "in flight"}


@dataclass(frozen=True)
class Screen:
    """Draws what is known at the moment; rich asks for it several times a second."""

    pace: Pace
    journal: Journal
    board: Board
    names: Mapping[int, str]
    requests: int

    def __rich__(self) -> RenderableType:
        """The whole picture."""
        return Group(self._hour(), self._counters(), self._leads(), self._equation())

    def _hour(self) -> RenderableType:
        row = Table.grid(padding=(0, 2))
        done = len(self.journal.answers)
        bar = ProgressBar(total=MINUTES, completed=self.pace.minute(), width=48)
        row.add_row(
            Text(self.pace.clock(), style="bold"), bar, f"{done} of {self.requests} requests", self._waiting(done)
        )
        return Panel(row, title="An hour at Vereda, a small travel company", title_align="left")

    def _waiting(self, done: int) -> str:
        if self.pace.minute() < MINUTES:
            return ""
        return "waiting for the last leads …" if done >= self.requests else "the last stories go on …"

    def _counters(self) -> RenderableType:
        table = Table(box=None, padding=(0, 2), header_style="dim")
        table.add_column("sent so far")
        for name in _COUNTED:
            table.add_column(LABELS.get(name, name), justify="right")
        for channel in Channel:
            counts = self.journal.counts.get(channel) or Counter[str]()
            table.add_row(channel.value, *(str(counts.get(name, 0)) for name in _COUNTED))
        table.add_row("all", *(str(self.journal.total(name)) for name in _COUNTED), style="bold")
        return table

    def _leads(self) -> RenderableType:
        table = Table(expand=True, header_style="dim", title_justify="left", box=None, padding=(0, 1))
        table.add_column("lead", no_wrap=True)
        table.add_column("who", no_wrap=True, max_width=20)
        table.add_column("by", no_wrap=True, max_width=22)
        table.add_column("said last", no_wrap=True, ratio=1)
        table.add_column("owner", no_wrap=True, max_width=18)
        for name in ("receipt", "number", "owner", "mail"):
            table.add_column(f"{name} ms", justify="right", no_wrap=True)
        latest = sorted(self.board.journeys.values(), key=lambda journey: -journey.lead_id)[:_LATEST]
        for journey in latest:
            table.add_row(*self._row(journey))
        for _ in range(_LATEST - len(latest)):
            table.add_row("")
        return table

    def _row(self, journey: Journey) -> list[RenderableType]:
        instants = (journey.received_at, journey.numbered_at, journey.owned_at, journey.mailed_at)
        return [
            Text(journey.number, style="cyan"),
            Text(who(journey)),
            Text(" + ".join(journey.channels)),
            Text(journey.words, style="italic", overflow="ellipsis"),
            Text(owner_of(journey, self.names), style="yellow" if journey.is_queued else ""),
            *(Text(shown(journey.milliseconds(instant)), style="green") for instant in instants),
        ]

    def _equation(self) -> RenderableType:
        return Text(equation(self.board.summary), style="dim")


def equation(summary: Mapping[str, int]) -> str:
    """The conservation equation in one line."""
    if not summary:
        return ""
    terms = " + ".join(f"{count} {LABELS.get(term, term)}" for term, count in summary.items() if term != "received")
    return f"received {summary['received']} = {terms}"


def owner_of(journey: Journey, names: Mapping[int, str]) -> str:
    """Who has the lead, or why nobody does."""
    if journey.status == CLOSED:
        return "(closed)"
    if journey.owner_id is not None:
        return names.get(journey.owner_id, f"member {journey.owner_id}")
    return f"queued: {journey.queue_reason}" if journey.is_queued else "…"


def who(journey: Journey) -> str:
    """Whose lead it is; an arrow says that it points back at an earlier one."""
    return f"{journey.person.name}{'' if journey.repeat_of_id is None else ' ↩'}"


def shown(milliseconds: float | None) -> str:
    """Milliseconds, or a dot for what has not happened yet."""
    return "·" if milliseconds is None else f"{milliseconds:.0f}"
