"""A visit of the pages by a real browser, which must never do what a page of ours never does."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    Playwright,
    ViewportSize,
    expect,
)

# The same engine without the window around it takes half the processor time.
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "chromium-browser"))),
    None,
)
FIREFOX = shutil.which("firefox-esr")
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--in-process-gpu"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--renderer-process-limit=1",  # else each visit also starts the process of another page
)
FIREFOX_PREFERENCES: dict[str, str | float | bool] = {
    "dom.ipc.processPrelaunch.enabled": False,
    "layers.gpu-process.enabled": False,
    "media.rdd-process.enabled": False,
    "media.utility-process.enabled": False,
    "network.process.enabled": False,
}
"""No processes beside those that a page needs: they take a fifth of the processor time."""
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)
OWN_SCHEMES = ("data:", "blob:", "about:")

REPORT = """
addEventListener("securitypolicyviolation", (event) =>
  report(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""


async def launch(playwright: Playwright) -> Browser:
    """Debian's Chromium, which asks nobody anything by itself."""
    return await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)


async def launch_firefox(playwright: Playwright) -> Browser:
    """Debian's Firefox, which is driven by WebDriver BiDi."""
    return await playwright.firefox.launch(
        channel="moz-firefox",
        executable_path=FIREFOX,
        firefox_user_prefs=FIREFOX_PREFERENCES,
    )


@dataclass
class Visit:
    """One browser profile; `violations`, `elsewhere`, `errors` and `dialogs` must stay empty."""

    context: BrowserContext
    page: Page
    url: str
    violations: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def found(self) -> dict[str, list[str]]:
        """What happened that never should."""
        seen = {
            "CSP reports": self.violations,
            "requests elsewhere": self.elsewhere,
            "errors of scripts": self.errors,
            "dialogs": self.dialogs,
        }
        return {name: list(entries) for name, entries in seen.items() if entries}

    async def say(self, text: str, page: Page | None = None) -> None:
        """Write a message and send it by Enter."""
        box = (
            (page or self.page)
            .get_by_label("Your message", exact=True)
            .and_((page or self.page).locator("textarea"))
        )
        await box.fill(text)
        await box.press("Enter")

    def reply(self, page: Page | None = None) -> Locator:
        """The newest reply, finished or not."""
        return (page or self.page).locator("article.assistant").last

    async def finished(self, page: Page | None = None) -> Locator:
        """The newest reply once it is over."""
        page = page or self.page
        await page.wait_for_selector("article.assistant.last[aria-busy=false]")
        return self.reply(page)

    async def state(self, words: str, page: Page | None = None) -> None:
        """Wait until the page says that its connection is so."""
        await (page or self.page).wait_for_function(
            "words => document.getElementById('state-words').textContent.includes(words)", arg=words
        )


@asynccontextmanager
async def visiting(
    browser: Browser, url: str, path: str = "/", **options: Any
) -> AsyncIterator[Visit]:
    """Open a page in a new profile, and check at the end that nothing happened that never should."""
    context = await browser.new_context(base_url=url, **{"viewport": DESKTOP, **options})
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    visit = Visit(context, page, url)
    await context.expose_binding("report", lambda _, text: visit.violations.append(text))
    await context.add_init_script(REPORT)
    socket_url = url.replace("http", "ws", 1)
    context.on(
        "request",
        lambda request: (
            request.url.startswith((url, socket_url, *OWN_SCHEMES))
            or visit.elsewhere.append(request.url)
        ),
    )
    context.on("weberror", lambda error: visit.errors.append(str(error.error)))
    context.on("dialog", lambda dialog: visit.dialogs.append(dialog.message))
    try:
        await page.goto(path)
        yield visit
        found = visit.found()
        assert found == {}, found
    finally:
        await context.close()
