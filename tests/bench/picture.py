"""The run as one small picture: rates of ours beside the baselines, and every ratio with its goal."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib

from tests.bench.rows import Row, number

matplotlib.use("svg")
# Text stays text, which is smaller and can be searched; the same rows give the same file.
matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "leadline", "font.size": 9, "font.family": "sans-serif"}

from matplotlib import pyplot  # noqa: E402 (after the choice of what draws)

_OURS: Final = "#1b7f5c"
_THEIRS: Final = "#8a909c"
_MISSED: Final = "#c0392b"
_ROW_INCHES: Final = 0.27


def draw(rows: Sequence[Row], file: Path) -> None:
    """Draw the rates and the ratios of a run into an SVG; a run with neither draws nothing."""
    rates = [row for row in rows if row.unit == "/s"]
    ratios = [row for row in rows if row.unit == "×" and row.goal is not None]
    panels = [(draw_panel, found) for draw_panel, found in ((_draw_rates, rates), (_draw_ratios, ratios)) if found]
    if not panels:
        return
    heights = [len(found) for _, found in panels]
    figure, axes = pyplot.subplots(
        len(panels), 1, figsize=(9, 1.3 + _ROW_INCHES * sum(heights)), height_ratios=heights, squeeze=False
    )
    for (draw_panel, found), (axis,) in zip(panels, axes, strict=True):
        draw_panel(axis, found)
        _tidy(axis, found)
    figure.tight_layout()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)


def _draw_rates(axis: Any, rows: Sequence[Row]) -> None:
    axis.set_title("per second, more is better (dot: median; line: lowest to highest)", loc="left", fontsize=9)
    for place, row in enumerate(rows):
        _mark(axis, place, row, _OURS if row.is_ours else _THEIRS)
        axis.text(row.high * 1.12, place, number(row.value), va="center")


def _draw_ratios(axis: Any, rows: Sequence[Row]) -> None:
    axis.set_title("ours against theirs, with the goal as a black line", loc="left", fontsize=9)
    for place, row in enumerate(rows):
        assert row.goal is not None
        _mark(axis, place, row, _OURS if row.met else _MISSED)
        axis.plot(row.goal.bound, place, "|", color="#000000", markersize=11)
        axis.text(max(row.high, row.goal.bound) * 1.12, place, f"{number(row.value)} (goal {row.goal})", va="center")


def _mark(axis: Any, place: int, row: Row, colour: str) -> None:
    axis.plot([row.low, row.high], [place, place], color=colour, linewidth=3)
    axis.plot(row.value, place, "o", color=colour, markersize=7)


def _tidy(axis: Any, rows: Sequence[Row]) -> None:
    axis.set_xscale("log")
    axis.set_yticks(range(len(rows)), [f"({row.id.partition('.')[0]}) {row.what}" for row in rows])
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.margins(x=0.25)
    axis.grid(axis="x", color="#e6e6e6", linewidth=0.8)
    axis.set_axisbelow(True)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
