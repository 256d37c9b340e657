"""The box that a person writes in: what is written there is neither lost nor sent by accident."""

import pytest
from playwright.async_api import Browser, expect
from support.browser import PHONE, visiting
from support.running_server import Running
from support.scripted_model import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_drafts_are_kept_for_each_conversation(browser: Browser, server: Running):
    """What is written stays with its conversation through another one and a reload.

    Also where something else that the tab keeps cannot be read.
    """
    async with visiting(browser, server.url, "/?session=one") as visit:
        page, box = visit.page, visit.page.locator("#say")
        await box.fill("about one")
        await page.get_by_role("button", name="New conversation").click()
        await expect(box).to_have_value("")
        await box.fill("about another")
        await page.go_back()
        await expect(box).to_have_value("about one")
        await page.evaluate("sessionStorage.setItem('genpy-outbox:one', '{')")
        await page.reload()
        await visit.state("Connected")
        await expect(box).to_have_value("about one")
        await page.go_forward()
        await expect(box).to_have_value("about another")


async def test_a_refused_message_is_taken_back(
    browser: Browser, server: Running, upstream: Upstream
):
    """A message over the limit says why, is discarded, or returns to the box before what is there.

    A long line that wraps makes the box higher, up to a bound. Enter that ends a composition does
    not send, also where only its key code says so.
    """
    upstream.say("Fine.")
    async with visiting(browser, server.url) as visit:
        page, box = visit.page, visit.page.locator("#say")
        await visit.state("Connected")
        await box.fill("にほんご")
        for event in ({"isComposing": True}, {"keyCode": 229}):
            await box.dispatch_event("keydown", {"key": "Enter", "bubbles": True, **event})
        await expect(box).to_have_value("にほんご")
        await expect(page.locator("article")).to_have_count(0)
        heights = []
        for words in (1, 60, 5_000):
            await box.fill("word " * words)
            heights.append((await box.bounding_box() or {})["height"])
        assert heights[0] < heights[1] < heights[2] < 800 * 0.45
        await visit.say("y" * 200_001)
        await expect(page.locator(".pending .note")).to_contain_text("at most 200,000")
        await expect(page.locator("#spoken")).to_contain_text("Not sent. A message has at most")
        await page.get_by_role("button", name="Discard").click()
        await expect(page.locator(".pending")).to_have_count(0)
        await visit.say("x\n" * 9 + "y" * 200_001)
        await expect(page.locator(".pending .body")).to_have_text("x\nx\nx…", use_inner_text=True)
        await page.get_by_role("button", name="Discard").click()
        await visit.say("x" * 200_001)
        await expect(page.locator(".pending .body")).to_have_text(f"{'x' * 200}…")
        await box.fill("more")
        await page.get_by_role("button", name="Take back to edit").click()
        await expect(page.locator(".pending")).to_have_count(0)
        text = await box.input_value()
        assert text == f"{'x' * 200_001}\n\nmore"
        await visit.say("Short")
        await visit.finished()


async def test_a_conversation_deleted_elsewhere_takes_no_more(
    browser: Browser, server: Running, upstream: Upstream
):
    """Its box is closed and says why; the text in it can be copied, and another one is open again."""
    upstream.say("Yes.")
    async with visiting(browser, server.url, "/?session=gone") as visit:
        page, box = visit.page, visit.page.locator("#say")
        await visit.say("Is it here?")
        await visit.finished()
        await visit.context.request.delete(f"{server.url}/api/session/gone")
        await visit.state("deleted")
        await expect(box).not_to_be_editable()
        await expect(box).to_have_attribute("placeholder", "This conversation was deleted.")
        await page.get_by_role("button", name="Answer again", exact=True).click()
        await expect(page.get_by_role("alert")).to_contain_text("deleted")
        await page.get_by_role("button", name="New conversation").click()
        await expect(box).to_be_editable()


async def test_a_conversation_deleted_in_mid_reply_is_over(
    browser: Browser, server: Running, upstream: Upstream
):
    """What came stays and is marked, nothing of it can be stopped or ended, and the list has it no more."""
    gate = upstream.say("Half. ", "Whole.", paused_at=1)
    async with visiting(browser, server.url, "/?session=gone") as visit:
        page = visit.page
        await visit.say("Go")
        await expect(visit.reply().locator(".body")).to_have_text("Half. ")
        await page.get_by_role("button", name="Edit your last message").click()
        await visit.context.request.delete(f"{server.url}/api/session/gone")
        reply = await visit.finished()
        await expect(reply.locator(".note")).to_contain_text("deleted")
        await expect(reply.locator(".body")).to_have_text("Half. ")
        for hidden in ("#stop", "#end", "#more", "#editing"):
            await expect(page.locator(hidden)).to_be_hidden()
        await expect(page.locator("#sessions a")).to_have_count(0)
        gate.set()


async def test_enter_on_a_phone_begins_a_line(
    browser: Browser, server: Running, upstream: Upstream
):
    """Where the keyboard is on the screen, Enter begins a line and the button sends."""
    upstream.say("Yes.")
    async with visiting(
        browser, server.url, viewport=PHONE, has_touch=True, is_mobile=True
    ) as visit:
        box = visit.page.locator("#say")
        await visit.state("Connected")
        await box.fill("One")
        await box.press("Enter")
        await box.press_sequentially("Two")
        await expect(box).to_have_value("One\nTwo")
        await visit.page.get_by_role("button", name="Send", exact=True).tap()
        await visit.finished()
        await expect(visit.page.locator("article.user .body")).to_have_text("One\nTwo")


async def test_a_model_and_a_kind_of_help_are_chosen(
    browser: Browser, server: Running, upstream: Upstream
):
    """Both are those of the server: a kind of help is the reply's, a model the conversation's, in every tab.

    What one tab says and hears, another on the same address sees as it happens.
    """
    gate = upstream.say("Half. ", "Whole.", paused_at=1)
    async with visiting(browser, server.url, "/?session=one") as visit:
        modes = (await (await visit.context.request.get(f"{server.url}/api/modes")).json())["modes"]
        help_ = visit.page.get_by_label("Kind of help")
        await expect(help_.locator("option")).to_have_text(
            ["Help: automatic", *(mode["label"] for mode in modes)]
        )
        await help_.select_option(modes[-1]["name"])
        choice = visit.page.get_by_label("Model", exact=True)
        name = await choice.locator("option").nth(1).get_attribute("value")
        other = await visit.context.new_page()
        await other.goto(visit.page.url)
        await visit.state("Connected", other)
        await visit.say("First")
        await expect(other.locator("article.user .body")).to_have_text("First")
        await expect(visit.reply(other).locator(".body")).to_have_text("Half. ")
        gate.set()
        for page in (visit.page, other):
            reply = await visit.finished(page)
            await expect(reply.locator(".body")).to_have_text("Half. Whole.")
            await expect(reply.locator(".chip summary")).to_have_text(modes[-1]["label"])
        await choice.select_option(name)
        await expect(other.get_by_label("Model", exact=True)).to_have_value(name or "")
        await visit.say("Second")
        await expect(visit.page.locator("article.assistant")).to_have_count(2)
        await visit.finished()
        await other.reload()
        await expect(other.get_by_label("Model", exact=True)).to_have_value(name or "")
    asked = [one["body"] for one in upstream.requests if one["body"].get("stream")]
    assert str(name).endswith(asked[-1]["model"])


async def test_a_name_that_cannot_be_one_gets_a_sentence(browser: Browser, server: Running):
    """An address with an impossible name opens a new conversation and says why.

    So does the number of a message that can be none, or is one of no conversation.
    """
    async with visiting(browser, server.url) as visit:
        page = visit.page
        none, unknown = "is not a name", "is not the number"
        for address, why in (
            *((f"session={name}", none) for name in (".", "..", "a/b")),
            ("session=a&message=1e99", unknown),
            ("message=5", "Message 5 of which conversation?"),
        ):
            await page.goto(f"/?{address}")
            await expect(page.get_by_role("alert")).to_contain_text(why)
            await visit.state("Connected")


async def test_a_browser_that_keeps_nothing(browser: Browser, server: Running, upstream: Upstream):
    """Where storage is blocked or full, drafts, themes and messages live until the page is left."""
    upstream.say("Yes.")
    blocked = """for (const name of ["localStorage", "sessionStorage"]) {
      Object.defineProperty(window, name, { get() { throw new DOMException("", "SecurityError"); } });
    }"""
    async with visiting(browser, server.url, "/?session=one") as visit:
        page = visit.page
        await visit.context.add_init_script(blocked)
        await page.reload()
        await visit.say("Hello")
        await visit.finished()
        await page.fill("#say", "a draft")
        await page.get_by_role("button", name="New conversation").click()
        await expect(page.locator("#say")).to_have_value("")
        await page.locator("#sessions a").click()
        await expect(page.locator("#say")).to_have_value("")  # its address names it by number
        await page.go_back()
        await page.go_back()
        await expect(page.locator("#say")).to_have_value("a draft")
        await page.locator(".theme").click()
        await expect(page.locator("html")).to_have_attribute("data-theme", "light")
