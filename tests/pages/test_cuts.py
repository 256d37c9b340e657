"""What a browser keeps through reloads, cuts and a server that is killed: everything, once."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from pages.test_approvals import HOLD
from playwright.async_api import Browser, Page, WebSocketRoute, expect
from support.browser import Visit, visiting
from support.conditions import PATIENCE, eventually
from support.running_server import Running, ServerProcess
from support.scripted_model import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="session")


def cut(server: Running) -> None:
    """Cut every socket without a word, as a network does."""
    for socket in server.server.sockets.connections:
        socket.transport.abort()


async def test_a_reload_and_a_cut_in_mid_reply_cost_nothing(
    browser: Browser, server: Running, upstream: Upstream
):
    """After a reload and a cut the page gets what it missed, even between the halves of its own text."""
    gate = upstream.say("\N{GRINNING FACE} one\n\n", "two ", "three.", paused_at=2)
    async with visiting(browser, server.url) as visit:
        await visit.say("Count")
        await expect(visit.reply().locator(".body")).to_contain_text("two")
        await visit.page.reload()
        await expect(visit.reply().locator(".body")).to_contain_text("two")
        await expect(visit.page.locator("article.user .body")).to_have_text("Count")
        await visit.page.evaluate(HOLD)
        cut(server)
        await visit.state("Connection lost")
        gate.set()
        await visit.page.evaluate("window.hold = false")
        # Also where the page is back already, and the button gone.
        await visit.page.get_by_text("Try now", exact=True).dispatch_event("click")
        reply = await visit.finished()
        await expect(reply.locator(".body p")).to_have_text(["\N{GRINNING FACE} one", "two three."])
        await expect(visit.page.locator("article")).to_have_count(2)


async def test_the_list_is_asked_for_again_after_a_cut(browser: Browser, server: Running):
    """What others began while the page was cut off is listed as soon as it is back."""
    store, user = server.app.store, server.app.settings.user
    async with visiting(browser, server.url) as visit:
        page = visit.page
        await page.add_init_script(HASTE)
        await page.reload()
        await visit.state("Connected")
        await page.evaluate(HOLD)
        cut(server)
        await visit.state("Connection lost")
        session = "00000000-0000-4000-8000-000000000007"
        await store.append(user, session, "user", "Meanwhile", title="Meanwhile")
        await page.evaluate("window.hold = false")
        await expect(page.get_by_role("link", name="Meanwhile")).to_be_visible()


HASTE = """
const { setInterval } = window;
window.setInterval = (run, ms) => (ms === 10000 ? 0 : setInterval(run, ms));
"""
"""Without its look at what others did, every ten seconds."""


async def test_a_server_that_never_answers_is_said(browser: Browser, server: Running):
    """A connection that is silent is given up after half a minute, and tried again, also a used one."""
    answers, tried = False, asyncio.Event()

    def between(socket: WebSocketRoute) -> None:
        tried.set()
        if answers:
            socket.connect_to_server()

    async with visiting(browser, server.url) as visit:
        page = visit.page
        await page.clock.install()
        await page.route_web_socket("**/ws/**", between)
        await page.reload()
        async with asyncio.timeout(PATIENCE):
            await tried.wait()
        await page.evaluate(SAID)
        await page.clock.run_for(31_000)
        await said(page, "The server does not answer")
        answers = True
        await page.clock.run_for(31_000)
        await visit.state("Connected")
        answers = False
        await page.evaluate(SAID)
        await page.route("**/api/**", lambda _: None)  # never answered
        await page.clock.run_for(45_000)
        await said(page, "The server does not answer")


SAID = """() => {
  window.said = [];
  const state = document.getElementById("state");
  new MutationObserver(() => said.push(state.textContent))
    .observe(state, { childList: true, subtree: true });
}"""


async def said(page: Page, words: str) -> None:
    """Wait until the state of the connection was so since `SAID`, however shortly."""
    await page.wait_for_function("words => said.some((one) => one.includes(words))", arg=words)


async def go_offline(visit: Visit, server: Running) -> None:
    """Take the network away; cut again where the page came back before the browser knew of it."""
    await visit.context.set_offline(offline=True)

    async def is_away() -> bool:
        cut(server)
        return "No connection" in await visit.page.inner_text("#state-words")

    await eventually(is_away)


async def test_what_is_said_offline_waits_and_is_said_once(
    browser: Browser, server: Running, upstream: Upstream
):
    """A message written without a connection survives a reload and is sent when there is one."""
    upstream.say("Heard.")
    async with visiting(browser, server.url) as visit:
        await visit.state("Connected")
        await go_offline(visit, server)
        await visit.say("Are you there?")
        await visit.state("1 waiting")
        await expect(visit.page.locator(".pending")).to_contain_text("Waits for the connection")
        await visit.page.set_viewport_size({"width": 320, "height": 640})
        words = visit.page.locator("#state-words")
        assert await words.evaluate("words => words.scrollWidth <= words.clientWidth")
        await visit.context.set_offline(offline=False)
        await visit.page.reload()
        reply = await visit.finished()
        await expect(reply.locator(".body")).to_have_text("Heard.")
        await expect(visit.page.locator("article.user")).to_have_count(1)
        await expect(visit.page.locator(".pending")).to_have_count(0)


async def test_a_killed_server_loses_nothing_acknowledged(browser: Browser, tmp_path: Path):
    """After kill -9 and a new start on the same port the page goes on by itself, with what waited.

    What is on the screen of a reply whose server was killed is what the record has, then and later.
    """
    async with Upstream() as upstream:
        upstream.say("One ", "*two* ", "three.", paused_at=2)
        upstream.say("After.")
        variables = {"GENPY_LLM_URL": upstream.url, "GENPY_LLM_MODEL": "scripted"}
        process = ServerProcess(tmp_path / "genpy.db", **variables)
        await process.start()
        url = process.url

        async def kept_so_far() -> str:
            with closing(sqlite3.connect(tmp_path / "genpy.db")) as database:
                rows = database.execute("SELECT message FROM reply_journal ORDER BY position")
                return "".join(text for (text,) in rows)

        try:
            async with visiting(browser, url, "/?session=one") as visit:
                await visit.say("Count")
                await expect(visit.reply().locator(".body")).to_have_text("One two ")
                await eventually(kept_so_far)
                await process.kill()
                await visit.state("Connection lost")
                await visit.say("Go on")
                await visit.state("1 waiting")
                process = ServerProcess(
                    tmp_path / "genpy.db", GENPY_PORT=url.rpartition(":")[2], **variables
                )
                await process.start()
                await visit.state("Connected")
                bodies = visit.page.locator("article .body")
                await expect(bodies.last).to_have_text("After.")
                await visit.finished()
                answer = await visit.context.request.get(f"{url}/api/session/one/messages")
                kept = (await answer.json())["messages"][1]
                assert (kept["role"], kept["meta"]["status"]) == ("assistant", "interrupted")
                shown = kept["text"].replace("*", "").strip()
                assert shown
                assert "One two".startswith(shown)
                for _ in range(2):
                    await expect(bodies).to_have_text(["Count", shown, "Go on", "After."])
                    note = visit.page.locator("article.assistant .note:visible")
                    await expect(note).to_have_text(kept["meta"]["error"])
                    await visit.page.reload()
        finally:
            await process.kill()


async def test_a_server_that_is_away_is_told_in_words(
    browser: Browser, server: Running, upstream: Upstream
):
    """What is asked for while the server is away is refused in a sentence that says what to do."""
    upstream.say("Yes.")
    async with visiting(browser, server.url) as visit:
        await visit.say("Are you there?")
        await visit.finished()
        await go_offline(visit, server)
        await visit.page.get_by_role("button", name="Answer again").click()
        alert = visit.page.get_by_role("alert")
        await expect(alert).to_contain_text("Not connected.")
        await visit.page.get_by_role("button", name="Dismiss").click()
        await expect(alert).to_be_hidden()
        await visit.page.get_by_role("button", name="More for this conversation").click()
        await visit.page.get_by_role("button", name="Delete").click()
        await visit.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await expect(alert).to_contain_text("does not answer")
        await visit.page.get_by_role("button", name="Dismiss").click()
        for _ in range(2):  # a module that was not needed before: asked for again each time
            await visit.page.get_by_role("button", name="More for this conversation").click()
            await visit.page.get_by_role("button", name="Settings").click()
            await expect(alert).to_contain_text("does not answer")
            await visit.page.get_by_role("button", name="Dismiss").click()
        await visit.context.set_offline(offline=False)
        await visit.say("/set")
        await expect(visit.page.get_by_role("dialog")).to_be_visible()
        await visit.page.keyboard.press("Escape")
        await visit.page.route("**/memory", lambda route: route.fulfill(status=502, body="{}"))
        await visit.say("/memory")
        await expect(alert).to_contain_text("answers with 502")
