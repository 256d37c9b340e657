"""A real browser for the tests of the pages, and a server with a scripted model to open them on."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, ViewportSize, async_playwright
from support.browser import CHROMIUM, DESKTOP, PHONE, launch, visiting
from support.running_server import Running, serving
from support.scripted_model import Upstream

from genpy_server.web.renderer import Renderer

Clean = Callable[..., Awaitable[None]]
Call = Callable[..., Awaitable[Any]]
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


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def _one_renderer() -> AsyncIterator[None]:
    """The servers of a module have their Markdown rendered by one process, and start none."""
    shared, ask = Renderer(), Renderer._ask

    async def ask_shared(_: Renderer, job: Any, kind: Any) -> Any:
        async with shared._lock:
            return await ask(shared, job, kind)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Renderer, "_ask", ask_shared)
        yield
    await shared.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def call(browser: Browser) -> AsyncIterator[Call]:
    """Calls a function of JavaScript with the address of the page's script, and with what is given."""
    with TemporaryDirectory() as folder:
        async with (
            serving(Path(folder) / "genpy.db") as server,
            visiting(browser, server.url) as visit,
        ):
            source = await visit.page.locator("script[src$='chat.js']").get_attribute("src")
            yield lambda function, *given: visit.page.evaluate(function, [source, *given])


@pytest.fixture(scope="session")
def modules() -> Path:
    """What npm installed here."""
    if not INSTALLED.is_dir():
        missing("axe-core or AsyncAPI's parser", "npm ci --prefix tests/pages")
    return INSTALLED


AXE = """async (rules) => {
  // Colours on their way from light to dark are no colours of the page.
  for (const change of document.getAnimations()) {
    if (change.effect.getComputedTiming().endTime < Infinity) change.finish();
  }
  const { violations } = await axe.run({ resultTypes: ["violations"], ...rules });
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target} ${failureSummary}`));
}"""
COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}
"""The rules of axe that another colour scheme can break."""


@pytest.fixture(scope="session")
def clean(modules: Path) -> Clean:
    """Checks that axe finds nothing wrong, best practices included: wide and narrow, light and dark.

    The page is left as wide as it was; `sizes` are those to look at, dark in the first of them.
    """
    axe = (modules / "axe-core" / "axe.min.js").read_text()

    async def check(page: Page, sizes: tuple[ViewportSize, ...] = (DESKTOP, PHONE)) -> None:
        before = page.viewport_size or DESKTOP
        if not await page.evaluate("'axe' in window"):
            await page.evaluate(axe)
        found: dict[str, list[str]] = {}
        for size in sizes:
            await page.set_viewport_size(size)
            for scheme, rules in (("light", {}), ("dark", COLOURS)):
                if scheme == "dark" and size is not sizes[0]:
                    continue  # colours do not depend on the width
                await page.emulate_media(color_scheme=scheme)
                if broken := await page.evaluate(AXE, rules):
                    found[f"{size['width']} {scheme}"] = broken
        await page.set_viewport_size(before)
        assert found == {}

    return check


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
