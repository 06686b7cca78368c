"""`make demo` against a running system, and against none."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.senders import whatsapp, whatsapp_text
from tests.support.system import System
from tests.support.waiting import eventually


async def _start(data: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "deploy.demo",
        *arguments,
        env={"PATH": os.environ["PATH"], "LEADLINE_DATA": str(data)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def _end(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    output, _ = await asyncio.wait_for(process.communicate(), 180)
    return process.returncode, output.decode()


@pytest.fixture(scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """A running system that nobody else sends anything to."""
    system = await System(tmp_path_factory.mktemp("demo") / "data").start()
    yield system
    await system.stop()


async def test_demo_balances_and_finds_what_it_did_not_send(system: System) -> None:
    """The hour balances in a fresh system; in the next one, a message of somebody else is noticed and named.

    That a lead of the first hour was deleted is none of the second one's business.
    """
    code, output = await _end(await _start(system.data, "--seconds", "3"))
    assert 0 == code, output
    assert "Everything balances" in output
    assert "numbers are 1 to 52, without a gap" in output
    assert "and no other: 52 for 52" in output
    assert "2 of 2 files that people sent were fetched and kept" in output
    assert "connected accounts: Main line connected, Vereda's page connected" in output
    assert 204 == (await system.ask("leads", "DELETE", "/rest/leads/7")).status_code

    received = (await system.summary())["received"]
    process = await _start(system.data, "--seconds", "3", "--quiet", "--seed", "8")

    async def has_begun() -> bool:
        return (await system.summary())["received"] > received

    await eventually(has_begun, within=60)
    stranger = whatsapp_text("4915550000017", f"wamid.{uuid4().hex}", "Is anybody there?")
    assert 200 == (await system.deliver("whatsapp", whatsapp(stranger))).status_code
    code, output = await _end(process)
    assert 1 == code, output
    assert "new: 52 expected from what was sent, 53 counted by the system" in output
    assert "leads of nobody we know: LEAD-" in output
    assert re.search(r"numbers are 5\d to 105, without a gap", output), output
    assert "and no other: 52 for 52" in output


async def test_without_a_system_it_says_what_to_do(tmp_path: Path) -> None:
    """Where nothing runs, one sentence says how to start it."""
    code, output = await _end(await _start(tmp_path / "nothing"))
    assert 1 == code
    assert (
        "No Leadline runs here. Start it with `make run` in another terminal, then `make demo` in this one.\n" == output
    )
