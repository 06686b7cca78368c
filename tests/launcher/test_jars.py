"""Kafka's jars are what the lock says, or they are not used."""

import shutil
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from deploy.local import jars
from deploy.local.errors import FetchFailed
from deploy.local.places import CACHE


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A copy of the fetched jars."""
    await jars.fetch()
    return Path(shutil.copytree(CACHE / "jars", tmp_path / "jars"))


@pytest.fixture
def mirror(httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HTTPServer:
    """A company's mirror, made known by jgo's own configuration."""
    configuration = tmp_path / "jgo.conf"
    configuration.write_text(f"[repositories]\ncentral = {httpserver.url_for('/maven')}\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(configuration))
    return httpserver


async def test_a_damaged_jar_is_fetched_again(folder: Path, mirror: HTTPServer) -> None:
    """A jar that differs from the lock is replaced by the right one, from the mirror."""
    jar = jars.locked()[1]
    right = (folder / jar.name).read_bytes()
    (folder / jar.name).write_bytes(right[:-1])
    mirror.expect_oneshot_request(f"/maven/{jar.path}").respond_with_data(right)

    paths = await jars.fetch(folder)

    assert right == (folder / jar.name).read_bytes()
    assert len(jars.locked()) == len(paths)


async def test_a_jar_that_is_not_the_locked_one_is_refused(
    folder: Path, mirror: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mirror that serves something else is an error that names the file, and nothing is kept."""
    monkeypatch.setattr(jars, "ATTEMPTS", 1)
    jar = jars.locked()[1]
    (folder / jar.name).unlink()

    def other(request: Request) -> Response:
        return Response(b"something else")

    mirror.expect_request(f"/maven/{jar.path}").respond_with_handler(other)

    with pytest.raises(FetchFailed, match=jar.name):
        await jars.fetch(folder)

    assert not (folder / jar.name).exists()
