"""What runs at the moment, written for whoever wants to look from outside: `<data>/state.json`."""

import json
import os
from pathlib import Path


class StateFile:
    """The process ids of everything that runs and whether all is ready; absent when nothing runs.

    `{"launcher": 1, "ready": true, "servers": {"kafka": 2, …}, "services": {"leads": 3, …}}`
    """

    def __init__(self, data: Path) -> None:
        self._path = data / "state.json"
        self._servers: dict[str, int] = {}
        self._services: dict[str, int] = {}
        self._ready = False
        self.remove()

    def servers(self, pids: dict[str, int]) -> None:
        """Note the servers."""
        self._servers = pids
        self._write()

    def service(self, name: str, pid: int) -> None:
        """Note a service that was started."""
        self._services[name] = pid
        self._write()

    def ready(self) -> None:
        """Note that every service answered that it can do its job."""
        self._ready = True
        self._write()

    def remove(self) -> None:
        """Forget everything; also what a launcher that was killed left behind."""
        self._path.unlink(missing_ok=True)

    def _write(self) -> None:
        facts = {
            "launcher": os.getpid(),
            "ready": self._ready,
            "servers": self._servers,
            "services": self._services,
        }
        unfinished = self._path.with_suffix(".new")
        unfinished.write_text(json.dumps(facts, indent=2) + "\n")
        unfinished.replace(self._path)
