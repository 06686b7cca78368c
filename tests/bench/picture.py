"""The run as one small picture: rates of ours beside the baselines, every ratio with its goal, and where (d) goes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib

from tests.bench.rows import Row, number
from tests.bench.stages import STAGES

matplotlib.use("svg")
# Text stays text, which is smaller and can be searched; the same rows give the same file.
matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "leadline", "font.size": 9, "font.family": "sans-serif"}

from matplotlib import pyplot  # noqa: E402 (after the choice of what draws)

_OURS: Final = "#1b7f5c"
_THEIRS: Final = "#8a909c"
_MISSED: Final = "#c0392b"
_ROW_INCHES: Final = 0.27
_STAGES: Final = {name: what.removeprefix("→ ") for name, what in STAGES}


def draw(rows: Sequence[Row], file: Path) -> None:
    """Draw the rates, the ratios and the stages of a run into an SVG; a run with none of them draws nothing."""
    rates = [row for row in rows if row.unit == "/s"]
    ratios = [row for row in rows if row.unit == "×" and row.goal is not None]
    stages = [row for row in rows if row.id.rpartition(".")[2] in _STAGES]
    drawn = ((_draw_rates, rates), (_draw_ratios, ratios), (_draw_stages, stages))
    panels = [(draw_panel, found) for draw_panel, found in drawn if found]
    if not panels:
        return
    heights = [len(found) if draw_panel is not _draw_stages else 5 for draw_panel, found in panels]
    figure, axes = pyplot.subplots(
        len(panels), 1, figsize=(12, 1.3 + _ROW_INCHES * sum(heights)), height_ratios=heights, squeeze=False
    )
    for (draw_panel, found), (axis,) in zip(panels, axes, strict=True):
        draw_panel(axis, found)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    figure.tight_layout()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)


def _draw_rates(axis: Any, rows: Sequence[Row]) -> None:
    axis.set_title("per second, more is better (dot: median; line: lowest to highest)", loc="left", fontsize=9)
    for place, row in enumerate(rows):
        _mark(axis, place, row, _OURS if row.is_ours else _THEIRS)
        axis.text(row.high * 1.12, place, number(row.value), va="center")
    _tidy(axis, rows)


def _draw_ratios(axis: Any, rows: Sequence[Row]) -> None:
    axis.set_title("ours against theirs, with the goal as a black line", loc="left", fontsize=9)
    for place, row in enumerate(rows):
        assert row.goal is not None
        _mark(axis, place, row, _OURS if row.met else _MISSED)
        axis.plot(row.goal.bound, place, "|", color="#000000", markersize=11)
        axis.text(max(row.high, row.goal.bound) * 1.12, place, f"{number(row.value)} (goal {row.goal})", va="center")
    _tidy(axis, rows)


def _draw_stages(axis: Any, rows: Sequence[Row]) -> None:
    """One bar for each rate, the stages one behind the other."""
    axis.set_title("(d) from stage to stage, median milliseconds", loc="left", fontsize=9)
    rates = list(dict.fromkeys(row.id.split(".")[1] for row in rows))
    colours = pyplot.get_cmap("viridis").resampled(len(_STAGES))
    for place, (stage, what) in enumerate(_STAGES.items()):
        values = {row.id.split(".")[1]: row.value for row in rows if row.id.endswith(f".{stage}")}
        before = [sum(_before(rows, rate, stage)) for rate in rates]
        axis.barh(range(len(rates)), [values[rate] for rate in rates], left=before, color=colours(place), label=what)
    axis.set_yticks(range(len(rates)), [f"(d) at {int(rate):,}/s" for rate in rates])
    axis.set_ylim(len(rates) - 0.5, -0.5)
    axis.legend(ncols=2, fontsize=7, frameon=False, loc="upper center", bbox_to_anchor=(0.4, -0.25))


def _before(rows: Sequence[Row], rate: str, stage: str) -> list[float]:
    """What the stages before one took at a rate."""
    names = list(_STAGES)
    earlier = names[: names.index(stage)]
    return [row.value for row in rows if row.id in {f"d.{rate}.{name}" for name in earlier}]


def _mark(axis: Any, place: int, row: Row, colour: str) -> None:
    axis.plot([row.low, row.high], [place, place], color=colour, linewidth=3)
    axis.plot(row.value, place, "o", color=colour, markersize=7)


def _tidy(axis: Any, rows: Sequence[Row]) -> None:
    axis.set_xscale("log")
    axis.minorticks_off()
    axis.set_yticks(range(len(rows)), [f"({row.id.partition('.')[0]}) {row.what}" for row in rows])
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.margins(x=0.3)
    axis.grid(axis="x", color="#e6e6e6", linewidth=0.8)
    axis.set_axisbelow(True)
