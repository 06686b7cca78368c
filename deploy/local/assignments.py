"""Settings as lines that a shell can source: `export NAME='value'`."""

from collections.abc import Mapping
from pathlib import Path


def read_assignments(path: Path) -> dict[str, str]:
    """Read what `write_assignments` wrote; a file that is not there holds nothing."""
    if not path.exists():
        return {}
    pairs = [line.removeprefix("export ").split("=", 1) for line in path.read_text().splitlines()]
    return {name: value.strip("'") for name, value in pairs}


def write_assignments(path: Path, settings: Mapping[str, str]) -> None:
    """Write settings at once, readable by us alone; no value may hold a quote or a line end."""
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    unfinished.write_text("".join(f"export {name}='{value}'\n" for name, value in settings.items()))
    unfinished.replace(path)
