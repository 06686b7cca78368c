"""However the launcher ends, nothing is left behind and nothing is lost."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from deploy.local.ports import Ports
from deploy.local.servers import KAFKA, Servers
from tests.launcher.running import descendants, environment, lives, start
from tests.support.waiting import eventually


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_stops_all_in_good_order(ending: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C, SIGTERM and a closed terminal leave no server behind, and are no error."""
    # Kafka takes longest to start and is left out here.
    process = start("servers", environment={**environment(tmp_path, Ports.free()), KAFKA: "127.0.0.1:1"})
    servers = await _running(process, tmp_path)

    process.send_signal(ending)
    process.communicate(timeout=10)

    assert 0 == process.returncode
    assert not any(lives(pid) for pid in servers)


async def test_sigkill_leaves_no_process(tmp_path: Path) -> None:
    """After SIGKILL of the launcher all servers are gone within seconds."""
    process = start("servers", environment=environment(tmp_path, Ports.free()))
    servers = await _running(process, tmp_path)

    process.kill()
    process.communicate()

    assert len(servers) >= 3
    await eventually(lambda: not any(lives(pid) for pid in servers), within=10, what="all ended")


async def test_the_next_start_waits_for_servers_that_die(tmp_path: Path) -> None:
    """A start right after SIGKILL waits for the dying servers, takes the same ports and runs."""
    ports = Ports.free()
    first = start("servers", environment=environment(tmp_path, ports))
    await _running(first, tmp_path)
    first.kill()
    first.communicate()

    async with Servers(tmp_path, ports, durable=False) as servers:
        assert all(server.runs for server in servers.ours)


async def test_a_server_that_ends_stops_the_others(tmp_path: Path) -> None:
    """When a server ends by itself, everything stops and the server is named."""
    process = start("servers", environment=environment(tmp_path, Ports.free()))
    servers = await _running(process, tmp_path)
    [valkey] = [pid for pid in servers if b"valkey-server" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    os.kill(valkey, signal.SIGKILL)

    output, _ = process.communicate(timeout=30)
    assert 1 == process.returncode
    assert f"valkey ended with code -{int(signal.SIGKILL)}" in output
    assert not any(lives(pid) for pid in servers)


async def _running(process: "subprocess.Popen[str]", data: Path) -> set[int]:
    """Wait until the launcher's servers answer, and return their process ids."""
    await eventually((data / "environment").exists, within=60, what="the servers answer")
    return descendants(process.pid)
