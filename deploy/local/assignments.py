"""Settings as lines that a shell can source: `export NAME=value`."""

import shlex
from collections.abc import Mapping
from pathlib import Path


def read_assignments(path: Path) -> dict[str, str]:
    """Read what `write_assignments` wrote; a file that is not there holds nothing."""
    if not path.exists():
        return {}
    words = [word for word in shlex.split(path.read_text()) if word != "export"]
    return dict(word.split("=", 1) for word in words)


def write_assignments(path: Path, settings: Mapping[str, str]) -> None:
    """Write settings at once, readable by us alone."""
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    unfinished.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items()))
    unfinished.replace(path)
