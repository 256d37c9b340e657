"""The pages without a mouse: everything is reached, done, and seen to be reached."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, expect
from support.browser import PHONE, Visit, visiting
from support.conditions import PATIENCE
from support.running_server import Running
from support.scripted_model import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="session")

MOST_STEPS = 40
OUTLINED = """() => {
  const style = getComputedStyle(document.activeElement);
  const around = getComputedStyle(document.activeElement.closest("label, form") ?? document.body);
  return style.outlineStyle !== "none" || around.outlineStyle !== "none" || around.boxShadow !== "none";
}"""

HOLD_PICTURES = """() => {
  const [waiting, next] = [[], requestAnimationFrame];
  window.requestAnimationFrame = (draw) => waiting.push(draw);
  return () => {
    window.requestAnimationFrame = next;
    for (const draw of waiting) next(draw);
  };
}"""


@asynccontextmanager
async def one_picture(visit: Visit) -> AsyncIterator[None]:
    """Draw nothing of the reply to what is done until it is over, and then all at once."""
    page, over = visit.page, asyncio.Event()

    def received(frame: bytes | str) -> None:
        if isinstance(frame, str) and "run_finished" in frame:
            over.set()

    page.on("websocket", lambda socket: socket.on("framereceived", received))
    await page.reload()
    await visit.state("Connected")
    over.clear()
    draw = await page.evaluate_handle(HOLD_PICTURES)
    yield
    async with asyncio.timeout(PATIENCE):
        await over.wait()
    await draw.evaluate("(draw) => draw()")


async def reach(page: Page, name: str, key: str = "Tab") -> None:
    """Press Tab until what has this name, as a screen reader says it, has the focus."""
    for _ in range(MOST_STEPS):
        await page.keyboard.press(key)
        focused = page.locator(":focus")
        if await focused.count() and name in await focused.aria_snapshot():
            assert await page.evaluate(OUTLINED)
            return
    pytest.fail(f"Tab does not reach {name!r}")


async def test_a_conversation_by_keyboard_alone(
    browser: Browser, server: Running, upstream: Upstream
):
    """Talk, look why, ask again, end, rate, rename and search without touching a mouse.

    Where what had the focus goes away, the box has it.
    """
    upstream.say("First.")
    upstream.say("Second.")
    async with visiting(browser, server.url) as visit:
        page, keys = visit.page, visit.page.keyboard
        await expect(page.locator("#say")).to_be_focused()
        await keys.type("Write a function")
        await keys.press("Shift+Enter")
        await keys.type("in Python")
        await keys.press("Enter")
        reply = await visit.finished()
        await expect(page.locator("article.user .body")).to_have_text("Write a function\nin Python")
        await expect(page.locator("#say")).to_be_focused()
        await reach(page, "Answer again", "Shift+Tab")
        await keys.press("Enter")
        await expect(visit.reply().locator(".body")).to_have_text("Second.")
        await expect(page.locator("#say")).to_be_focused()
        await reach(page, "Code assistant", "Shift+Tab")
        await keys.press("Enter")
        await expect(reply.locator(".panel")).to_be_visible()
        await page.locator("#say").focus()
        await reach(page, 'button "More for this conversation"', "Shift+Tab")
        await keys.press("Enter")
        await reach(page, "Rename")
        await keys.press("Enter")
        await keys.type("By keyboard")
        await keys.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("By keyboard")
        await page.locator("#say").focus()
        await reach(page, 'button "End"', "Shift+Tab")
        await keys.press("Enter")
        await expect(page.locator(".ending")).to_be_visible()
        await expect(page.locator("#spoken")).to_contain_text("The conversation has ended.")
        await expect(page.locator("#say")).to_be_focused()
        await reach(page, "radio", "Shift+Tab")
        await keys.press("ArrowLeft")
        await expect(page.locator("#sessions .told")).to_contain_text("of 5")
        await keys.press("Control+k")
        await expect(page.get_by_role("searchbox")).to_be_focused()
        await keys.type("second")
        await expect(page.get_by_role("link", name="Second.")).to_be_visible()
        await reach(page, "Second.")
        await keys.press("Enter")
        await expect(page.locator("article.assistant")).to_be_focused()


async def test_the_box_has_the_focus_after_a_reply_that_begins_and_ends_in_one_picture(
    browser: Browser, server: Running, upstream: Upstream
):
    """The button that had it is below the new reply at once: moved, and never hidden."""
    upstream.say("First.")
    upstream.say("Second.")
    async with visiting(browser, server.url) as visit:
        await visit.say("Hello")
        await visit.finished()
        async with one_picture(visit):
            await visit.page.get_by_role("button", name="Answer again").press("Enter")
            await expect(visit.reply().locator(".body")).to_have_text("First.")
        await expect(visit.reply().locator(".body")).to_have_text("Second.")
        await expect(visit.page.locator("#say")).to_be_focused()


async def test_escape_stops_a_reply(browser: Browser, server: Running, upstream: Upstream):
    """Escape gives up an edit, and then ends the reply in progress; not while a character is composed."""
    upstream.say("Half.", " Whole.", paused_at=1)
    async with visiting(browser, server.url) as visit:
        page, box = visit.page, visit.page.locator("#say")
        await visit.say("Tell me about Lyon")
        await expect(visit.reply().locator(".body")).to_have_text("Half.")
        await page.get_by_role("button", name="Edit your last message").click()
        await box.fill("Tell me about Tokyo")
        for composing in (True, False):
            await box.dispatch_event("keydown", {"key": "Escape", "isComposing": composing})
            await expect(box).to_have_value("Tell me about Tokyo" if composing else "")
        await expect(page.locator("#stop")).to_be_visible()
        await box.dispatch_event("keydown", {"key": "Escape", "isComposing": True})
        await expect(page.locator("#stop")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(await visit.finished()).to_contain_text("Stopped by you")


async def test_the_first_tab_skips_to_the_message_box(browser: Browser, server: Running):
    """The first thing reached from the top is the way past the list; the connection stays."""
    async with visiting(browser, server.url) as visit:
        page = visit.page
        await visit.state("Connected")
        sockets: list[str] = []
        page.on("websocket", lambda socket: sockets.append(socket.url))
        await page.locator(".skip").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#say")).to_be_focused()
        await expect(page).to_have_url(re.compile("#say$"))
        assert await page.evaluate("new Promise((done) => setTimeout(() => done(1)))")
        assert sockets == []


async def test_the_list_on_a_phone_takes_and_gives_back_the_focus(
    browser: Browser, server: Running
):
    """The list that covers a phone holds the focus until Escape gives it back."""
    async with visiting(browser, server.url, viewport=PHONE) as visit:
        page = visit.page
        await expect(page.get_by_role("searchbox")).to_be_hidden()
        opener = page.get_by_role("button", name="Conversations")
        await opener.press("Enter")
        await expect(page.get_by_role("searchbox")).to_be_focused()
        for _ in range(6):
            await page.keyboard.press("Tab")
            assert await page.evaluate(
                "!document.getElementById('main').contains(document.activeElement)"
            )
        await page.keyboard.press("Escape")
        await expect(opener).to_be_focused()
