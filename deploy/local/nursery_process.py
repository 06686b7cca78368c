"""The process that imports every service once and then forks them; it also starts again what ends.

Five interpreters importing the same libraries at once would take both cores from Kafka's start; one
does it in a second, and its memory is shared. It has no loop and no thread, so that forking is safe.
The launcher speaks to it in lines of JSON over a socket (`nursery.py` is the other end).
"""

import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from deploy.local.backoff import Backoff
from deploy.local.children import die_with_parent

STOP_PATIENCE: Final = 10.0
PREPARATION: Final = "prepare"


@dataclass(slots=True)
class Resident:
    """One process to keep running: its module's `main`, where its output goes, and how it fares."""

    main: Callable[[], None]
    output: int
    backoff: Backoff = field(default_factory=Backoff)
    pid: int = 0
    started: float = 0.0
    due: float | None = None


class Nursery:
    """The residents, and the loop that waits for the launcher's word, an end, or a due start."""

    def __init__(self, control: socket.socket, residents: Mapping[str, Resident], output: int) -> None:
        self._control = control
        self._incoming = b""
        self._residents = residents
        self._output = output
        self._preparing = 0
        self._stopping = False

    def run(self) -> None:
        """Serve until told to stop, or until the launcher is gone."""
        selector = selectors.DefaultSelector()
        ends, wake = socket.socketpair()
        for end in (ends, wake):
            end.setblocking(False)
        signal.set_wakeup_fd(wake.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        selector.register(self._control, selectors.EVENT_READ)
        selector.register(ends, selectors.EVENT_READ)
        self._tell("imported")
        while not self._stopping:
            for key, _ in selector.select(self._until_next_start()):
                if key.fileobj is ends:
                    ends.recv(4096)
                else:
                    self._listen()
            self._bury()
            self._start_the_due()
        self._stop()

    def _tell(self, event: str, **facts: Any) -> None:
        self._control.sendall(json.dumps({"event": event, **facts}).encode() + b"\n")

    def _listen(self) -> None:
        received = self._control.recv(1 << 16)
        self._stopping = self._stopping or not received
        *lines, self._incoming = (self._incoming + received).split(b"\n")
        for line in lines:
            command = json.loads(line)
            match command["do"]:
                case "prepare":
                    os.environ.update(command["environment"])
                    self._preparing = self._fork(_prepare, self._output)
                case "open":
                    for resident in self._residents.values():
                        resident.due = time.monotonic()
                case "stop":
                    self._stopping = True

    def _until_next_start(self) -> float | None:
        dues = [resident.due for resident in self._residents.values() if resident.due is not None]
        return max(0.0, min(dues) - time.monotonic()) if dues else None

    def _start_the_due(self) -> None:
        now = time.monotonic()
        for name, resident in self._residents.items():
            if resident.due is not None and resident.due <= now and not self._stopping:
                resident.pid = self._fork(resident.main, resident.output)
                resident.started, resident.due = now, None
                self._tell("started", name=name, pid=resident.pid)

    def _bury(self) -> None:
        while (ended := _next_ended()) is not None:
            pid, code = ended
            if pid == self._preparing:
                self._tell("prepared", code=code)
            for name, resident in self._residents.items():
                if resident.pid == pid:
                    resident.pid = 0
                    pause = resident.backoff.after_running(time.monotonic() - resident.started)
                    resident.due = time.monotonic() + pause
                    self._tell("ended", name=name, code=code, pause=pause)

    def _stop(self) -> None:
        """Ask every child to end and wait; what still runs after ten seconds is killed."""
        deadline = time.monotonic() + STOP_PATIENCE
        living = {resident.pid for resident in self._residents.values()} | {self._preparing}
        living.discard(0)
        _signal_all(living, signal.SIGTERM)
        while living:
            if (ended := _next_ended()) is not None:
                living.discard(ended[0])
            elif time.monotonic() > deadline:
                _signal_all(living, signal.SIGKILL)
                deadline = float("inf")
            else:
                time.sleep(0.01)
            if not _any_child():
                return

    def _fork(self, main: Callable[[], None], output: int) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become(main, output, parent)
        return pid

    def _become(self, main: Callable[[], None], output: int, parent: int) -> NoReturn:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
            die_with_parent(signal.SIGKILL, parent)
            self._control.close()
            os.dup2(output, 1)
            os.dup2(output, 2)
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
        except KeyboardInterrupt:
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            # Not sys.exit: the stack below this frame belongs to the nursery.
            os._exit(code)


def _prepare() -> None:
    prepare = importlib.import_module("deploy.prepare")
    prepare.main()


def _next_ended() -> tuple[int, int] | None:
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, os.waitstatus_to_exitcode(status)) if pid else None


def _any_child() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _signal_all(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def main(arguments: list[str]) -> None:
    """Import what `NAME=MODULE:DESCRIPTOR …` says, then serve the launcher's socket."""
    control, output = int(arguments[0]), int(arguments[1])
    # Ctrl-C and SIGTERM are the launcher's to hear: it stops us by the socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    residents: dict[str, Resident] = {}
    for argument in arguments[2:]:
        name, module, descriptor = argument.replace("=", ":").split(":")
        residents[name] = Resident(importlib.import_module(module).main, int(descriptor))
    importlib.import_module("deploy.prepare")
    gc.collect()
    # What was imported is never collected, so that the children keep sharing it.
    gc.freeze()
    with socket.socket(fileno=control) as connection:
        Nursery(connection, residents, output).run()


if __name__ == "__main__":
    main(sys.argv[1:])
