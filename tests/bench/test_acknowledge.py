"""The baselines of the acknowledge path do what they say, so that no figure beside them is a straw man's."""

import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGKILL, SIGTERM

import asyncpg
import pytest

from deploy.local import children
from deploy.local.ports import free_port
from services.intake.wiring import MIGRATIONS
from shared.kit.migrations import upgrade
from tests.bench.load import Webhooks, closed_loop
from tests.support.databases import Databases
from tests.support.waiting import eventually

SECRET = "a secret of the bench's own"


@asynccontextmanager
async def baseline(way: str, database_url: str, folder: Path) -> AsyncIterator[int]:
    """One way of the baseline in a process of its own; its port."""
    port = free_port()
    environment = {
        "PYTHONPATH": str(Path.cwd()),
        "INTAKE_WHATSAPP_APP_SECRET": SECRET,
        "INTAKE_DATABASE_URL": database_url,
    }
    command = [sys.executable, "-m", "tests.bench.baselines.idiomatic_endpoint", str(port), way]
    with (folder / "log").open("wb") as log:
        child = children.spawn(command, output=log, death_signal=SIGKILL, environment=environment)
    try:
        await eventually(lambda: answers(port), within=60, what=(folder / "log").read_text())
        yield port
    finally:
        await children.end(child, SIGTERM, 10)


def answers(port: int) -> bool:
    """Whether somebody listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(("way", "kept"), [("checking", 0), ("storing", 40), ("bare", 0)])
async def test_each_way_takes_what_is_signed_and_keeps_what_it_says(
    databases: Databases, tmp_path: Path, way: str, kept: int
) -> None:
    """Forty messages are answered 200 by each way; one keeps a row for each; those that check refuse a stranger's."""

    async def migrate(url: str) -> None:
        await upgrade(url, MIGRATIONS)

    url = await databases.from_template("intake", migrate)
    async with baseline(way, url, tmp_path) as port:
        taken = await closed_loop(port, Webhooks(SECRET), requests=40, connections=4)
        refused = await closed_loop(port, Webhooks("another secret"), requests=1, connections=1)
    assert {200: 40} == taken.statuses
    assert {200 if way == "bare" else 401: 1} == refused.statuses
    connection = await asyncpg.connect(url)
    try:
        assert kept == await connection.fetchval("SELECT count(*) FROM receipts")
    finally:
        await connection.close()
