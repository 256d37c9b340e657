"""What every person can read: any direction, any theme, any name, and below any address."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, expect
from support.browser import DESKTOP, PHONE, visiting
from support.running_server import Running, serving
from support.scripted_model import Upstream

from genpy_server import App, Mode

pytestmark = pytest.mark.asyncio(loop_scope="session")

PREFIX = "/apps/genpy"


@asynccontextmanager
async def below(url: str, prefix: str) -> AsyncIterator[str]:
    """A reverse proxy that serves what is at `url` below a folder of its own."""
    target = urlsplit(url)

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            assert head.split()[1].startswith(f"{prefix}/")
            head = head.replace(f" {prefix}/", " /", 1)
            if "upgrade: websocket" not in head.lower():
                head = head.replace("\r\nConnection: keep-alive", "\r\nConnection: close", 1)
            theirs, out = await asyncio.open_connection(target.hostname, target.port)
            ends.append(out)
            out.write(head.encode("latin-1"))
            async with asyncio.TaskGroup() as group:
                group.create_task(copy(reader, out))
                group.create_task(copy(theirs, writer))
        except (asyncio.IncompleteReadError, ExceptionGroup, ConnectionError):
            pass
        finally:
            for end in ends:
                end.close()

    proxy = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        port = proxy.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        proxy.close()


async def test_the_pages_stand_below_any_folder(
    browser: Browser, server: Running, upstream: Upstream
):
    """Behind a proxy that adds a folder, every page, file, request and link still leads there."""
    upstream.say("Yes.")
    async with (
        below(server.url, PREFIX) as url,
        visiting(browser, url, f"{PREFIX}/?session=one") as visit,
    ):
        page = visit.page
        await visit.say("Is it here?")
        await visit.finished()
        await page.locator("#sessions a").first.click()
        await visit.state("Connected")
        await page.get_by_role("button", name="More for this conversation").click()
        await page.get_by_role("link", name="Summary").click()
        await expect(page.locator("#transcript article")).to_have_count(2)
        await page.get_by_role("link", name="Back to the conversation").click()
        await expect(page.locator("article")).to_have_count(2)
        await page.get_by_role("link", name="API reference").click()
        await page.get_by_role("link", name="GenPy").click()
        await visit.state("Connected")
        await page.goto(f"{PREFIX}/no/such/page")
        await page.get_by_role("link", name="Open the chat").click()
        await visit.state("Connected")


async def test_marks_of_direction_stay_inside(browser: Browser, server: Running):
    """A title that turns the direction turns none of the page's own words; each text has its own."""
    store, user = server.app.store, server.app.settings.user
    session, title = "00000000-0000-4000-8000-000000000004", "\u202eevil \u05e9\u05dc\u05d5\u05dd"
    await store.append(user, session, "user", "שלום עולם\n\nleft\n\n> ציטוט", title=title)
    async with visiting(browser, server.url, f"/?session={session}") as visit:
        page = visit.page
        paragraphs = page.locator("article .body > p")
        await expect(paragraphs).to_have_count(2)
        sides = await paragraphs.evaluate_all(
            """nodes => nodes.map((node) => {
              const range = new Range();
              range.selectNodeContents(node);
              const [text, box] = [range.getBoundingClientRect(), node.getBoundingClientRect()];
              return text.right > box.right - 2 ? "right" : "left";
            })"""
        )
        assert sides[1] == "left"
        await expect(page.locator("blockquote")).to_have_css("border-right-width", "3px")
        assert await page.title() == f"\u2068{title}\u2069 - GenPy"
        told = page.locator("#sessions .told").first
        order = await told.evaluate(
            """node => {
              const [time, rest] = node.childNodes;
              const range = new Range();
              range.selectNode(rest);
              return time.getBoundingClientRect().right <= range.getBoundingClientRect().left + 1;
            }"""
        )
        assert order


async def test_a_theme_is_chosen_and_remembered(browser: Browser, server: Running):
    """The button goes through system, light and dark, on every page, also after a reload."""
    async with visiting(browser, server.url, color_scheme="light") as visit:
        page = visit.page
        ground = "getComputedStyle(document.body).backgroundColor"
        light = await page.evaluate(ground)
        for theme in ("light", "dark"):
            await page.locator(".theme").click()
            await expect(page.locator(".theme")).to_have_text(f"Theme: {theme}")
        dark = await page.evaluate(ground)
        assert dark != light
        await page.reload()
        await expect(page.locator(".theme")).to_have_text("Theme: dark")
        assert await page.evaluate(ground) == dark


async def test_a_menu_follows_its_button(browser: Browser, server: Running):
    """A menu that is open while the window changes its size stands below its button again.

    Where a person's own few colours are used, the chosen row of the list beside it has an outline.
    """
    store, user = server.app.store, server.app.settings.user
    session = "00000000-0000-4000-8000-000000000005"
    for number in range(2):
        await store.append(user, f"{session[:-1]}{number}", "user", "text", title=f"T{number}")
    path = f"/?session={session[:-1]}0"
    async with visiting(browser, server.url, path, forced_colors="active") as visit:
        for row, outline in ((":is", "solid"), (":not", "none")):
            chosen = visit.page.locator(f"#sessions li{row}(:has([aria-current]))")
            await expect(chosen).to_have_css("outline-style", outline)
        more = visit.page.get_by_role("button", name="More for this conversation")
        menu = visit.page.locator(".menu:popover-open")
        await more.click()
        for size in (PHONE, DESKTOP):
            await visit.page.set_viewport_size(size)
            await expect(menu.get_by_role("button", name="Delete")).to_be_in_viewport(ratio=1)
            await visit.page.wait_for_function(BELOW)


BELOW = """() => {
  const menu = document.querySelector(".menu:popover-open");
  const [below, button] = [menu, menu.previousSibling].map((one) => one.getBoundingClientRect());
  return below.top >= button.bottom && below.top < button.bottom + 9 && below.right <= innerWidth;
}"""


async def test_nothing_moves_where_that_is_not_wanted(
    browser: Browser, server: Running, upstream: Upstream
):
    """With reduced motion nothing is animated, neither a reply in progress nor the list on a phone."""
    gate = upstream.say("Half. ", "Whole.", paused_at=1)
    async with visiting(browser, server.url, viewport=PHONE) as visit:
        page, body = visit.page, visit.reply().locator(".body")
        await visit.say("Go")
        for motion, moves in (("no-preference", True), ("reduce", False)):
            await page.emulate_media(reduced_motion=motion)
            await expect(body).to_have_text("Half. ")
            dot = await body.evaluate("node => getComputedStyle(node, '::after').content")
            assert dot == '""'
            await page.get_by_role("button", name="Conversations", exact=True).click()
            assert await page.evaluate("document.getAnimations().length > 0") is moves
            await page.keyboard.press("Escape")
        gate.set()
        await visit.finished()


async def test_only_the_conversation_scrolls(browser: Browser, server: Running, upstream: Upstream):
    """However long a conversation is, no click and no focus moves the page that it stands in."""
    upstream.answer = {"summary": "S", "topics": ["t"], "outcomes": [], "sentiment": "neutral"}
    upstream.say("word\n\n" * 99)
    async with visiting(browser, server.url) as visit:
        page = visit.page
        await visit.say("Go")
        await visit.finished()
        await page.get_by_role("button", name="End", exact=True).click()
        await page.get_by_title("4 of 5").click()
        await expect(page.get_by_role("radio", name="4 of 5")).to_be_checked()
        moved = "[document.documentElement, document.body, document.getElementById('main')]"
        assert await page.evaluate(f"{moved}.map((one) => one.scrollTop)") == [0, 0, 0]
        assert await page.evaluate("document.documentElement.scrollHeight <= innerHeight")


WIDE = f"""# A heading with `a_name_{"x" * 90}`

A [link](https://a.example), https://a.example/{"a" * 90} and {"w" * 120}

```python
{"print('a long line of code')  # " * 6}
```

| a | b |
|---|---|
| {"word " * 30} | {"y" * 60} |

$$\\frac{{a + b}}{{c}}$$

- [ ] task
  - nested
    - deeper

> quoted {"q" * 90}
"""


SIZES = ((1280, 800), (640, 400), (390, 844), (320, 256))  # of which the last is 400% of the first


async def test_nothing_stands_out_at_any_width(
    browser: Browser, server: Running, upstream: Upstream
):
    """From 320 px on, zoomed or with letters twice as large, only code and tables scroll sideways."""
    upstream.say(WIDE)
    async with visiting(browser, server.url) as visit:
        page = visit.page
        await visit.say(f"Show it {'z' * 120}")
        await visit.finished()
        for letters, sizes in (("100%", SIZES), ("200%", SIZES[:-1])):
            await page.evaluate(LETTERS, letters)
            for width, height in sizes:
                await page.set_viewport_size({"width": width, "height": height})
                assert await page.evaluate(OUTSIDE) == [], (letters, width)
                room = page.locator("#conversation")
                assert await room.evaluate("node => node.clientHeight") > 40
                await expect(page.locator("#send")).to_be_in_viewport(ratio=1)


async def test_no_name_of_others_stands_out(browser: Browser, tmp_path: Path, upstream: Upstream):
    """Long names of modes, models, topics and outcomes break, and turn no word of the page around them."""
    upstream.models = [NAME, "tiny"]
    upstream.answer = {
        "summary": NAME,
        "topics": [NAME],
        "outcomes": [NAME],
        "sentiment": "neutral",
    }
    upstream.say("Yes.")
    mode = Mode(name="own", label=NAME[:40])
    variables = {"GENPY_LLM_URL": upstream.url, "GENPY_LLM_MODEL": NAME}
    async with (
        serving(tmp_path / "genpy.db", own=App(modes=[mode]), **variables) as server,
        visiting(browser, server.url, viewport=PHONE) as visit,
    ):
        page = visit.page
        await visit.state("Connected")
        await page.select_option("#mode", "own")
        await visit.say("Go")
        reply = await visit.finished()
        await reply.locator(".chip summary").click()
        shown = f"Understood as \u2068{mode.label}\u2069: \u2068chosen by you\u2069."
        await expect(reply.locator(".panel p").first).to_have_text(shown)
        await expect(reply.locator(".facts")).to_contain_text(f"\u2068{NAME}\u2069 · ")
        await page.get_by_role("button", name="Ask another model").click()
        await expect(page.locator(".menu:popover-open button")).to_have_count(2)
        await within(page)
        await page.keyboard.press("Escape")
        await visit.say(f"/{NAME[1:]}")
        await expect(page.get_by_role("alert")).to_be_visible()
        await page.get_by_role("button", name="End", exact=True).click()
        await expect(page.locator(".ending .topics")).to_be_visible()
        await within(page)
        await page.get_by_role("link", name="Open the summary").click()
        await expect(page.locator("#outcomes li")).to_be_visible()
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 700})
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


WIDTHS = (320, 1280)


async def within(page: Page) -> None:
    """Nothing stands out of the page, narrow or wide."""
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 700})
        assert await page.evaluate(OUTSIDE) == []


NAME = f"\u202e{'w' * 120}"
LETTERS = """(size) => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`html { font-size: ${size} }`);
  document.adoptedStyleSheets = [sheet];
}"""
OUTSIDE = """() => [...document.querySelectorAll("main *")].filter((one) => {
  if (!one.checkVisibility({ visibilityProperty: true }) || one.closest(".unseen, pre, .wide")) return false;
  const { left, right, width } = one.getBoundingClientRect();
  return width > 0 && (right > innerWidth + 1 || left < -1);
}).map((one) => `${one.tagName}.${one.className}#${one.id}`)"""
