"""Teaching Java once what Kafka loads, so that later starts take half the time.

After everything is ready, a scratch broker runs at the lowest priority and its classes are written to
an ahead-of-time cache beside the jars. Doing that with the real broker would make Ctrl-C take 11 s.
"""

import fcntl
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from deploy.local import children, jars, ports
from deploy.local.errors import LaunchError
from deploy.local.java import Java
from deploy.local.kafka import Kafka
from deploy.local.places import CACHE

_GENTLY: Final = ("nice", "-n", "19")


class ScratchKafka(Kafka):
    """A broker that lives for a moment, to be watched while it starts and stops."""

    def __init__(self, folder: Path, priority: Sequence[str]) -> None:
        super().__init__(folder, ports.free_port(also_next=True))
        self._priority = priority
        self.record = folder / "kafka.aotconf"

    def command(self) -> Sequence[str]:
        """Return the command that records what is loaded."""
        recording = ["-XX:AOTMode=record", f"-XX:AOTConfiguration={self.record}"]
        main = ["kafka.Kafka", str(self.folder / "server.properties")]
        return [*self._priority, *self.java.command(*main, extra=recording)]

    async def assemble(self) -> None:
        """Turn the record into the cache and give it its name; older caches go."""
        unfinished = self.record.with_suffix(".aot")
        making = [
            "-XX:AOTMode=create",
            f"-XX:AOTConfiguration={self.record}",
            f"-XX:AOTCache={unfinished}",
        ]
        code, _ = await children.run([*self._priority, *self.java.command(extra=making)])
        if code == 0:
            for old in CACHE.glob("*.aot"):
                old.unlink()
            unfinished.rename(self.java.cache)


async def train(*, gently: bool) -> None:
    """Make the cache that Kafka's next start will use, unless it exists or somebody else makes it.

    `gently` leaves the processor to everybody else, and takes longer. Harmless to cancel at any moment:
    processes are killed, and only a finished cache gets its name. A failure is no error; the next run
    tries again.
    """
    if Java(await jars.fetch()).cache.exists():
        return
    with suppress(BlockingIOError, LaunchError, OSError), _alone() as folder:
        scratch = ScratchKafka(folder, _GENTLY if gently else ())
        try:
            await scratch.start()
            # Recording happens at the end, and takes long at the lowest priority.
            await scratch.stop(patience=120)
            await scratch.assemble()
        finally:
            await scratch.kill()


@contextmanager
def _alone() -> Iterator[Path]:
    """Lend a scratch folder to one process at a time; raises BlockingIOError to the others."""
    folder = CACHE / "training"
    with (CACHE / "training.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
