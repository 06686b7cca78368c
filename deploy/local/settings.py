"""What can be set for the embedded stack, all by the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from deploy.local.errors import LaunchError
from deploy.local.places import ROOT
from deploy.local.ports import Ports
from deploy.local.servers import EMBEDDED, KAFKA, POSTGRES, VALKEY


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """Where the data is, which ports are ours, and which servers are somebody else's."""

    data: Path
    ports: Ports
    smtp_port: int
    graph_port: int
    given: dict[str, str]

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the environment; raises `LaunchError` for a value that is no port."""
        defaults = Ports()
        return cls(
            data=ROOT / (environment.get("LEADLINE_DATA") or ".leadline"),
            ports=Ports(
                postgres=read_port(environment, "LEADLINE_POSTGRES_PORT", defaults.postgres),
                valkey=read_port(environment, "LEADLINE_VALKEY_PORT", defaults.valkey),
                kafka=read_port(environment, "LEADLINE_KAFKA_PORT", defaults.kafka),
            ),
            smtp_port=read_port(environment, "LEADLINE_SMTP_PORT", 18025),
            graph_port=read_port(environment, "LEADLINE_GRAPH_PORT", 18026),
            # A shell that has sourced a running system's settings does not mean to give servers of its own.
            given={}
            if environment.get(EMBEDDED)
            else {name: environment[name] for name in (POSTGRES, VALKEY, KAFKA) if environment.get(name)},
        )


def read_port(environment: Mapping[str, str], name: str, default: int) -> int:
    """Read a port; raises `LaunchError`, naming the setting, for a value that is none."""
    text = environment.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise LaunchError(f"{name} is {text!r}, which is no port: 1 to 65535.")
    return int(text)
