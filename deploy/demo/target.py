"""The running system: where its doors are, and the secrets that open them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from deploy.demo.errors import DemoFailed
from deploy.local.assignments import read_assignments
from deploy.local.ports import LOOPBACK
from shared.kit.settings import DEVELOPMENT_PREFIX

PORTS: Final = {"intake": 8001, "leads": 8002, "assignment": 8003, "notifier": 8004}
NOTHING_RUNS: Final = (
    "No Leadline runs here. Start it with `make run` in another terminal, then `make demo` in this one."
)
NOT_FOR_DEVELOPMENT: Final = (
    "This Leadline is not one for development: LEADLINE_SERVICE_TOKEN is a real one. The demo would fill it with"
    " invented people and mail your team about them, so nothing was sent."
)


@dataclass(frozen=True, slots=True)
class Target:
    """Addresses and secrets; `mail_folder` is where the embedded mail catcher keeps what it got.

    `graph_port` is where the system looks for the Graph API, and where the demo plays it.
    """

    urls: Mapping[str, str]
    service_token: str
    whatsapp_secret: bytes
    messenger_secret: bytes
    mail_folder: Path | None
    graph_port: int

    @classmethod
    def find(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Find what `make run` started, or what the environment names.

        Raises `DemoFailed` when there is nothing, or when it is a system that somebody works with.
        """
        running = Path(environment.get("LEADLINE_DATA") or ".leadline") / "environment"
        known = read_assignments(running) | {name: value for name, value in environment.items() if value}
        try:
            token, whatsapp, messenger = (known[name] for name in _SECRETS)
        except KeyError:
            raise DemoFailed(NOTHING_RUNS) from None
        if not token.startswith(DEVELOPMENT_PREFIX):
            raise DemoFailed(NOT_FOR_DEVELOPMENT)
        return cls(
            urls={name: _url(known, name) for name in PORTS},
            service_token=token,
            whatsapp_secret=whatsapp.encode(),
            messenger_secret=messenger.encode(),
            graph_port=_graph_port(known),
            mail_folder=Path(known["CONSOLE_MAIL_FOLDER"]) if "CONSOLE_MAIL_FOLDER" in known else None,
        )


NO_GRAPH: Final = (
    "This Leadline asks the real Graph API (INTAKE_GRAPH_URL), so nothing was sent: the demo plays one of its own on"
    " this machine. Start `make run` without LEADLINE_PUBLIC_URL."
)


def _graph_port(known: Mapping[str, str]) -> int:
    parts = urlsplit(known.get("INTAKE_GRAPH_URL", ""))
    if parts.hostname != LOOPBACK or parts.port is None:
        raise DemoFailed(NO_GRAPH)
    return parts.port


_SECRETS: Final = ("LEADLINE_SERVICE_TOKEN", "INTAKE_WHATSAPP_APP_SECRET", "INTAKE_MESSENGER_APP_SECRET")


def _url(known: Mapping[str, str], name: str) -> str:
    port = known.get(f"{name.upper()}_PORT") or PORTS[name]
    return (known.get(f"LEADLINE_{name.upper()}_URL") or f"http://127.0.0.1:{port}").rstrip("/")
