"""Slash commands on the page: the terminal's table, its rule, and what each one does here."""

import asyncio
import random
from pathlib import Path

import pytest
from pages.commands import tables
from pages.conftest import Call
from playwright.async_api import Browser, Route, expect
from support.browser import Visit, visiting
from support.mcp_prompts import mcp_prompts
from support.running_server import Running, serving
from support.scripted_model import Upstream

from genpy_server.mcp import client
from genpy_tui.commands import BY_SLASH, SETTINGS, read_line

pytestmark = pytest.mark.asyncio(loop_scope="session")

MODES = ("tutorial", "code assistant")
WORDS = (
    *("a", "the", "?", ".", "tutorial", "Code  Assistant", "0.5", "temperature", "temprature"),
    *("TOP_P", "max tokens", "max_tokns", "reasoning-effort", "effort", "off", "default", "notes.md"),
    *("\n", "gpt/oss", "seed", "sed", "stop 'x y'", "up", "system", *SETTINGS),
)  # fmt: skip
READ = """async ([source, lines, modes]) => {
  const { BY_SLASH, readLine } = await import(source.replace("chat.js", "slash.js"));
  return lines.map((line) => {
    const { kind, command, argument = "", wrong = "" } = readLine(line, BY_SLASH, modes);
    return [kind, command?.slash ?? "", argument, wrong];
  });
}"""
TABLES = """async ([source]) => ({ ...await import(source.replace("chat.js", "commands.js")) })"""


def lines() -> list[str]:
    """Lines of all kinds, the same each time."""
    dice = random.Random(5)
    names = [*BY_SLASH, "usr/bin/env", "nothing", "HELP", "Set"]
    made = [" /help", "/", "//", "/help ", "/end\n", "/1", "text", ""]
    for name in names:
        made.append(f"/{name}")
        for _ in range(25):
            said = dice.choices(WORDS, k=dice.randrange(1, 4))
            made.append(f"/{name}{dice.choice((' ', '  ', chr(10)))}{' '.join(said)}")
    return made


async def test_the_page_reads_a_line_as_the_terminal_does(call: Call):
    """Both take the same lines for commands, messages and mistakes, from the same table."""
    written, found = await call(TABLES), await call(READ, lines(), MODES)
    assert written == tables(), "Run tests/pages/commands.py"
    for line, mine in zip(lines(), found, strict=True):
        read = read_line(line, BY_SLASH, MODES)
        slash = "" if read.command is None else read.command.slash
        assert mine == [read.kind, slash, read.argument, read.wrong], line


async def type_line(visit: Visit, text: str) -> None:
    """Type a line and press Enter."""
    await visit.page.fill("#say", text)
    await visit.page.press("#say", "Enter")


async def test_commands_are_carried_out(browser: Browser, server: Running, upstream: Upstream):
    """A command opens on the page what it opens in the terminal, or says why there is nothing yet."""
    upstream.say("First.")
    async with visiting(browser, server.url, "/?session=one") as visit:
        page, box = visit.page, visit.page.locator("#say")
        dialog, problem = page.get_by_role("dialog"), page.get_by_role("alert")
        await visit.state("Connected")
        for nothing in ("/memory", "/rename", "/end", "/delete", "/export", "/retry", "/rate 3"):
            await type_line(visit, nothing)
            await expect(problem).to_contain_text("no message was sent")
            await page.get_by_role("button", name="Dismiss").click()
            await expect(problem).to_be_hidden()
        await type_line(visit, "/edit")
        await expect(problem).to_contain_text("Nothing to edit: no message was sent.")
        await visit.say("Tell me of teapots")
        await expect(visit.reply().locator(".body")).to_have_text("First.")
        await visit.finished()
        for line, title in {
            "/help": "Keys and commands",
            "/memory": "Memory",
            "/context": "What is sent to the model",
            "/rename": "Rename the conversation",
            "/rate": "Rate this conversation",
            "/delete": "Delete the conversation?",
            "/set": "Settings of this conversation",
            "/model": "Settings of this conversation",
            "/think": "Settings of this conversation",
        }.items():
            await type_line(visit, line)
            await expect(page.get_by_role("dialog", name=title)).to_be_visible()
            await page.keyboard.press("Escape")
            await expect(dialog).to_have_count(0)
            await expect(box).to_have_value("")


async def test_commands_with_words_are_carried_out(
    browser: Browser, server: Running, upstream: Upstream
):
    """What follows a command is taken as the terminal takes it."""
    for text in ("First.", "Second.", "Third."):
        upstream.say(text)
    async with visiting(browser, server.url, color_scheme="light") as visit:
        page, box, problem = visit.page, visit.page.locator("#say"), visit.page.get_by_role("alert")
        await visit.say("Tell me of teapots")
        await visit.finished()
        await type_line(visit, "/rename A trip to Rome")
        await expect(page.locator("#title")).to_have_text("A trip to Rome")
        await type_line(visit, "/rate 4")
        await expect(page.locator("#sessions .told")).to_contain_text("4 of 5")
        await type_line(visit, "/set temperature 0.3")
        await expect(page.locator(".notice").last).to_contain_text("temperature: \u20680.3\u2069,")
        await type_line(visit, "/think low")
        await expect(page.locator(".notice").last).to_contain_text(
            "reasoning effort: \u2068low\u2069,"
        )
        await type_line(visit, "/retry tutorial")
        await expect(visit.reply().locator(".body")).to_have_text("Second.")
        await expect(visit.reply().locator(".chip summary")).to_have_text("Tutorial")
        await visit.finished()
        await type_line(visit, "/mode code assistant")
        await expect(page.locator("#mode")).to_have_value("code_assistant")
        await type_line(visit, f"/again {upstream.models[1]}")
        await expect(visit.reply().locator(".body")).to_have_text("Third.")
        await visit.finished()
        await type_line(visit, "/edit")
        await expect(box).to_have_value("Tell me of teapots")
        await box.press("Escape")
        await type_line(visit, "/theme dark")
        await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        async with page.expect_download() as download:
            await type_line(visit, "/export notes.md")
        assert (await download.value).suggested_filename == "notes.md"
        await type_line(visit, "/search teapots")
        await expect(page.locator("#sessions mark").first).to_have_text("teapots")
        await expect(page.get_by_role("searchbox")).to_be_focused()
        await type_line(visit, "/stop")
        await expect(problem).to_contain_text("No reply is being written")
        await expect(page.locator("article.user .body")).to_have_text(["Tell me of teapots"])
        await type_line(visit, "/end")
        await expect(page.locator(".ending")).to_be_visible()
        await type_line(visit, "/summary")
        await page.wait_for_url("**/summary/*")
        await page.go_back()
        await visit.state("Connected")
        await type_line(visit, "/new")
        await expect(page.locator("article")).to_have_count(0)
        for line, why in {"/quit": "of the terminal only", "/setup": "genpy setup"}.items():
            await type_line(visit, line)
            await expect(problem).to_contain_text(why)
    asked = [one["body"] for one in upstream.requests if one["body"].get("stream")]
    assert [body.get("temperature") for body in asked][1:3] == [0.3, 0.3]


async def test_what_is_no_command_is_a_message(
    browser: Browser, server: Running, upstream: Upstream
):
    """Sentences, paths and lines with a space before them are sent; a mistake stays in the box."""
    texts = ["/new features of Python?", "/usr/bin/env: no such file", " /help", "/delete a row"]
    for text in texts:
        upstream.say(f"You said {text}")
    async with visiting(browser, server.url) as visit:
        page, box, problem = visit.page, visit.page.locator("#say"), visit.page.get_by_role("alert")
        await visit.state("Connected")
        for wrong, why in {
            "/nothing": "Unknown command: /nothing.",
            "/set temprature 0.3": "Did you mean temperature?",
            "/set temperature warm": "temperature is 0 to 2",
            "/set stop 'a": "a quotation mark is not closed",
            "/think hard": "Choose one of off, low",
            "/mode nonsense": "Unknown mode: \u2068nonsense\u2069.",
            "/theme pink": "Unknown theme: \u2068pink\u2069.",
        }.items():
            await type_line(visit, wrong)
            await expect(problem).to_contain_text(why)
            await expect(box).to_have_value(wrong)
        for number, text in enumerate(texts):
            await type_line(visit, text)
            if text.startswith("/delete"):
                dialog = page.get_by_role("dialog", name="Is this a message?")
                await expect(dialog).to_be_visible()
                await page.keyboard.press("Escape")
                await expect(box).to_have_value(text)
                await box.press("Enter")
                await dialog.get_by_role("button", name="Send it as a message").click()
            await expect(page.locator("article.assistant")).to_have_count(number + 1)
            await visit.finished()
        sent = page.locator("article.user .body")
        await expect(sent).to_have_text([text.strip() for text in texts])
        await type_line(visit, "/delete it now")
        await page.get_by_role("button", name="Delete the conversation").click()
        await page.get_by_role("button", name="Delete", exact=True).click()
        await expect(sent).to_have_count(0)


async def test_the_menu_of_commands(browser: Browser, server: Running):
    """A slash shows what fits; arrows choose, Tab completes, Enter and a click run, Escape closes."""
    async with visiting(browser, server.url) as visit:
        page, box, menu = visit.page, visit.page.locator("#say"), visit.page.locator("#slash")
        await visit.state("Connected")
        await box.press_sequentially("/s")
        rows = menu.get_by_role("option")
        names = [slash for slash in BY_SLASH if slash.startswith("s")]
        await expect(rows.locator(".name")).to_contain_text([f"/{name}" for name in names])
        await box.press("ArrowDown")
        chosen = menu.locator("[aria-selected=true]")
        await expect(chosen).to_contain_text(f"/{names[1]}")
        assert await box.get_attribute("aria-activedescendant") == await chosen.get_attribute("id")
        await box.press("Tab")
        await expect(box).to_have_value(f"/{names[1]} ")
        await expect(menu).to_be_hidden()
        await box.fill("/hel")
        await box.press("Escape")
        await expect(menu).to_be_hidden()
        await expect(box).to_have_value("/hel")
        await box.press("p")
        await expect(rows).to_have_count(1)
        await box.press("Enter")
        await expect(page.get_by_role("dialog")).to_be_visible()
        await page.keyboard.press("Escape")
        await box.press_sequentially("/set")
        await rows.first.click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        await page.get_by_label("Temperature").fill("1.5")
        await page.locator("#set-stop").fill('"END" "the end"')
        await page.get_by_role("button", name="Set", exact=True).click()
        await expect(page.locator(".notice")).to_contain_text("from the next reply on")
        await type_line(visit, "/set")
        await expect(page.get_by_label("Temperature")).to_have_value("1.5")
        await expect(page.locator("#set-stop")).to_have_value('"END" "the end"')
        await page.keyboard.press("Escape")
        await page.set_viewport_size({"width": 320, "height": 256})  # as at a zoom of 400%
        await type_line(visit, "/set")
        await expect(page.get_by_role("button", name="Set", exact=True)).to_be_in_viewport(ratio=1)
        await page.keyboard.press("Escape")
        await box.fill("/")
        for key in ("ArrowUp", "ArrowDown"):
            await box.press(key)
            await expect(chosen).to_be_in_viewport(ratio=0.95)


async def test_prompts_of_mcp_servers(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """They stand in the menu; filled in, the text comes into the box and is not sent.

    Where the server was away when they were asked for first, they are asked for again.
    """
    monkeypatch.setattr(client, "READY_SECONDS", 60.0)
    async with (
        serving(tmp_path / "genpy.db", mcp=mcp_prompts(tmp_path)) as server,
        visiting(browser, server.url) as visit,
    ):
        page, box = visit.page, visit.page.locator("#say")
        rows = page.locator("#slash").get_by_role("option")
        await page.route("**/api/prompts", lambda route: route.abort())
        async with page.expect_event("requestfailed"):
            await box.fill("/")
        await page.unroute("**/api/prompts")
        await box.fill("/notes")
        await expect(rows.locator(".name")).to_have_text(
            ["/notes_review CODE", "/notes_compare FIRST SECOND"]
        )
        await box.press("Tab")
        await box.press_sequentially("x=1")
        await box.press("Enter")
        await expect(box).to_have_value("Review this code: x=1")
        await type_line(visit, "/notes_compare 'one two'")
        await expect(page.get_by_role("alert")).to_contain_text("/notes_compare FIRST SECOND")
        await expect(box).to_have_value("/notes_compare 'one two'")
        await type_line(visit, "/notes_compare 'one two' three")
        await expect(box).to_have_value("Compare one two with three")
        await expect(page.locator("article")).to_have_count(0)


async def test_what_is_written_until_a_command_is_read_is_kept(
    browser: Browser, server: Running, upstream: Upstream
):
    """While the part for commands is on its way, Enter sends once, and neither box loses what is written."""
    upstream.say("Yes.")
    waiting, come = asyncio.Event(), asyncio.Event()

    async def late(route: Route) -> None:
        waiting.set()
        await come.wait()
        await route.continue_()

    async with visiting(browser, server.url, "/?session=one") as visit:
        page, box = visit.page, visit.page.locator("#say")
        await visit.state("Connected")
        await page.route("**/page_commands.js", late)
        await box.fill("/usr/bin/env: no such file")
        await box.press("Enter")
        await box.press("Enter")
        await waiting.wait()
        await box.fill("next")
        come.set()
        await visit.finished()
        await expect(page.locator("article.user .body")).to_have_text(
            ["/usr/bin/env: no such file"]
        )
        await expect(box).to_have_value("next")
        await page.reload()
        await visit.state("Connected")
        waiting.clear()
        come.clear()
        await box.fill("/tmp/x: no such file")
        await box.press("Enter")
        await waiting.wait()
        await page.get_by_role("button", name="New conversation").click()
        await box.fill("other")
        come.set()
        await page.wait_for_function("() => sessionStorage.getItem('genpy-draft:one') !== null")
        await page.go_back()
        await expect(box).to_have_value("/tmp/x: no such file")
        await page.go_forward()
        await expect(box).to_have_value("other")
