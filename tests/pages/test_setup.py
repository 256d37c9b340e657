"""The first minute in a browser: without a model the page is the way to one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from pages.conftest import Clean
from playwright.async_api import Browser, expect
from support import running_server
from support.browser import Visit, visiting
from support.scripted_model import Upstream

from genpy_server import config
from genpy_server.llm import setup

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEY = "gsk_of_a_test_0123456789"
NARROW = {"width": 320, "height": 500}
CUT_OFF = """() => [...document.querySelectorAll("#setup *")]
  .filter((node) => node.scrollWidth > node.clientWidth + 1).map((node) => node.outerHTML)"""


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches the config of the person who runs it, nor servers of the machine."""
    for kind in ("CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind))
    monkeypatch.setattr(setup, "LOCAL_PROVIDERS", {})


@pytest_asyncio.fixture(loop_scope="session")
async def service() -> AsyncIterator[Upstream]:
    """A service with one model."""
    async with Upstream() as upstream:
        upstream.models = ["tiny"]
        upstream.say("Hello from the model.")
        yield upstream


@asynccontextmanager
async def first_visit(
    browser: Browser, tmp_path: Path, *, own: bool = True, **variables: str
) -> AsyncIterator[Visit]:
    """The page of a server without a model, which reads the files of the person who runs it."""
    settings = running_server.configure(tmp_path / "genpy.db", **variables)
    settings = msgspec.structs.replace(settings, folder=config.folder() if own else None)
    async with (
        running_server.running(settings) as server,
        visiting(browser, server.url) as visit,
    ):
        await visit.state("Connected")
        yield visit


async def goes_on(visit: Visit, kept: str) -> None:
    """The model is kept, and answers in the same conversation without a restart."""
    setup_ = visit.page.locator("#setup")
    await expect(setup_).to_contain_text("answers. Kept in")
    await visit.page.set_viewport_size(NARROW)
    assert await visit.page.evaluate(CUT_OFF) == []
    await expect(visit.page.locator("#model")).to_contain_text("tiny")
    await visit.say("Good morning")
    reply = await visit.finished()
    await expect(reply.locator(".body")).to_have_text("Hello from the model.")
    await expect(setup_).to_be_hidden()
    assert config.read().values["GENPY_MODEL"] == kept


async def test_a_key_for_groq(
    browser: Browser, tmp_path: Path, service: Upstream, clean: Clean
) -> None:
    """A key is typed unseen and tried; a wrong one is said, and the right one is kept."""
    service.key = KEY
    async with first_visit(browser, tmp_path, GROQ_BASE_URL=service.root) as visit:
        page = visit.page
        await expect(page.get_by_role("heading", name="Set up a model")).to_be_visible()
        await expect(page.locator("#welcome")).to_be_hidden()
        key = page.get_by_label("A key for Groq")
        assert await key.get_attribute("type") == "password"
        await key.fill("gsk_wrong_0123456789abcdef")
        use = page.get_by_role("button", name="Use this key")
        await use.press("Enter")
        said = page.locator("#setup form", has=key).locator(".setup-says")
        await expect(said).to_contain_text("refuses the key")
        await expect(use).to_be_focused()
        await clean(page)
        await page.set_viewport_size(NARROW)
        await expect(page.get_by_role("heading", name="Set up a model")).to_be_in_viewport()
        await key.fill(KEY)
        await page.get_by_role("button", name="Use this key").click()
        await goes_on(visit, "groq/tiny")
        kept = "Object.values(localStorage).concat(Object.values(sessionStorage), document.cookie)"
        assert KEY not in await page.evaluate(f"{kept}.join('') + document.body.outerHTML")
    assert config.read().values["GROQ_API_KEY"] == KEY


async def test_a_server_of_this_machine(
    browser: Browser,
    tmp_path: Path,
    service: Upstream,
    clean: Clean,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A model server that was found is one click away; of several models one is chosen."""
    service.models = ["big", "tiny"]
    monkeypatch.setattr(setup, "LOCAL_PROVIDERS", {"ollama": service.url})
    async with first_visit(browser, tmp_path) as visit:
        page = visit.page
        found = page.get_by_role("button", name="ollama on this machine, 2 models")
        await found.click()
        await page.get_by_role("button", name="Back").click()
        await found.click()
        await page.get_by_role("combobox", name="Which model?").select_option("tiny")
        await clean(page)
        await page.get_by_role("button", name="Use this model").click()
        await goes_on(visit, "ollama/tiny")


async def test_an_address(browser: Browser, tmp_path: Path, service: Upstream) -> None:
    """An address where nothing is is said; another try needs no reload; /setup leads there."""
    async with first_visit(browser, tmp_path) as visit:
        page = visit.page
        await page.fill("#say", "/setup")
        await page.press("#say", "Enter")
        await expect(page.get_by_label("A key for Groq")).to_be_focused()
        address = page.get_by_label("Or the address of another model server")
        await address.fill("http://127.0.0.1:9/v1")
        await page.get_by_role("button", name="Use this address").click()
        await expect(page.locator(".setup-says")).to_contain_text("Nothing answers there")
        await address.fill(service.url)
        await page.get_by_role("button", name="Use this address").click()
        await goes_on(visit, "own/tiny")


async def test_a_server_of_somebody_else(browser: Browser, tmp_path: Path) -> None:
    """Where a visitor may not choose the model nothing is offered, and the conversation works."""
    async with first_visit(browser, tmp_path, own=False) as visit:
        await visit.say("Hello")
        reply = await visit.finished()
        await expect(reply.locator(".body")).to_contain_text("No model is configured")
        await expect(visit.page.locator("#setup")).to_be_hidden()
