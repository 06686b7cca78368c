"""Where things are in the clone."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
# Fetched once per clone, shared by every stack, never data: safe to delete.
CACHE: Final = ROOT / ".cache" / "kafka"
LOCK: Final = Path(__file__).with_name("jgo.lock.toml")
