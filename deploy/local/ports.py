"""The ports that the embedded servers listen on."""

import random
import socket
from dataclasses import dataclass
from typing import Final, Self

from deploy.local.errors import PortTaken

LOOPBACK: Final = "127.0.0.1"
# Below the kernel's range for outgoing connections, one of which could take a stopped server's port.
_FREE_RANGE: Final = range(20_000, 32_000)


@dataclass(frozen=True, slots=True)
class Ports:
    """One port per server; Kafka's controller takes the one after Kafka's."""

    postgres: int = 15432
    valkey: int = 16379
    kafka: int = 19092

    @classmethod
    def free(cls) -> Self:
        """Choose ports that nobody listens on now, for a stack that runs beside others."""
        kafka = free_port(also_next=True)
        taken = {kafka, kafka + 1}
        postgres = free_port(excluding=taken)
        return cls(postgres, free_port(excluding=taken | {postgres}), kafka)


def is_free(port: int) -> bool:
    """Tell whether nobody listens on a port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port(*, also_next: bool = False, excluding: set[int] | None = None) -> int:
    """Choose a port that nobody listens on now, outside the range of outgoing connections."""
    while True:
        port = random.choice(_FREE_RANGE)
        if port in (excluding or ()):
            continue
        if is_free(port) and (not also_next or is_free(port + 1)):
            return port


def require_free(port: int, owner: str, setting: str) -> None:
    """Raise `PortTaken`, naming the setting to change, unless a port can be bound.

    Binding is the only honest test: a connection would succeed against the stranger.
    """
    if not is_free(port):
        raise PortTaken(owner, port, setting)
