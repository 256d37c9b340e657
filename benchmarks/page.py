"""What the chat page costs a browser: a long reply, a long conversation, and opening over a slow line.

    .venv/bin/python benchmarks/page.py [streaming | growing | reading_back | opening]

Prints one table, of one part where it is named. A reply of 32,000 tokens comes at 1,000 tokens a second while somebody types: long
tasks of the page, the time from a key to the next picture, the main thread's processor time and the
bytes of its frames. Then replies that are one long block each, at 2,000 tokens a second: the processor time of the
longest task, with that in which the server's HTML takes its place. Then 10,000 messages are read back page by page, and a reply comes at their end.
Last a conversation is opened through a line with 100 ms (`LATENCY` seconds each way) there and back: the time from the
click, or from following a link to it, until the visible messages are formatted, and what the page
sends for it. Needs Chromium. Processor time is the same on a busy machine; the other times are not.
"""

import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import uuid4

import msgspec
from playwright.async_api import Browser, Page, async_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.browser import launch
from support.running_server import Running, serving
from support.scripted_model import DONE, Script, Upstream, chunk

TOKENS = int(os.environ.get("TOKENS", "32000"))
PER_SECOND = 1_000
BURST = 20
MESSAGES = int(os.environ.get("MESSAGES", "10000"))
PAGES = int(os.environ.get("PAGES", "1000"))
"""Pages of older messages that are read back at most."""
PART_SECONDS = 400
"""Seconds that each part may take."""
LATENCY = float(os.environ.get("LATENCY", "0.05"))
"""Seconds one way."""
SESSION = "00000000-0000-4000-8000-000000000009"
PART = """## Part {n}

A paragraph with *emphasis*, **strong words**, `code` and a [link](https://a.example/{n}). It goes on
for a line or two, as paragraphs of replies do, and says nothing.

- one thing
- another thing with `code`

| name | value |
|---|---:|
| a | {n} |

```python
def part_{n}(items: list[int]) -> int:
    # Sum up what is even.
    return sum(item for item in items if item % 2 == 0)
```

"""
BLOCKS = {
    "fence": ("```python\n", '    value = compute(1, "text")  # comment\n'),
    "one line of code": ("```json\n", '{"a": 1, "b": "text"}, '),
    "paragraph": ("", "A word and *some* more `code` of it. "),
    "headings": ("", "# One\n\n## Two\ntext\n\n"),
    "list": ("", "- item with *some* `code`\n"),
    "nested list": ("- a\n  - b\n", "    - item with *some* `code`\n"),
    "item with code": ("1. Do:\n   ```python\n", "   x = call(1)\n"),
    "table": ("| a | b |\n|---|---|\n", "| *some* | `code` |\n"),
    "quote": ("", "> A word and *some* more `code` of it.\n"),
    "nested lists": ("", "".join(f"{'  ' * depth}- item *x* `c`\n" for depth in range(12))),
    "nested quotes": ("", "".join(f"{'> ' * depth}quote *x* `c`\n" for depth in range(1, 12))),
    "table of 200 columns": (f"{'a|' * 200}\n{'-|' * 200}\n", f"{'a|' * 200}\n"),
    "table of 900 columns and short rows": (f"{'a|' * 900}\n{'-|' * 900}\n", "a|b\n"),
    "table of small rows": ("a|b\n-|-\n", "a|b\n"),
    "line without a space": ("", "x" * 60),
    "line of links": ("", "[word *x*](https://a.example/1) "),
    "line of addresses": ("", "https://a.example/1 "),
    "line of notes": ("", "text[^1] and[^2] "),
    "line of formulas": ("", r"$x^2 + \frac{a}{b}$ and "),
    "line of many scripts": (
        "",
        "\u05e9\u05dc\u05d5\u05dd \u4f60\u597d hello \u0928\u092e\u0938 \U0001f389 ",
    ),
    "fences in an unknown language": ("", '```brainf9\n++ "a" // x 12\n```\n\n'),
}
"""Blocks of 60,000 characters: how each begins, and what is repeated."""
BLOCK_CHARS = 60_000
WATCH = """() => {
  window.seen = { long: [], keys: [], began: performance.now() };
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) seen.long.push(duration);
  }).observe({ type: "longtask" });
  document.getElementById("say").addEventListener("keydown", () => {
    const began = performance.now();
    requestAnimationFrame(() => setTimeout(() => seen.keys.push(performance.now() - began)));
  });
}"""


def percentile(values: list[float], share: float) -> float:
    """The value below which a share of them lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def row(what: str, value: str) -> None:
    """One line of the table."""
    print(f"{what:<58} {value}", flush=True)


def reply(tokens: int) -> list[str]:
    """A reply of about as many tokens, in pieces of four characters."""
    text = "".join(PART.format(n=number) for number in range(tokens * 4 // len(PART) + 1))
    return [text[at : at + 4] for at in range(0, tokens * 4, 4)]


async def streaming(browser: Browser, server: Running, upstream: Upstream) -> None:
    """The long reply, while somebody types."""
    pieces = [chunk({"content": piece}) for piece in reply(TOKENS)]
    gates = {at: asyncio.Event() for at in range(BURST, len(pieces), BURST)}
    upstream.script(Script(pieces=[*pieces, chunk(finish="stop"), DONE], gates=gates))
    context = await browser.new_context(base_url=server.url)
    page = await context.new_page()
    received = sent = 0
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))

    def count(data: Any, *, down: bool) -> None:
        nonlocal received, sent
        size = len(data.encode() if isinstance(data, str) else data)
        received, sent = received + size * down, sent + size * (not down)

    def socket(ws: Any) -> None:
        ws.on("framereceived", lambda data: count(data, down=True))
        ws.on("framesent", lambda data: count(data, down=False))

    page.on("websocket", socket)
    await page.goto("/")
    await page.wait_for_function("() => document.getElementById('state').dataset.state === 'ready'")
    await page.evaluate(WATCH)
    cdp = await watched(page)
    requests.clear()
    await page.fill("#say", "Go")
    await page.press("#say", "Enter")
    before, began = await busy(cdp), perf_counter()

    async def pace() -> None:
        start = perf_counter()
        for number, gate in enumerate(gates.values(), 1):
            await asyncio.sleep(max(0, start + number * BURST / PER_SECOND - perf_counter()))
            gate.set()

    pacing = asyncio.create_task(pace())
    while not pacing.done():
        await page.keyboard.type("a")
        await asyncio.sleep(0.2)
    await page.wait_for_selector("article.assistant.last[aria-busy=false]", timeout=120_000)
    seconds = perf_counter() - began
    share = (await busy(cdp) - before) / seconds
    await page.wait_for_function(
        """() => [...document.querySelectorAll(".body .code pre")].slice(0, -1)
          .every((code) => code.querySelector(".k"))"""  # the last one may have been cut off
    )
    await asyncio.sleep(1)
    seen = await page.evaluate("seen")
    row(f"{TOKENS:,} tokens at {PER_SECOND:,} a second: seconds", f"{seconds:.1f}")
    row("  long tasks (over 50 ms): count, longest ms", longest(seen["long"]))
    keys = seen["keys"]
    row(
        "  key to picture, ms: p50, p95, max",
        f"{statistics.median(keys):.0f}, {percentile(keys, 0.95):.0f}, {max(keys):.0f}",
    )
    row("  processor time of the main thread, of a second", f"{share:.0%}")
    row("  bytes down, up, HTTP requests", f"{received:,}, {sent:,}, {len(requests)}")
    await context.close()


async def growing(browser: Browser, server: Running, upstream: Upstream) -> None:
    """Replies of one long block each."""
    for name, (head, line) in BLOCKS.items():
        text = head + line * (BLOCK_CHARS // len(line))
        pieces = [chunk({"content": text[at : at + 160]}) for at in range(0, len(text), 160)]
        gates = {at: asyncio.Event() for at in range(1, len(pieces))}
        upstream.script(Script(pieces=[*pieces, chunk(finish="stop"), DONE], gates=gates))
        context = await browser.new_context(base_url=server.url)
        page = await context.new_page()
        await page.goto("/")
        await page.wait_for_function(
            "() => document.getElementById('state').dataset.state === 'ready'"
        )
        await page.fill("#say", "Go")
        await browser.start_tracing(page=page, categories=["toplevel"])
        await page.press("#say", "Enter")
        for gate in gates.values():
            await asyncio.sleep(160 / 4 / 2_000)
            gate.set()
        await page.wait_for_selector("article.assistant.last[aria-busy=false]", timeout=60_000)
        await asyncio.sleep(1)
        events = json.loads(await browser.stop_tracing())["traceEvents"]
        main = {
            (event["pid"], event["tid"])
            for event in events
            if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
        }
        tasks = [
            event.get("tdur", 0) / 1000
            for event in events
            if event["name"].endswith("RunTask") and (event["pid"], event["tid"]) in main
        ]
        row(f"{len(text):,} characters of one {name}: longest task, ms", f"{max(tasks):.0f}")
        await context.close()


def longest(tasks: list[float]) -> str:
    """How many there were, and the longest."""
    return f"{len(tasks)}, {max(tasks, default=0):.0f}"


async def watched(page: Page) -> Any:
    """A session that counts the processor time of the page's main thread."""
    cdp = await page.context.new_cdp_session(page)
    await cdp.send("Performance.enable", {"timeDomain": "threadTicks"})
    return cdp


async def busy(cdp: Any) -> float:
    """Seconds of processor time of the page's main thread."""
    metrics = (await cdp.send("Performance.getMetrics"))["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


async def remember(server: Running) -> None:
    """The long conversation."""
    store, user = server.app.store, server.app.settings.user
    text = PART.format(n=1)
    first = (await store.append(user, SESSION, "user", "0", title="Long")).message
    session = await store.session(user, SESSION)
    assert session is not None
    roles = ("user", "assistant")
    await store.import_session(  # one commit, where appending each would be as many
        session,
        (
            msgspec.to_builtins(
                msgspec.structs.replace(
                    first,
                    id=first.id + number,
                    role=roles[number % 2],
                    text=f"{number}\n\n{text}",
                    client_id=None,
                    uid=str(uuid4()),
                )
            )
            for number in range(1, MESSAGES)
        ),
    )


async def reading_back(browser: Browser, server: Running, upstream: Upstream) -> None:
    """The long conversation: its pages, and a reply at its end."""
    context = await browser.new_context(base_url=server.url)
    page = await context.new_page()
    await page.goto(f"/?session={SESSION}")
    await page.wait_for_selector("article.last")
    await page.evaluate(WATCH)
    cdp = await watched(page)
    pages, work = list[float](), list[float]()
    older = page.locator(".older").first  # by its role it would be sought among all buttons
    while await older.is_visible() and len(pages) < PAGES:
        before = await busy(cdp)
        pages.append(await page.evaluate(PAGE_BACK))
        work.append(1000 * (await busy(cdp) - before))
    tasks = await page.evaluate("seen.long.splice(0)")
    row(
        f"{MESSAGES:,} messages, {len(pages)} pages back, ms until shown: p50, p95",
        f"{statistics.median(pages):.0f}, {percentile(pages, 0.95):.0f}",
    )
    row(
        "  processor time of the main thread a page, ms: p50, p95",
        f"{statistics.median(work):.0f}, {percentile(work, 0.95):.0f}",
    )
    row("  long tasks: count, longest ms", longest(tasks))
    upstream.say(*reply(1_000))
    await page.locator(".jump").click()
    await page.evaluate("seen.long.splice(0)")
    await page.fill("#say", "Go")
    await page.press("#say", "Enter")
    await page.wait_for_selector("article.assistant.last[aria-busy=false]", timeout=60_000)
    await asyncio.sleep(1)
    tasks = await page.evaluate("seen.long")
    row("  a reply of 1,000 tokens then, long tasks: count, longest ms", longest(tasks))
    await context.close()


PAGE_BACK = """async () => {
  const { fetch } = window;
  let began = 0;
  window.fetch = async (...given) => {
    const answer = await fetch(...given);
    const text = await answer.text();
    began = performance.now();
    return new Response(text, answer);
  };
  const first = () => document.querySelector(".entries article").id;
  const before = first();
  document.getElementById("conversation").scrollTop = 0;
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  document.querySelector(".older:not([hidden])").click();
  while (first() === before) await new Promise((done) => setTimeout(done));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  window.fetch = fetch;
  return performance.now() - began;
}"""


@asynccontextmanager
async def slow(url: str) -> AsyncIterator[str]:
    """The same server at the end of a slow line."""
    port = int(url.rpartition(":")[2])

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while data := await reader.read(65_536):
            loop.call_later(LATENCY, writer.write, data)
        loop.call_later(LATENCY, writer.close)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, out = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, out), copy(theirs, writer), return_exceptions=True)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    listening.close()


async def opening(browser: Browser, server: Running) -> None:
    """The newest messages of the long conversation over the slow line."""
    async with slow(server.url) as url:
        context = await browser.new_context(base_url=url)
        page = await context.new_page()
        await page.goto("/")
        await page.wait_for_function(
            "() => document.getElementById('state').dataset.state === 'ready'"
        )
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.url))
        page.on("websocket", lambda ws: ws.on("framesent", lambda _: sent.append("a frame")))
        took = []
        asked = 0
        for _ in range(5):
            await page.get_by_role("button", name="New conversation").click()
            await page.wait_for_function(
                "() => document.getElementById('state').dataset.state === 'ready'"
            )
            sent.clear()
            took.append(await page.evaluate(OPENED, SESSION))
            asked = max(asked, sum("/api/session/" in one or one == "a frame" for one in sent))
        await context.close()
        links: list[tuple[float, float]] = []
        for _ in range(3):
            context = await browser.new_context(base_url=url)
            page = await context.new_page()
            times = []
            for _ in range(2):
                await page.goto(f"/?session={SESSION}", wait_until="commit")
                times.append(await page.evaluate(OPENED))
            links.append((times[0], times[1]))
            await context.close()
    row(
        f"opened over {2000 * LATENCY:.0f} ms there and back: ms until formatted, median",
        f"{statistics.median(took):.0f}",
    )
    row("  frames and requests for it beside the socket's handshake", str(asked))
    for what, values in zip(("nothing", "all"), zip(*links, strict=True), strict=True):
        row(f"  by a link, {what} of the page in the cache", f"{statistics.median(values):.0f}")


OPENED = """async (session) => {
  const began = session ? performance.now() : 0;
  if (session) document.querySelector(`#sessions a[data-session="${session}"]`).click();
  const codes = () => [...document.querySelectorAll("article:nth-last-child(-n + 3) .code pre")];
  while (!codes().length || codes().some((one) => !one.querySelector(".k"))) {
    await new Promise((done) => requestAnimationFrame(done));
  }
  return performance.now() - began;
}"""
"""Milliseconds from the click, or the navigation, until every message in view is formatted."""


async def main() -> None:
    """Measure all."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            Upstream() as upstream,
            serving(
                Path(folder) / "genpy.db",
                GENPY_LLM_URL=upstream.url,
                GENPY_LLM_MODEL="scripted",
            ) as server,
            async_playwright() as playwright,
        ):
            browser = await launch(playwright)
            await remember(server)
            print(
                f"Python {platform.python_version()}, Chromium {browser.version}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
            )
            parts = {
                "streaming": lambda: streaming(browser, server, upstream),
                "growing": lambda: growing(browser, server, upstream),
                "reading_back": lambda: reading_back(browser, server, upstream),
                "opening": lambda: opening(browser, server),
            }
            for name in sys.argv[1:] or parts:
                async with asyncio.timeout(PART_SECONDS):
                    await parts[name]()
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
