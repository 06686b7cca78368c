"""`make bench`, or `make bench ARGS="a c"` for some of it: one run on servers of its own, with a table at the end."""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Final

import uvloop
from rich.console import Console
from rich.table import Table

from tests.bench.machine import describe_machine, fsync_milliseconds
from tests.bench.measurements import MEASUREMENTS
from tests.bench.picture import draw
from tests.bench.rows import Row, figure, number, write_rows
from tests.bench.stand import Sizes, Stand

FOLDER: Final = Path(".leadline/bench")


async def run(letters: list[str], sizes: Sizes, console: Console) -> list[Row]:
    """Measure one after the other, and say what was found."""
    rows: list[Row] = []
    began = time.monotonic()

    def say(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:6.0f} s[/dim]  {text}", highlight=False)

    FOLDER.mkdir(parents=True, exist_ok=True)
    machine, syncs = describe_machine(), [fsync_milliseconds(FOLDER)]
    async with Stand(sizes, say) as stand:
        for letter in letters:
            say(f"({letter}) …")
            rows += await MEASUREMENTS[letter](stand)
    say("done")
    syncs.append(fsync_milliseconds(FOLDER))
    rows.append(figure("m.fsync", "making 8 kB durable on this disk, before and after the run", syncs, "ms"))
    for line in machine:
        console.print(line, highlight=False)
    load = ", ".join(f"{one:.2f}" for one in os.getloadavg())
    console.print(f"load after the run {load}", highlight=False)
    console.print(table(rows))
    return rows


def table(rows: list[Row]) -> Table:
    """The rows as people read them."""
    shown = Table(title=None, header_style="bold")
    for column in ("id", "what"):
        shown.add_column(column)
    for column in ("median", "low", "high", "goal"):
        shown.add_column(column, justify="right")
    shown.add_column("met")
    for row in rows:
        goal = str(row.goal) if row.goal else ""
        met = {True: "[green]yes[/green]", False: "[red]no[/red]", None: ""}[row.met]
        figures = (f"{number(value)} {row.unit}" for value in (row.value, row.low, row.high))
        shown.add_row(row.id, row.what, *figures, goal, met)
    return shown


def main() -> None:
    """Read the arguments and run. A missed goal is a finding, not a failure."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("letters", nargs="*", metavar="letter", help=f"of {' '.join(MEASUREMENTS)}; all by default")
    parser.add_argument("--rounds", type=int, default=Sizes().rounds, help="how often each pair is measured")
    parser.add_argument("--scale", type=float, default=1.0, help="shrinks all amounts, to try the bench itself out")
    given = parser.parse_args()
    if unknown := [letter for letter in given.letters if letter not in MEASUREMENTS]:
        parser.error(f"there is no measurement {unknown[0]!r}; there are {', '.join(MEASUREMENTS)}")
    letters = given.letters or list(MEASUREMENTS)
    sizes = Sizes(rounds=given.rounds, scale=given.scale)
    rows = uvloop.run(run(letters, sizes, Console(width=None if sys.stdout.isatty() else 160)))
    write_rows(rows, FOLDER / "latest.json")
    draw(rows, FOLDER / "latest.svg")


if __name__ == "__main__":
    main()
