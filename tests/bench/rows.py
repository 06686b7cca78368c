"""What a measurement says: rows with a value, how far it spread within the run, and the goal that it was held to."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal

Unit = Literal["×", "/s", "ms", "MB", "µs", "%", "s"]


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound that a median is held to."""

    sign: Literal["≥", "≤"]
    bound: float

    def is_met(self, value: float) -> bool:
        """Whether a value is on the right side."""
        return value >= self.bound if self.sign == "≥" else value <= self.bound

    def __str__(self) -> str:
        return f"{self.sign} {self.bound:.4g}"


def at_least(bound: float) -> Goal:
    """A goal for what should be large."""
    return Goal("≥", bound)


def at_most(bound: float) -> Goal:
    """A goal for what should be small."""
    return Goal("≤", bound)


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: the median over the run's rounds with the lowest and the highest, and its goal if it has one.

    `id` is the letter of the measurement and a short word, such as `a.lock`; those of ours have the word `ours` in it.
    """

    id: str
    what: str
    value: float
    low: float
    high: float
    unit: Unit
    goal: Goal | None = None

    @property
    def met(self) -> bool | None:
        """Whether the median meets the goal; None without one."""
        return None if self.goal is None else self.goal.is_met(self.value)

    @property
    def is_ours(self) -> bool:
        """Whether this is a figure of Leadline's own, and not of a baseline."""
        return any(part.startswith("ours") for part in self.id.split("."))

    def as_json(self) -> dict[str, Any]:
        """The row as `latest.json` holds it."""
        return {**asdict(self), "goal": str(self.goal) if self.goal else None, "met": self.met}


def figure(id: str, what: str, samples: Sequence[float], unit: Unit, goal: Goal | None = None) -> Row:  # noqa: A002
    """A row of one figure's samples, one for each round."""
    return Row(id, what, median(samples), min(samples), max(samples), unit, goal)


def ratio(
    id: str,  # noqa: A002
    what: str,
    pairs: Iterable[tuple[float, float]],
    goal: Goal | None = None,
) -> Row:
    """A row of (ours, theirs) pairs that were measured one right after the other, so that noise hits both."""
    return figure(id, what, [ours / theirs for ours, theirs in pairs], "×", goal)


def write_rows(rows: Sequence[Row], file: Path) -> None:
    """Write rows as a JSON list."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([row.as_json() for row in rows], indent=1, ensure_ascii=False) + "\n")


def number(value: float) -> str:
    """A figure with three digits that say something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
