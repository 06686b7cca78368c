"""Are the locks complete, consistent and free of host names? Needs no network."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).resolve().parents[2]
REQUIREMENTS: Final = ROOT / "requirements"
LEVELS: Final = ("bootstrap", "run", "local", "dev", "bench")
LOCKS: Final = (
    *(REQUIREMENTS / f"{level}.txt" for level in LEVELS),
    ROOT / "deploy/local/jgo.lock.toml",
)
_ADDRESS: Final = re.compile(r"[a-z]+://|--(extra-)?index-url|--find-links")


def main() -> int:
    """Print every problem and return 1 if there is one."""
    problems = [*_addresses(), *_unlocked(), *_apart()]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def _addresses() -> Iterator[str]:
    for lock in LOCKS:
        if found := _ADDRESS.search(lock.read_text()):
            yield f"{lock.relative_to(ROOT)} names an address ({found[0]}): make it with `make lock`"


def _unlocked() -> Iterator[str]:
    """Find requirements that the lock does not fulfil, and pins without a hash."""
    for level in LEVELS:
        pins = _pins(level)
        for requirement in _required(level):
            versions = pins.get(canonicalize_name(requirement.name), set())
            if not any(requirement.specifier.contains(version, prereleases=True) for version in versions):
                yield f"requirements/{level}.txt has no {requirement}: run `make lock`"
        text = (REQUIREMENTS / f"{level}.txt").read_text()
        for block in re.split(r"\n(?=\S)", text.strip()):
            if "--hash=sha256:" not in block:
                yield f"requirements/{level}.txt pins {block.splitlines()[0]} without a hash"


def _apart() -> Iterator[str]:
    """Find packages that two locks pin differently: one environment must serve both."""
    for smaller, larger in (("run", "local"), ("local", "dev"), ("dev", "bench")):
        pins = _pins(larger)
        for name, versions in _pins(smaller).items():
            if not versions <= pins.get(name, set()):
                yield f"requirements/{larger}.txt and {smaller}.txt differ about {name}: run `make lock`"


def _required(level: str) -> Iterator[Requirement]:
    for line in (REQUIREMENTS / f"{level}.in").read_text().splitlines():
        if included := re.fullmatch(r"-r (\w+)\.in", line):
            yield from _required(included[1])
        elif line and not line.startswith("#"):
            yield Requirement(line)


def _pins(level: str) -> dict[str, set[str]]:
    """Return the versions of each package; a universal lock may have one for each platform."""
    pins: dict[str, set[str]] = {}
    for name, version in re.findall(
        r"^([\w.-]+)(?:\[[^]]*\])?==([^\s;]+)", (REQUIREMENTS / f"{level}.txt").read_text(), re.MULTILINE
    ):
        pins.setdefault(canonicalize_name(name), set()).add(version)
    return pins


if __name__ == "__main__":
    sys.exit(main())
