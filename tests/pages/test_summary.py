"""The summary page in a real browser: what was said, counted, rated, written again, printed."""

import pytest
from playwright.async_api import Browser, expect
from support.browser import PHONE, visiting
from support.running_server import Running
from support.scripted_model import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_active_session_says_what_to_do(
    browser: Browser, server: Running, upstream: Upstream
):
    """A session without a summary says so, and is ended and summed up by a button.

    Stars set its rating, and set it again; a reload shows the last one.
    """
    upstream.say("**Yes**, and `no`.")
    async with visiting(browser, server.url, "/?session=one") as visit:
        page = visit.page
        await visit.say("Show me the stats of this conversation")
        await visit.finished()
        await page.goto("/summary/one")
        await expect(page.locator("#missing")).to_contain_text("still active")
        await page.get_by_role("button", name="End and summarise").click()
        await expect(page.locator("#summary")).to_contain_text("got one")
        await expect(page.locator("#topics li")).to_have_text(["sorted lists", "python"])
        await expect(page.locator("#sentiment")).to_have_text("Positive")
        await expect(page.locator("#outcomes li")).to_have_text(["A merge function was written."])
        numbers = page.get_by_role("figure", name="Messages").locator("dd span")
        await expect(numbers).to_have_text(["1", "1"])
        await expect(page.get_by_role("figure", name="Tools asked")).to_contain_text(
            "session stats"
        )
        await expect(page.locator("#transcript strong")).to_have_text("Yes")
        upstream.answer = {
            "summary": "Another look at it.",
            "topics": [],
            "sentiment": "neutral",
            "outcomes": [],
        }
        await page.get_by_role("button", name="Summarise again").click()
        await expect(page.locator("#summary")).to_have_text("Another look at it.")
        await expect(page.locator("#topics-part")).to_be_hidden()
        for rating in (2, 5):
            async with page.expect_response("**/rate"):
                await page.get_by_title(f"{rating} of 5").click()
        await page.reload()
        await expect(page.get_by_role("radio", name="5 of 5")).to_be_checked()


async def test_a_summary_that_could_not_be_written_says_why(
    browser: Browser, server: Running, upstream: Upstream
):
    """A completed session whose model failed shows the reason instead of an empty page.

    So does the page of a session that is not there.
    """
    upstream.say("Yes.")
    upstream.answer = {"nonsense": 1}
    async with visiting(browser, server.url, "/?session=one") as visit:
        page = visit.page
        await visit.say("Is it?")
        await visit.finished()
        await page.goto("/summary/one")
        await page.get_by_role("button", name="End and summarise").click()
        await expect(page.locator("#missing")).to_contain_text("No summary was written")
        await expect(page.get_by_role("button", name="Summarise", exact=True)).to_be_visible()
        await page.goto("/summary/nothing")
        await expect(page.get_by_role("alert")).to_contain_text("No conversation has the id")


async def test_it_is_printed_without_its_buttons(
    browser: Browser, server: Running, upstream: Upstream
):
    """On paper there is the record alone, dark on light, nothing cut off."""
    upstream.say(f"```\n{'x' * 300}\n```")
    async with visiting(browser, server.url, "/?session=one", color_scheme="dark") as visit:
        page = visit.page
        await visit.say("Is it?")
        await visit.finished()
        await page.set_viewport_size(PHONE)
        await page.emulate_media(media="print")
        assert await page.get_by_role("button").count() == 0
        cut = "node => node.scrollWidth > node.clientWidth"
        assert not await page.locator(".code pre").evaluate(cut)
        await page.goto("/summary/one")
        await expect(page.locator("#transcript .code")).to_be_visible()
        await expect(page.get_by_role("button", name="Print")).to_be_hidden()
        await expect(page.locator("#transcript pre")).to_be_visible()
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not await page.evaluate(wide)
        assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == (
            "rgb(255, 255, 255)"
        )


async def test_paper_says_what_a_link_hides(browser: Browser, server: Running):
    """An address stands behind the words that link to it, and once; what is left out is said."""
    session = "00000000-0000-4000-8000-000000000006"
    text = "https://a.example and [b](https://b.example)"
    for _ in range(120):  # many more than are asked for at once
        await server.app.store.append(server.app.settings.user, session, "user", text, title="T")
    for path in (f"/?session={session}", f"/summary/{session}"):
        async with visiting(browser, server.url, path) as visit:
            page = visit.page
            await expect(page.locator("article a[href]").last).to_be_attached()
            await page.emulate_media(media="print")
            behind = "nodes => nodes.map((one) => getComputedStyle(one, '::after').content)"
            shown = await page.locator("article").last.locator("a").evaluate_all(behind)
            assert [one == "none" for one in shown] == [True, False]
            if path.startswith("/?"):
                await expect(page.get_by_text("Earlier messages")).to_be_visible()
                left = await page.locator(".older").first.evaluate(
                    "node => getComputedStyle(node, '::after').content"
                )
                assert "left out" in left


async def test_a_long_conversation_is_printed_whole(browser: Browser, server: Running):
    """The button prints all messages; printed otherwise, the page says how many it leaves out."""
    session = "00000000-0000-4000-8000-000000000003"
    for number in range(230):
        text = f"Message {number}"
        await server.app.store.append(
            server.app.settings.user, session, "user", text, title="T" * 190
        )
    async with visiting(browser, server.url, f"/summary/{session}") as visit:
        page = visit.page
        await expect(page.locator("#transcript article")).to_have_count(200)
        assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth")
        await page.emulate_media(media="print")
        await expect(page.locator("#left-out")).to_have_text("30 earlier messages are left out.")
        await expect(page.locator("#left-out")).to_be_visible()
        await page.emulate_media(media="screen")
        await page.evaluate(PRINTED)
        await page.get_by_role("button", name="Print").click()
        await page.wait_for_function("() => window.printed")
        assert await page.evaluate("printed") == [f"Message {number}" for number in range(230)]
        assert await page.evaluate("told") == ["Reading: 200 of 230 messages…", "Print"]
        await expect(page.locator("#left-out")).to_be_hidden()


PRINTED = """() => {
  window.print = () => {
    dispatchEvent(new Event("beforeprint"));
    window.printed = [...document.querySelectorAll("#transcript .body")].map((one) => one.textContent);
  };
  window.told = [];
  const { print: pressed } = document.all;
  new MutationObserver(() => told.push(pressed.textContent)).observe(pressed, { childList: true });
}"""
