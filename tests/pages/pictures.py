"""Makes the README's pictures of the pages, from the real server with a scripted model.

    .venv/bin/python tests/pages/pictures.py

Writes docs/page-*.png. Needs Chromium, as the tests of the pages do.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

sys.path.insert(0, str(Path(__file__).parent.parent))

from support.browser import launch
from support.running_server import Running, serving
from support.scripted_model import Upstream

DOCS = Path(__file__).parents[2] / "docs"
WIDE = {"width": 1120, "height": 720}
PHONE = {"width": 390, "height": 720}
EARLIER = (
    "Three days in Lisbon",
    "Why does my Wi-Fi drop after sleep?",
    "Explain how a hash table works",
    "Names for a small bakery",
)
QUESTION = "Write a Python function that merges two sorted lists"
REPLY = """A generator does it without building a third list:

```python
def merge(left, right):
    \"\"\"Yield the items of both, smallest first.\"\"\"
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i] <= right[j]:
            yield left[i]; i += 1
        else:
            yield right[j]; j += 1
    yield from left[i:] or right[j:]
```

It is **stable**, and both lists must be sorted already. The standard library has the same for any
number of lists: `heapq.merge`.
"""
SUMMARY = {
    "summary": "The person asked for a Python function that merges two sorted lists. A generator "
    "was written that needs no third list; its stability and the standard library's heapq.merge "
    "were pointed out.",
    "topics": ["sorted lists", "python generators", "heapq"],
    "sentiment": "positive",
    "outcomes": ["A merge function was written.", "Its tests are left to the person."],
}


async def tell(server: Running, upstream: Upstream) -> None:
    """Earlier conversations, and what the model is going to say."""
    user = server.app.settings.user
    for number, title in enumerate(EARLIER, 1):
        ref = f"00000000-0000-4000-8000-{number:012}"
        for text in (title, "…"):
            await server.app.store.append(user, ref, "user", text, title=title)
    upstream.answer = SUMMARY
    upstream.say(*REPLY.split(" ")[:1], *(f" {word}" for word in REPLY.split(" ")[1:]))


async def talk(page: Page) -> None:
    """The conversation that is shown."""
    await page.fill("#say", QUESTION)
    await page.press("#say", "Enter")
    await page.wait_for_selector("article.assistant.last[aria-busy=false] pre[data-language] span")
    await page.wait_for_timeout(300)


async def shoot(browser: Browser, server: Running, upstream: Upstream) -> None:
    """Each page, in the look it is shown in."""
    await tell(server, upstream)
    context = await browser.new_context(base_url=server.url, viewport=WIDE)
    page = await context.new_page()
    await page.goto("/")
    await talk(page)
    session = page.url.partition("=")[2]
    await page.screenshot(path=DOCS / "page-chat.png")
    await page.get_by_role("button", name="End", exact=True).click()
    await page.get_by_title("5 of 5").click()
    await page.goto(f"/summary/{session}")
    await page.wait_for_selector("#transcript .code pre span")
    await page.screenshot(path=DOCS / "page-summary.png")
    await page.goto("/docs#frame-send")
    await page.screenshot(path=DOCS / "page-docs.png")
    await context.close()
    phone = await browser.new_context(base_url=server.url, viewport=PHONE, color_scheme="dark")
    page = await phone.new_page()
    await page.goto(f"/?session={session}")
    await page.wait_for_selector(".ending .topics")
    await page.wait_for_timeout(300)
    await page.screenshot(path=DOCS / "page-phone.png")
    await phone.close()


async def main() -> None:
    """Start everything, take the pictures, stop everything."""
    DOCS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with (
            Upstream() as upstream,
            serving(
                Path(folder) / "genpy.db",
                GENPY_LLM_URL=upstream.url,
                GENPY_LLM_MODEL="gpt-oss-120b",
            ) as server,
            async_playwright() as playwright,
        ):
            browser = await launch(playwright)
            await shoot(browser, server, upstream)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
