"""The launcher refuses what cannot go well, and says what to do."""

import os
import socket
from pathlib import Path

import pytest

from deploy.local.folder_lock import FolderLock
from deploy.local.ports import LOOPBACK, Ports
from tests.launcher.running import environment, refusal


async def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    """A second launcher on the same data names the process that has it, and touches nothing."""
    lock = FolderLock.take(tmp_path)

    said = await refusal("servers", environment=environment(tmp_path, Ports.free()))

    assert f"in use by process {os.getpid()}" in said
    assert {"lock"} == {path.name for path in tmp_path.iterdir()}
    lock.release()


@pytest.mark.parametrize(
    ("server", "setting", "offset"),
    [
        ("postgres", "LEADLINE_POSTGRES_PORT", 0),
        ("valkey", "LEADLINE_VALKEY_PORT", 0),
        ("kafka", "LEADLINE_KAFKA_PORT", 0),
        ("kafka", "LEADLINE_KAFKA_PORT", 1),
    ],
)
async def test_a_taken_port_is_named(server: str, setting: str, offset: int, tmp_path: Path) -> None:
    """A port that somebody else has is reported with the server that needs it and the setting to change."""
    ports = Ports.free()
    port = getattr(ports, server) + offset
    with socket.create_server((LOOPBACK, port)):
        said = await refusal("servers", environment=environment(tmp_path, ports))

    assert server in said
    assert f"port {port} " in said
    assert f"{setting}=" in said


async def test_a_services_taken_port_is_named(tmp_path: Path) -> None:
    """The ports of the services are looked at before anything starts, too."""
    with socket.create_server((LOOPBACK, 0)) as stranger:
        port = stranger.getsockname()[1]
        said = await refusal(environment={**environment(tmp_path, Ports.free()), "LEADS_PORT": str(port)})

    assert f"leads needs port {port} " in said
    assert "LEADS_PORT=" in said


async def test_a_port_that_is_none_is_named(tmp_path: Path) -> None:
    """A setting that is no port is refused by its name."""
    wrong = {**environment(tmp_path, Ports.free()), "LEADLINE_KAFKA_PORT": "ninety"}

    assert "LEADLINE_KAFKA_PORT is 'ninety'" in await refusal("servers", environment=wrong)
