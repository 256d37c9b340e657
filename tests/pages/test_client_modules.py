"""The page's own modules in a page of somebody else, as docs/toolkit.md shows it."""

import asyncio
import json
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
    *("--lib", "es2023,dom,dom.iterable", "--skipDefaultLibCheck"),
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


TYPED = """
import { Link } from "/assets/000000000000/link.js";
import { Outbox } from "/assets/000000000000/outbox.js";
import { Gap, Transcript } from "/assets/000000000000/transcript.js";

const transcript = new Transcript();
const outbox = new Outbox("one", { send: (frame) => link.send(frame), stuck: () => {}, changed: () => {} });
function take(frame: ServerFrame): void {
  try {
    transcript.apply(frame);
  } catch (error) {
    if (error instanceof Gap) link.again();
  }
  if (frame.type === "ack") outbox.remove(frame.id);
  if (frame.type === "delta") document.title = frame.text;
}
const link: Link = new Link({
  ref: "one",
  place: () => ({ epoch: transcript.epoch, after: transcript.seq }),
  state: ({ name }) => (document.title = name),
  frame: take,
});
const texts: string[] = transcript.entries.map(({ role, text }) => `${role}: ${text}`);
// @ts-expect-error
transcript.sequence;
// @ts-expect-error
link.send({ type: "sing" });
// @ts-expect-error
const number: number = transcript.entries[0].text;
export { number, texts };
"""


async def test_a_page_in_typescript_is_typed(modules: Path, tmp_path: Path):
    """Found by `paths`, the declarations type a page of somebody else, and find its mistakes."""
    (tmp_path / "page.ts").write_text(TYPED, "utf-8")
    options = {
        "strict": True,
        "noEmit": True,
        "module": "es2022",
        "moduleResolution": "bundler",
        "target": "es2022",
        "lib": ["es2023", "dom", "dom.iterable"],
        "skipDefaultLibCheck": True,
        "types": [],
        "paths": {"/assets/000000000000/*.js": [f"{PAGES}/client/*.d.ts"]},
    }
    config = {"compilerOptions": options, "include": ["page.ts"]}
    (tmp_path / "tsconfig.json").write_text(json.dumps(config), "utf-8")
    await _node(modules / "typescript/bin/tsc", "-p", tmp_path)


async def _node(*words: str | Path) -> None:
    process = await asyncio.create_subprocess_exec(
        str(shutil.which("node")), *map(str, words), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
