"""What axe-core finds wrong with the pages, in light and dark, wide and narrow: nothing."""

import re
from pathlib import Path

import pytest
from pages.conftest import Clean
from playwright.async_api import Browser, expect
from support.browser import PHONE, Visit, visiting
from support.running_server import Running, serving
from support.scripted_model import DONE, Script, Upstream, chunk

from genpy_server import App, tool
from genpy_server.errors import RateLimited

pytestmark = pytest.mark.asyncio(loop_scope="session")

REPLY = """A [link](https://a.example) and `code`:

```python
def f(x):  # says so
    return "text", 1, len(x)
```

# Title
- a list

| A | B |
|---|--:|
| 1 | 2 |

> quoted
"""


async def talk(visit: Visit) -> None:
    """A conversation with everything that a page can show, ended and open."""
    await visit.say("Show me the stats of this conversation")
    reply = await visit.finished()
    await reply.locator(".tool summary").click()
    await reply.locator(".chip summary").click()
    await expect(reply.locator(".tool table")).to_contain_text("Messages")
    await expect(reply.locator(".body .code pre").last).to_be_visible()


async def test_the_pages_break_no_rule(
    browser: Browser, server: Running, upstream: Upstream, clean: Clean
):
    """Chat, its dialogs, the summary before and after the end, and the docs pass every rule."""
    upstream.say(REPLY)
    async with visiting(browser, server.url) as visit:
        page = visit.page
        await visit.state("Connected")
        await clean(page)
        await talk(visit)
        await clean(page)
        await page.get_by_role("button", name="Edit your last message").click()
        await clean(page)
        await visit.say("Show me the stats again, with more words")
        await expect(page.locator("article.replaced")).to_have_count(2)
        await visit.finished()
        await clean(page)
        session = page.url.partition("=")[2]
        await page.goto(f"/summary/{session}")
        await expect(page.locator("#missing")).to_be_visible()
        await clean(page)
        await page.get_by_role("button", name="End and summarise").click()
        await expect(page.locator("#summary")).not_to_be_empty()
        await clean(page)
        await page.goto(f"/?session={session}")
        await expect(page.locator(".ending")).to_be_visible()
        await expect(page.locator("#sessions a").first).to_be_visible()
        await clean(page)
        await page.set_viewport_size(PHONE)
        await page.get_by_role("button", name="Conversations").click()
        await expect(page.locator("#sessions a").first).to_be_visible()
        await clean(page, (PHONE,))
        await page.get_by_role("button", name=re.compile("More for .Show")).click()
        await page.get_by_role("button", name="Delete").click()
        await expect(page.locator("dialog[open]")).to_be_visible()
        await clean(page)
        await page.goto("/docs")
        await clean(page)


async def test_what_is_opened_and_asked_breaks_no_rule(
    browser: Browser, tmp_path: Path, upstream: Upstream, clean: Clean
):
    """Approvals, thoughts, menus, the memory, two answers and the dialogs pass every rule."""

    @tool
    async def deploy(to: str) -> str:
        """Deploy the site."""
        return f"deployed to {to}"

    upstream.call("deploy", {"to": "prod"})
    thought = chunk({"reasoning_content": "Let me see."})
    for text in ("Deployed.", "Done."):
        pieces = [thought, chunk({"content": text}), chunk(finish="stop"), DONE]
        upstream.script(Script(pieces=pieces))
    variables = {"GENPY_LLM_URL": upstream.url, "GENPY_LLM_MODEL": "m"}
    async with (
        serving(tmp_path / "genpy.db", own=App(tools=[deploy]), **variables) as server,
        visiting(browser, server.url, "/?session=one") as visit,
    ):
        page = visit.page
        dialog, menu = page.get_by_role("dialog"), page.locator(".menu:popover-open")
        await visit.say("Deploy it")
        await expect(page.locator(".asks")).to_be_visible()
        await page.locator("#say").fill("a draft")
        await clean(page)
        await page.get_by_role("button", name="Allow once").click()
        await visit.finished()
        await page.locator(".thinking summary").last.click()
        await page.get_by_role("button", name="Ask another model").click()
        await expect(menu).to_be_visible()
        await clean(page)
        await menu.get_by_role("button").last.click()
        await expect(page.locator(".answers")).to_have_text("Answer 2 of 2")
        await clean(page)
        await page.locator("#say").fill("/")
        await expect(page.locator("#slash")).to_be_visible()
        await clean(page)
        await page.locator("#say").fill("/help")
        await page.locator("#say").press("Enter")
        await expect(dialog).to_be_visible()
        await clean(page)
        await page.keyboard.press("Escape")
        for action in ("Memory", "Rename", "Settings", ""):
            await page.get_by_role("button", name="More for this conversation").click()
            await expect(menu).to_be_visible()
            if action:
                await menu.get_by_role("button", name=action).click()
                await expect(dialog).to_be_visible()
            await clean(page)
            await page.keyboard.press("Escape")
        await page.goto("/?session=..")
        await expect(page.get_by_role("alert")).to_be_visible()
        await clean(page)
    async with (
        serving(tmp_path / "other.db", GENPY_TOKEN="t" * 20) as server,
        visiting(browser, server.url) as visit,
    ):
        await expect(visit.page.get_by_role("dialog")).to_be_visible()
        await clean(visit.page)


async def test_what_is_not_sent_yet_breaks_no_rule(
    browser: Browser, server: Running, clean: Clean, monkeypatch: pytest.MonkeyPatch
):
    """A message refused for good, one that waits and one behind it pass every rule."""
    refusal = RateLimited("Too many messages in a minute.", retry_after=60.0)
    monkeypatch.setattr(server.app.hub, "_refusal", lambda _: refusal)
    async with visiting(browser, server.url) as visit:
        for text in ("x" * 200_001, "One", "Two"):
            await visit.say(text)
        notes = visit.page.locator(".pending .note")
        await expect(notes).to_contain_text(["Not sent", "goes out again", "Waits for its turn"])
        await clean(visit.page)
