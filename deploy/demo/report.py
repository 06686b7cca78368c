"""The end: our journal beside the system's counts, what holds and what does not, and how long things took."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from deploy.demo.checks import Check, Evidence
from deploy.demo.journal import DUPLICATES, TERMS
from deploy.demo.screen import LABELS, equation
from deploy.demo.timings import timings


def print_report(console: Console, evidence: Evidence, checks: Sequence[Check]) -> bool:
    """Print everything that was found out, and return whether all of it balances."""
    console.print()
    console.print(_terms(evidence))
    console.print()
    console.print(_timings(evidence))
    console.print("  By the services' own clocks; the answer is measured here.", style="dim")
    console.print()
    for check in checks:
        mark = "[green]✓[/]" if check.holds else "[bold red]✗[/]"
        console.print(f" {mark} ", end="")
        console.print(
            check.what, markup=False, highlight=False, soft_wrap=True, style="" if check.holds else "bold red"
        )
    console.print()
    console.print(equation(evidence.after), markup=False, highlight=False, style="bold", soft_wrap=True)
    failed = sum(not check.holds for check in checks)
    if failed:
        console.print(f"Something does not balance: {failed} of {len(checks)} checks failed, see ✗ above.", style="red")
    else:
        console.print("Everything balances: nothing was lost, and nothing was counted twice.", style="green")
    return not failed


def _terms(evidence: Evidence) -> Table:
    table = Table(
        title="The equation of this hour: what was sent, and what the system made of it",
        title_justify="left",
        box=None,
        padding=(0, 2),
        header_style="dim",
    )
    table.add_column("")
    for term in TERMS:
        table.add_column(LABELS.get(term, term), justify="right")
    for channel, counts in evidence.journal.counts.items():
        table.add_row(channel.value, *(str(counts[term]) for term in TERMS), style="dim")
    table.add_row("expected", *(str(evidence.journal.total(term)) for term in TERMS))
    table.add_row("counted", *(str(evidence.came(term)) for term in TERMS), style="bold")
    journal = evidence.journal
    table.caption = (
        f"{len(journal.answers)} requests, {journal.total(DUPLICATES)} items that had come before, "
        f"{journal.total('refused')} refused"
    )
    table.caption_justify = "left"
    return table


def _timings(evidence: Evidence) -> Table:
    table = Table(title="Milliseconds", title_justify="left", box=None, padding=(0, 2), header_style="dim")
    table.add_column("")
    for name in ("p50", "p95", "max", "count"):
        table.add_column(name, justify="right")
    for timing in timings(evidence.journal, evidence.journeys):
        figures = (f"{timing.p50:.0f}", f"{timing.p95:.0f}", f"{timing.longest:.0f}", str(timing.count))
        table.add_row(timing.name, *figures)
    return table
