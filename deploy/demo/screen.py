"""The hour as one watches it in a terminal: the clock, the counters, and the latest leads."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from deploy.demo.deliveries import Channel
from deploy.demo.journal import DUPLICATES, Journal
from deploy.demo.journeys import CLOSED, Board, Journey
from deploy.demo.pace import Pace
from deploy.demo.stage import MINUTES

_LATEST = 16
# Lines that are no leads: the hour, the counters, the headings, the equation.
_AROUND = 17
_WIDE = 120
_LEADS_TITLE = "milliseconds from the webhook to the"
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

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The whole picture, as far as it fits."""
        yield self._hour(options.max_width)
        yield self._counters(options.max_width)
        yield Text(
            f"  lately: {' · '.join(self.journal.notes[-2:])}", style="magenta", no_wrap=True, overflow="ellipsis"
        )
        yield self._leads(options.max_width, max(3, min(_LATEST, console.height - _AROUND)))
        yield self._equation()

    def _hour(self, width: int) -> RenderableType:
        row = Table.grid(padding=(0, 2))
        done = len(self.journal.answers)
        bar = ProgressBar(total=MINUTES, completed=self.pace.minute(), width=max(10, min(60, width - 62)))
        row.add_row(
            Text(self.pace.clock(), style="bold"), bar, f"{done} of {self.requests} requests", self._waiting(done)
        )
        return Panel(row, title="An hour at Vereda, a small travel company", title_align="left")

    def _waiting(self, done: int) -> str:
        if self.pace.minute() < MINUTES:
            return ""
        return "waiting for the last leads …" if done >= self.requests else "the last stories go on …"

    def _counters(self, width: int) -> RenderableType:
        table = Table(box=None, padding=(0, 2 if width >= 100 else 1), header_style="dim")
        table.add_column("sent")
        for name in _COUNTED:
            table.add_column(LABELS.get(name, name), justify="right")
        for channel in Channel:
            counts = self.journal.counts.get(channel) or Counter[str]()
            table.add_row(channel.value, *(str(counts.get(name, 0)) for name in _COUNTED))
        table.add_row("all", *(str(self.journal.total(name)) for name in _COUNTED), style="bold")
        return table

    def _leads(self, width: int, rows: int) -> RenderableType:
        table = Table(expand=True, header_style="dim", box=None, padding=(0, 1))
        table.title, table.title_justify, table.title_style = _LEADS_TITLE, "right", "dim"
        is_wide = width >= _WIDE
        table.add_column("lead", no_wrap=True, width=18)
        for name in ("who", "by", "said last", "owner") if is_wide else ("who", "by", "owner"):
            table.add_column(name, no_wrap=True, ratio=2 if name == "said last" else 1)
        for name in ("receipt", "number", "owner", "mail"):
            table.add_column(name, justify="right", no_wrap=True, width=7)
        latest = sorted(self.board.journeys.values(), key=lambda journey: -journey.lead_id)[:rows]
        for journey in latest:
            table.add_row(*self._row(journey, is_wide=is_wide))
        for _ in range(rows - len(latest)):
            table.add_row("")
        return table

    def _row(self, journey: Journey, *, is_wide: bool) -> Iterator[RenderableType]:
        yield Text(journey.number, style="cyan")
        yield Text(who(journey), overflow="ellipsis")
        yield Text(" + ".join(journey.channels), overflow="ellipsis")
        if is_wide:
            yield Text(journey.words, style="italic", overflow="ellipsis")
        yield Text(owner_of(journey, self.names), style="yellow" if journey.is_queued else "", overflow="ellipsis")
        for instant in (journey.received_at, journey.numbered_at, journey.owned_at, journey.mailed_at):
            yield Text(shown(journey.milliseconds(instant)), style="green")

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
