"""A real browser for the tests of the pages, and a server with a scripted model to open them on."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright
from support.browser import CHROMIUM, launch
from support.running_server import Running, serving
from support.scripted_model import Upstream

INSTALLED = Path(__file__).parent / "node_modules"
SUMMARY = {
    "summary": "The person asked for a merge of two sorted lists, and got one.",
    "topics": ["sorted lists", "python"],
    "sentiment": "positive",
    "outcomes": ["A merge function was written."],
}


def missing(what: str, install: str) -> None:
    """Skip on a person's machine with the command that installs it; fail in CI."""
    reason = f"{what} is missing. Install it with: {install}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium with new and empty profiles."""
    if CHROMIUM is None:
        missing("Chromium", "apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await launch(playwright)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def modules() -> Path:
    """What npm installed here."""
    if not INSTALLED.is_dir():
        missing("axe-core or AsyncAPI's parser", "npm ci --prefix tests/pages")
    return INSTALLED


@pytest_asyncio.fixture(loop_scope="session")
async def upstream() -> AsyncIterator[Upstream]:
    """A model that says what it is told to, and sums up as `SUMMARY`."""
    async with Upstream() as upstream:
        upstream.answer = SUMMARY
        yield upstream


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path, upstream: Upstream) -> AsyncIterator[Running]:
    """A server on that model."""
    async with serving(
        tmp_path / "genpy.db", GENPY_LLM_URL=upstream.url, GENPY_LLM_MODEL="scripted"
    ) as running:
        yield running
