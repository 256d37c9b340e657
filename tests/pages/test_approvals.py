"""Tools that act, on the page: asked about in place, answered once, wherever that is done."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect
from support.browser import Visit, visiting
from support.running_server import Running, serving
from support.scripted_model import Upstream

from genpy_server import App, tool

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUICK = 0.3
"""Seconds in which a call must be allowed, where nobody is going to."""


@dataclass
class Site:
    """What the tool acts on."""

    deployed: list[str] = field(default_factory=list)

    def app(self) -> App:
        """An application with a tool that acts on it."""

        @tool
        async def deploy(to: str) -> str:
            """Deploy the site."""
            self.deployed.append(to)
            return f"deployed to **{to}**"

        return App(tools=[deploy])


@pytest.fixture
def site() -> Site:
    """A site where nothing was deployed."""
    return Site()


@pytest_asyncio.fixture(loop_scope="session")
async def asking(tmp_path: Path, upstream: Upstream, site: Site) -> AsyncIterator[Running]:
    """A server whose model is going to call the tool, and to say that it did."""
    upstream.call("deploy", {"to": "prod"})
    upstream.say("Deployed.")
    variables = {"GENPY_LLM_URL": upstream.url, "GENPY_LLM_MODEL": "m"}
    async with serving(tmp_path / "genpy.db", own=site.app(), **variables) as running:
        yield running


def asks(page: Page) -> Locator:
    """The question."""
    return page.locator(".asks:visible")


async def deployed(visit: Visit, page: Page) -> None:
    """Wait until the reply after the tool is there, with nothing asked any more."""
    await visit.finished(page)
    await expect(asks(page)).to_have_count(0)
    await expect(visit.reply(page).locator(".body").last).to_have_text("Deployed.")


async def test_a_tool_that_acts_is_asked_about(browser: Browser, asking: Running, site: Site):
    """A call waits with its arguments until it is allowed, once by two clicks at once.

    No browser need say that they are a double one: Firefox does not, nor does a key that is held.
    """
    async with visiting(browser, asking.url) as visit:
        await visit.say("Deploy it")
        await expect(asks(visit.page)).to_contain_text('"to": "prod"')
        assert site.deployed == []
        allow = asks(visit.page).get_by_role("button", name="Allow once")
        await allow.evaluate("button => { button.click(); button.click(); }")
        await deployed(visit, visit.page)
        await expect(visit.page.get_by_role("alert")).to_be_hidden()
        await visit.reply().locator(".tool summary", has_text="deploy").click()
        await expect(visit.reply().locator(".tool-result strong")).to_have_text("prod")
    assert site.deployed == ["prod"]


async def test_all_of_a_call_is_seen_before_it_is_allowed(
    browser: Browser, tmp_path: Path, upstream: Upstream, site: Site
):
    """No argument is cut off at any width, and a mark that is invisible or turns the direction is named.

    Stopping the reply takes the question away; the tool does not run and is stopped.
    """
    upstream.call("deploy", {"to": f"{'a-long-name.' * 20}\u202egpj.exe\u200b\n{'x' * 300}end"})
    variables = {"GENPY_LLM_URL": upstream.url, "GENPY_LLM_MODEL": "m"}
    async with (
        serving(tmp_path / "genpy.db", own=site.app(), **variables) as server,
        visiting(browser, server.url) as visit,
    ):
        page = visit.page
        await visit.say("Deploy it")
        shown = asks(page).locator(".args")
        await expect(shown).to_contain_text(r".\u{202e}gpj.exe\u{200b}\nxxx")
        await page.locator(".tool summary", has_text="deploy").click()
        await expect(page.locator(".tool .args")).to_contain_text(r"\u{202e}gpj")
        boxes = page.locator("#conversation, .asks, .asks *, .tool, .tool *")
        for width in (320, 390, 1280):
            await page.set_viewport_size({"width": width, "height": 700})
            assert await boxes.evaluate_all(CUT) == []
        await page.locator("#say").press("Escape")
        reply = await visit.finished()
        await expect(asks(page)).to_have_count(0)
        await expect(reply.locator(".tool-state")).to_have_text("stopped")
    assert site.deployed == []


CUT = """boxes => boxes.filter((box) => box.checkVisibility() && getComputedStyle(box).display !== "inline"
  && (box.scrollWidth > box.clientWidth || box.getBoundingClientRect().right > innerWidth)
).map((box) => `${box.tagName}.${box.className}`)"""


async def test_what_one_tab_answers_is_answered_in_the_other(
    browser: Browser, asking: Running, site: Site
):
    """Two tabs ask, also one that is reloaded while it waits; the first answer counts for both."""
    async with visiting(browser, asking.url) as visit:
        other = await visit.context.new_page()
        await visit.say("Deploy it")
        await expect(asks(visit.page)).to_be_visible()
        await other.goto(visit.page.url)
        await expect(asks(other)).to_contain_text('"to": "prod"')
        await visit.page.reload()
        await expect(asks(visit.page)).to_contain_text('"to": "prod"')
        await asks(other).get_by_role("button", name="Allow once").click()
        for page in (visit.page, other):
            await deployed(visit, page)
    assert site.deployed == ["prod"]


async def test_a_page_that_was_cut_off_learns_of_the_answer(
    browser: Browser, asking: Running, site: Site
):
    """A call that was answered elsewhere during a cut is not asked about after it."""
    async with visiting(browser, asking.url) as visit:
        other = await visit.context.new_page()
        await visit.say("Deploy it")
        await expect(asks(visit.page)).to_be_visible()
        await visit.page.evaluate(HOLD)
        for socket in asking.server.sockets.connections:
            socket.transport.abort()
        await visit.state("Connection lost")
        await other.goto(visit.page.url)
        await visit.state("Connected", other)
        await asks(other).get_by_role("button", name="Allow once").click()
        await deployed(visit, other)
        await visit.page.evaluate("window.hold = false")
        await deployed(visit, visit.page)
    assert site.deployed == ["prod"]


HOLD = """() => {
  const { WebSocket } = window;
  window.hold = true;
  window.WebSocket = class extends WebSocket {
    constructor(...given) {
      super(...given);
      if (window.hold) this.close();
    }
  };
}"""


async def test_a_call_is_allowed_by_keyboard(browser: Browser, asking: Running, site: Site):
    """The question is reached from the box, and what was allowed has the focus behind it."""
    async with visiting(browser, asking.url) as visit:
        await visit.say("Deploy it")
        once = asks(visit.page).get_by_role("button", name="Allow once")
        await expect(once).to_be_visible()
        for _ in range(10):
            await visit.page.keyboard.press("Shift+Tab")
            if await once.evaluate("node => node === document.activeElement"):
                break
        await visit.page.keyboard.press("Enter")
        await deployed(visit, visit.page)
        await expect(visit.page.locator(".tool summary:focus")).to_contain_text("deploy")
    assert site.deployed == ["prod"]


async def test_no_answer_is_no(browser: Browser, tmp_path: Path, upstream: Upstream, site: Site):
    """A call that nobody allows in time is refused, and the question goes away."""
    upstream.call("deploy", {"to": "prod"})
    upstream.say("Nobody allowed it.")
    variables = {"GENPY_LLM_URL": upstream.url, "GENPY_LLM_MODEL": "m"}
    limits = {"approval_seconds": QUICK}
    async with (
        serving(tmp_path / "genpy.db", own=site.app(), limits=limits, **variables) as server,
        visiting(browser, server.url) as visit,
    ):
        await visit.say("Deploy it")
        reply = await visit.finished()
        await expect(reply.locator(".body").last).to_have_text("Nobody allowed it.")
        await expect(asks(visit.page)).to_have_count(0)
        await expect(reply.locator(".tool-state")).to_have_text("failed")
    assert site.deployed == []
