"""A real Chromium, a running system, and a page of somebody else's on another origin."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, async_playwright

from tests.support.system import System


@pytest.fixture(scope="session")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """The whole system, as `make run` starts it."""
    system = await System(tmp_path_factory.mktemp("browser") / "data").start()
    yield system
    await system.stop()


def _chromium() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None and os.environ.get("LEADLINE_BROWSER_REQUIRED"):
        pytest.fail("there is no Chromium, and these tests must run: see deploy/local/browser")
    if found is None:
        pytest.skip("THERE IS NO CHROMIUM: apt-get install chromium")
    return found


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[BrowserContext]:
    """A browser without a past; what pages get wrong is not hidden."""
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_chromium(), args=flags)
        context = await browser.new_context()
        yield context
        await browser.close()
