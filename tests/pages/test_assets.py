"""What a browser is sent for a page: little, cacheable, and nothing from elsewhere."""

import logging
import re
from importlib.resources import files
from urllib.parse import urljoin

import httpx
import pytest
from playwright.async_api import Browser
from support.browser import visiting
from support.running_server import Running

from genpy_server.web.pages.assets import ASSETS, SCRIPTS, asset, imported, source

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGES = ("/", "/summary/x", "/docs")
MOST_BYTES = 60_000
FOLDER = files("genpy_server.web.pages")


async def test_every_file_is_served():
    """The type of every file in the folder is known, so none is left out."""
    assert {entry.name for entry in FOLDER.joinpath("assets").iterdir()} == set(ASSETS)


async def test_the_script_of_a_page_is_one_file():
    """It holds all that it imports, and what the chat page loads later takes from there what it holds."""
    chat = asset("chat.js").decode()
    held = set(imported("chat.js"))
    later = re.findall(r'import\("\./([\w.]+)"\)', chat)
    assert later
    assert held.isdisjoint(later)
    for name in [*later, *(one for script in later for one in imported(script) if one not in held)]:
        taken = re.findall(
            r'^(?:import|\}) .*from "\./([\w.]+)";', asset(name).decode(), re.MULTILINE
        )
        assert held.isdisjoint(taken)
    for name in SCRIPTS.values():
        assert re.findall("^(?:import|export) .*", asset(name).decode(), re.MULTILINE)[1:] == []
    known = re.compile(
        r'import \{[^}]*\} from "\./\w+\.js";|export (async )?(function\*?|class|const) '
    )
    for name in (name for name in ASSETS if name.endswith(".js")):
        for begun in re.finditer("^(?:import|export) ", source(name), re.MULTILINE):
            assert known.match(source(name), begun.start()), name


async def test_nothing_is_inline_or_from_elsewhere():
    """No page holds a script, a style or a handler, and no file names another host."""
    pages = [FOLDER.joinpath(name).read_text() for name in SCRIPTS]
    assert not any(re.search(r"<script>|<style|\sstyle=|\son\w+=", page) for page in pages)
    known = ("http://www.w3.org/2000/svg",)
    texts = [*pages, *(asset(name).decode() for name in ASSETS)]
    links = [link for text in texts for link in re.findall(r"https?://[\w.]+[\w/.]*", text)]
    assert [link for link in links if link not in known] == []
    assert not any(re.search(r"\beval\(|new Function", text) for text in texts)


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_with_all_its_files_is_small(server: Running, path: str):
    """A page and everything it names are under 60 kB on the wire."""
    async with httpx.AsyncClient(base_url=server.url) as client:
        page = await client.get(path)
        names = set(re.findall(r'"([./]*assets/[^"]+)"', page.text))
        assert names
        sent = int(page.headers["content-length"])
        for name in names:
            answer = await client.get(urljoin(path, name))
            assert answer.headers["cache-control"].endswith("immutable")
            sent += int(answer.headers["content-length"])
    assert sent < MOST_BYTES


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_has_a_strict_policy(server: Running, path: str):
    """A page may load only what this server sends; nothing inline, no frame around it."""
    async with httpx.AsyncClient(base_url=server.url) as client:
        answer = await client.get(path)
    policy = answer.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= set(policy)
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-cache"


async def test_an_unchanged_page_is_not_sent_again(server: Running):
    """Page and files are answered by 304 to a browser that holds them, packed or not."""
    async with httpx.AsyncClient(base_url=server.url) as client:
        for coding in ("gzip", "identity"):
            given = {"Accept-Encoding": coding}
            answer = await client.get("/", headers=given)
            assert answer.headers.get("content-encoding", "identity") == coding
            given["If-None-Match"] = answer.headers["etag"]
            assert (await client.get("/", headers=given)).status_code == 304


async def test_a_second_visit_asks_for_no_file(
    browser: Browser, server: Running, caplog: pytest.LogCaptureFixture
):
    """A browser that was here before, even one that reloads, takes every file from its cache.

    The icon is left out: a browser without a window shows none.
    """
    caplog.set_level(logging.INFO, "genpy.server")

    def asked() -> int:
        requests = [record.getMessage() for record in caplog.records]
        return sum("GET /assets/" in request and "icon" not in request for request in requests)

    async with visiting(browser, server.url) as visit:
        await visit.state("Connected")
        first = asked()
        assert first == len(("chat.js", "base.css", "chat.css"))
        await visit.page.reload()
        await visit.state("Connected")
        assert asked() == first


async def test_a_file_of_another_version_is_not_kept(server: Running):
    """A file asked for under an old address is answered, but not kept under it."""
    async with httpx.AsyncClient(base_url=server.url) as client:
        answer = await client.get("/assets/000000000000/chat.js")
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")
        for name in ("nothing.js", "..%2fchat.html", "__init__.py"):
            assert (await client.get(f"/assets/000000000000/{name}")).status_code == 404
