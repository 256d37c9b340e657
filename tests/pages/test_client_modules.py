"""The page's own modules in a page of somebody else, as docs/toolkit.md shows it."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect
from support.running_server import Running
from support.scripted_model import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "genpy_server" / "web" / "pages"
REFERENCE = '/// <reference path="../types.d.ts" />\n'
OPTIONS = (
    *("--declaration", "--emitDeclarationOnly", "--allowJs", "--checkJs", "--strict"),
    *("--target", "es2022", "--module", "es2022", "--moduleResolution", "bundler"),
    *("--lib", "es2023,dom,dom.iterable"),
)


async def test_the_page_of_the_documentation(browser: Browser, server: Running, upstream: Upstream):
    """The page sends, shows the reply, and after a reload what was said."""
    found = re.search(
        r"^```html\n(.*?)^```$",
        (ROOT / "docs/toolkit.md").read_text("utf-8"),
        re.DOTALL | re.MULTILINE,
    )
    assert found is not None
    upstream.say("In", " Trastevere.")
    context = await browser.new_context(bypass_csp=True)
    page = await context.new_page()
    rows = ["user: Where were we?", "assistant: In Trastevere."]
    for first in (True, False):
        await page.goto(f"{server.url}/health")  # any address of the server, of which it is a page
        await page.set_content(found[1])
        if first:
            await page.locator("#text").fill("Where were we?")
            await page.locator("#text").press("Enter")
        await expect(page.locator("#talk li")).to_have_text(rows)
    await context.close()


async def test_the_types_are_those_of_the_modules(modules: Path, tmp_path: Path):
    """The declarations in the package are what TypeScript reads from the modules."""
    names = ("link", "outbox", "transcript")
    sources = [PAGES / "types.d.ts", *(PAGES / "assets" / f"{name}.js" for name in names)]
    await _node(modules / "typescript/bin/tsc", *OPTIONS, "--outDir", tmp_path, *sources)
    for name in names:
        file = tmp_path / f"{name}.d.ts"
        file.write_text(REFERENCE + file.read_text("utf-8"), "utf-8")
    prettier = modules / "prettier/bin/prettier.cjs"
    await _node(prettier, "--write", "--config", modules.parent / ".prettierrc.json", tmp_path)
    for name in names:
        kept = PAGES / "client" / f"{name}.d.ts"
        made = (tmp_path / f"{name}.d.ts").read_text("utf-8")
        assert kept.read_text("utf-8") == made, f"{kept.relative_to(ROOT)} should be:\n{made}"


async def _node(*words: str | Path) -> None:
    process = await asyncio.create_subprocess_exec(
        str(shutil.which("node")), *map(str, words), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
