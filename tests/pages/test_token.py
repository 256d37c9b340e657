"""A server that asks for a token, seen from a browser."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect
from support.browser import visiting
from support.running_server import serving
from support.scripted_model import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOKEN = "a-token-that-is-long-enough"


async def test_the_token_is_asked_for_once_and_kept_for_the_tab(
    browser: Browser, tmp_path: Path, upstream: Upstream
):
    """A wrong token is asked for again; the right one serves reloads, and no other tab."""
    upstream.say("Welcome.")
    variables = {"GENPY_LLM_URL": upstream.url, "GENPY_LLM_MODEL": "m", "GENPY_TOKEN": TOKEN}
    async with (
        serving(tmp_path / "genpy.db", **variables) as server,
        visiting(browser, server.url) as visit,
    ):
        page = visit.page
        dialog = page.get_by_role("dialog")
        await dialog.get_by_role("textbox").fill("a-wrong-token-of-some-length")
        await dialog.get_by_role("button", name="Connect").click()
        await expect(dialog).to_contain_text("was refused")
        await dialog.get_by_role("textbox").fill(TOKEN)
        await dialog.get_by_role("button", name="Connect").click()
        await visit.state("Connected")
        await visit.say("Hello")
        await visit.finished()
        await page.reload()
        await expect(page.locator("article.assistant .body")).to_have_text("Welcome.")
        assert TOKEN not in page.url
        assert (
            await page.evaluate("Object.values(localStorage).concat(document.cookie).join('')")
            == ""
        )
        other = await visit.context.new_page()
        await other.goto(page.url)
        await expect(other.get_by_role("dialog")).to_be_visible()
        await expect(other.locator("article")).to_have_count(0)


async def test_a_token_is_remembered_by_choice(
    browser: Browser, tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
):
    """A dismissed question leaves a way back; a token that is to be remembered serves other tabs.

    The page says that a token is asked for before the server has waited in vain for one.
    """
    monkeypatch.setattr("genpy_server.web.websocket.AUTH_SECONDS", 1_000)
    variables = {"GENPY_LLM_URL": upstream.url, "GENPY_LLM_MODEL": "m", "GENPY_TOKEN": TOKEN}
    async with (
        serving(tmp_path / "genpy.db", **variables) as server,
        visiting(browser, server.url) as visit,
    ):
        page = visit.page
        dialog = page.get_by_role("dialog")
        await dialog.get_by_role("button", name="Cancel").click()
        await visit.state("asks for a token")
        await page.get_by_role("button", name="More for this conversation").wait_for(state="hidden")
        await page.get_by_role("button", name="Enter the token").click()
        await dialog.get_by_role("textbox").fill(TOKEN)
        await dialog.get_by_label("Remember it on this device").check()
        await dialog.get_by_role("button", name="Connect").click()
        await visit.state("Connected")
        await expect(page.get_by_role("alert")).to_be_hidden()
        other = await visit.context.new_page()
        await other.goto(server.url)
        await visit.state("Connected", other)
