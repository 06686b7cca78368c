"""What can keep the embedded stack from running, said to the person at the terminal."""

from pathlib import Path


class LaunchError(Exception):
    """The stack cannot run; the message names the cause and what to do about it."""


class PortTaken(LaunchError):
    """Somebody else listens on a port that we need."""

    def __init__(self, owner: str, port: int, setting: str) -> None:
        super().__init__(
            f"{owner} needs port {port} on 127.0.0.1, and something else already listens there. "
            f"Stop that program, or choose another port: {setting}={port + 1000} make run"
        )


class FolderInUse(LaunchError):
    """Another launcher, alive, works on the same data."""

    def __init__(self, folder: Path, pid: int) -> None:
        super().__init__(
            f"{folder} is in use by process {pid}. Stop that one first (Ctrl-C in its terminal), "
            f"or give this one a folder of its own: LEADLINE_DATA=… make run"
        )


class FetchFailed(LaunchError):
    """A file that the embedded stack is made of could not be fetched, or was not what the lock says."""


class ServerFailed(LaunchError):
    """A server ended that should be running; the message carries the end of its log."""

    def __init__(self, server: str, code: int, log: Path, last_words: str) -> None:
        super().__init__(f"{server} ended with code {code}. Its log, {log}, ends:\n{last_words}")


class ServerSilent(LaunchError):
    """A server runs but did not answer in time."""

    def __init__(self, server: str, seconds: float, log: Path) -> None:
        super().__init__(f"{server} did not answer within {seconds:.0f} s. Its log is {log}")
