"""Text that nobody trusts, in a real browser: no script runs, nothing is asked of anyone else."""

import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
import pytest
from pages.test_cuts import HASTE, SAID, said
from playwright.async_api import Browser, Route, WebSocketRoute, expect
from support.browser import Visit, visiting
from support.hostile_html import CASES, MARKDOWN, PWN
from support.running_server import Running
from support.scripted_model import Upstream

from genpy_server.core.models import ErrorAnswer
from genpy_server.web import routes
from genpy_server.web.docs.documents import SERVER_FRAMES
from genpy_server.web.docs.schemas import example
from genpy_server.web.markdown import sanitise
from genpy_server.wire import decode_server, encode

pytestmark = pytest.mark.asyncio(loop_scope="session")

REF = "00000000-0000-4000-8000-000000000002"

SEEN = """() => {
  const kept = new Set(["A", "BLOCKQUOTE", "BR", "CODE", "DEL", "EM", "H3", "H4", "H5", "H6", "HR",
    "LI", "OL", "P", "PRE", "S", "SPAN", "STRONG", "TABLE", "TBODY", "TD", "TH", "THEAD", "TR",
    "UL", "DIV", "BUTTON", "svg", "path"]);
  const strange = [];
  for (const body of document.querySelectorAll(".body, .harness")) {
    for (const node of body.querySelectorAll("*")) {
      if (!kept.has(node.tagName)) strange.push(node.tagName);
      for (const { name, value } of node.attributes) {
        if (/^on|^style$|^src|^id$|^name$/i.test(name)) strange.push(`${node.tagName} ${name}`);
        if (name === "href" && !/^(https?|mailto):/i.test(value)) strange.push(value);
      }
      if (node.tagName === "A" && node.hasAttribute("href")
        && (node.rel !== "noopener noreferrer" || node.target !== "_blank")) strange.push(node.outerHTML);
    }
  }
  return { pwned: window.pwned ?? null, strange };
}"""


async def harmless(visit: Visit) -> None:
    """Nothing ran, and nothing is on the page that our renderer does not make."""
    assert await visit.page.evaluate(SEEN) == {"pwned": None, "strange": []}


async def source(visit: Visit) -> str:
    """The address of the page's script."""
    found = await visit.page.locator("script[src$='chat.js']").get_attribute("src")
    assert found is not None
    return found


async def put(visit: Visit, texts: Sequence[str]) -> None:
    """Show HTML by the page's own function for it."""
    await visit.page.evaluate(
        """async ([source, texts]) => {
          const { nodes } = (await import(source)).$api;
          const place = document.createElement("div");
          place.className = "harness";
          document.body.append(place);
          for (const html of texts) place.append(nodes(html));
        }""",
        [await source(visit), texts],
    )


async def store(server: Running, role: Any, texts: Sequence[str]) -> None:
    """Put messages in the store as if they had been said."""
    store, user = server.app.store, server.app.settings.user
    for text in texts:
        await store.append(user, REF, role, text.replace("\x00", "\ufffd"), title=text[:200])


async def test_hostile_messages_do_nothing(browser: Browser, server: Running):
    """More than 300 known attacks, stored as messages and titles, are shown and do nothing."""
    assert len(set(CASES)) > 300
    await store(server, "user", CASES[::2])
    await store(server, "assistant", CASES[1::2])
    async with visiting(browser, server.url, f"/?session={REF}") as visit:
        page = visit.page
        articles = page.locator("article.message")
        await expect(articles.first).to_be_attached()
        older = page.get_by_role("button", name="Earlier messages")
        while await older.is_visible():
            await harmless(visit)
            before = await articles.first.get_attribute("id")
            await older.dispatch_event("click")
            await page.wait_for_function(
                "id => document.querySelector('article.message').id !== id", arg=before
            )
        await harmless(visit)


async def test_a_hostile_reply_does_nothing_while_it_streams(
    browser: Browser, server: Running, upstream: Upstream
):
    """A reply made of attacks, cut anywhere into tokens, does nothing at any moment."""
    text = "\n\n".join(MARKDOWN[:40])
    pieces = [text[at : at + 7] for at in range(0, len(text), 7)]
    gate = upstream.say(*pieces, paused_at=len(pieces) // 2)
    async with visiting(browser, server.url) as visit:
        await visit.say("Attack")
        await expect(visit.reply().locator(".body p").first).to_be_visible()
        await harmless(visit)
        gate.set()
        await visit.finished()
        await harmless(visit)


FRAMES = (
    *("rubbish", "null", "[]", "{", b"\xff", '{"type": 5}', '{"type": "message"}'),
    *('{"type": "ready"}', '{"type": "delta", "run": 1}', '{"type": "session", "title": {}}'),
    *('{"type": "settings", "params": []}', '{"type": "notice", "text": null}', '{"type": "ack"}'),
    '{"type": "message", "message_id": 9, "role": "user", "text": "", "at": "", "meta": {"tools": [1]}}',
)


async def test_a_frame_that_cannot_be_right_costs_its_connection(
    browser: Browser, server: Running, upstream: Upstream
):
    """A malformed frame is not shown: the page attaches again, and waits longer each time."""
    upstream.say("Still here.")
    sockets: list[WebSocketRoute] = []

    def between(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        socket.connect_to_server()

    async with visiting(browser, server.url) as visit:
        page = visit.page
        await page.route_web_socket("**/ws/**", between)
        await page.reload()
        for number, frame in enumerate(FRAMES, 1):
            await visit.state("Connected")
            await page.evaluate(SAID)
            sockets[-1].send(frame)
            await said(page, f"answer cannot be read, attempt {number} in")
            # Also where the page is back already, and the button gone.
            await page.locator("#retry-now").dispatch_event("click")
        await visit.say("Are you there?")
        await visit.finished()
        await expect(page.locator("article .body")).to_have_text(["Are you there?", "Still here."])


ANSWERS: tuple[dict[str, Any], ...] = (
    {"body": '{"sessions": [{"title": 5}], "on": "yes", "notes": [null]}'},
    {"body": "<title>Sign in</title>"},
    {"status": 302, "headers": {"Location": "http://elsewhere.invalid/"}},
    {"status": 502, "body": '{"error": {"code": 5, "message": {}}}'},
)
FIT = """async ([source, answers, frames]) => {
  const { ANSWERS, fits, frameOf } = await import(source.replace("chat.js", "shapes.js"));
  const right = { on: true, notes: [{ number: 1, text: "", said: null }], more: 1 };
  const note = (number, text) => ({ on: true, notes: [{ number, text }] });
  const wrong = [null, [], [right], "text", 5, true, {}, { on: 1, notes: [] }, { on: true },
    { on: true, notes: {} }, { on: true, notes: [null] }, note("1", ""), note(1, null)];
  const bare = new Set(frames.map((frame) => JSON.parse(frame).type));
  return {
    passed: wrong.filter((one) => fits(one, ANSWERS.memory)),
    barred: [
      ...[["memory", right], ...answers].filter(([name, one]) => !fits(one, ANSWERS[name])),
      ...frames.filter((frame) => !frameOf(frame)),
    ],
    // All that such a frame says may be left out.
    bare: [...bare].filter((type) => frameOf(JSON.stringify({ type }))).sort(),
  };
}"""
ROUTES = {
    "GET /api/search": "search",
    "GET /api/session/{ref}/context": "context",
    "GET /api/session/{ref}/export": "export",
    "GET /api/session/{ref}/memory": "memory",
    "GET /api/session/{ref}/messages": "messages",
    "GET /api/session/{ref}/summary": "session",
    "GET /api/sessions": "sessions",
    "GET /api/models": "models",
    "GET /api/prompts": "prompts",
    "POST /api/prompts/{tool}": "prompt",
    "POST /api/session/{ref}/rate": "rating",
    "GET /api/setup": "setup",
    "POST /api/setup": "tried",
}
"""What the page asks for, and its sample of the answer."""


def examples(server: Running) -> tuple[list[tuple[str, Any]], list[str]]:
    """Answers and frames as the documentation shows them; frames also without what may be left out."""
    shown = {f"{one.method} {one.pattern}": one.answer for one in routes.ROUTES}
    answers = [(name, example(shown[route])) for route, name in ROUTES.items()]
    frames = [msgspec.json.encode(example(kind)).decode() for kind in SERVER_FRAMES]
    least = []
    for text in frames:
        frame = decode_server(text)
        assert frame is not None
        given = {
            field.name: field.default
            for field in msgspec.structs.fields(frame)
            if not field.required
        }
        plain = {name: value for name, value in given.items() if value is not msgspec.NODEFAULT}
        least.append(encode(msgspec.structs.replace(frame, **plain)))
    return [*answers, ("error", example(ErrorAnswer))], [*frames, *least]


async def test_an_answer_that_cannot_be_right_is_said(browser: Browser, server: Running):
    """Whatever answers in the place of the API, the page says so, and tries again when it is told to."""
    await store(server, "user", ["One"])
    why = re.compile("answer cannot be read|answers with (302|502)")
    async with visiting(browser, server.url, f"/?session={REF}") as visit:
        page, listed, alert = (
            visit.page,
            visit.page.locator("#sessions"),
            visit.page.locator("[role=alert]"),
        )
        await page.add_init_script(HASTE)
        await page.reload()
        await expect(page.locator("article")).to_have_count(1)
        assert await page.evaluate(FIT, [await source(visit), *examples(server)]) == {
            "passed": [],
            "barred": [],
            "bare": ["settings", "summary"],
        }
        for number, answer in enumerate(ANSWERS):
            await page.route("**/api/session**", partial(Route.fulfill, **answer))
            await page.get_by_role("searchbox").fill(f"One {number}")
            await expect(listed).to_have_text(why)
            await visit.say("/memory")
            await expect(alert).to_be_visible()
            await expect(alert).to_contain_text(why)
            await page.unroute("**/api/session**")
            await alert.get_by_role("button", name="Try again").click()
            await expect(page.get_by_role("dialog")).to_contain_text("No notes.")
            await page.keyboard.press("Escape")
            await listed.get_by_role("button", name="Try again").click()
            await expect(listed).to_contain_text("No conversation is called that.")
        await page.route("**/api/session**", partial(Route.fulfill, body="null"))
        await page.goto(f"/summary/{REF}")
        await expect(alert).to_contain_text(why)
        await page.unroute("**/api/session**")
        await alert.get_by_role("button", name="Try again").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("One")
        await expect(alert).to_be_hidden()


ANSWERED = """(body) => {
  window.fetched ??= window.fetch;
  window.asked = 0;
  window.fetch = async (address, { signal }) => {
    if (!body) {
      window.asked += 1;
      return new Promise((_, refuse) => signal.addEventListener("abort", refuse));
    }
    let begun = false;
    const pull = async (stream) => {
      if (body === "endless" || !begun) {
        begun = true;
        stream.enqueue(new Uint8Array(2 ** 24));
        return;
      }
      window.asked += 1; // when what came first was read, and more is waited for
      await new Promise(() => {});
    };
    const start = (stream) => signal.addEventListener("abort", () => stream.error(signal.reason));
    return new Response(new ReadableStream({ start, pull }));
  };
}"""
"""A fetch that gets no answer, one that stops in its middle, or one without an end."""
TRY_AGAIN = """() => {
  const again = [...document.querySelectorAll("#sessions button")].find(
    (one) => one.textContent === "Try again",
  );
  if (again) window.fetch = fetched;
  again?.click();
  return again;
}"""
"""Lets answers come and clicks at once, before the list loads by itself."""


@pytest.mark.parametrize(
    ("body", "why"),
    [(None, "does not answer"), ("stuck", "does not answer"), ("endless", "cannot be read")],
)
async def test_an_answer_without_an_end_is_given_up(
    browser: Browser, server: Running, body: str | None, why: str
):
    """After half a minute of silence, or 64 MiB, the page says so, and tries again when it is told to."""
    await store(server, "user", ["One"])
    async with visiting(browser, server.url) as visit:
        page = visit.page
        await page.clock.install()
        await page.goto(f"/?session={REF}")
        await visit.state("Connected")
        await visit.say("/help")  # so that its module is there
        await expect(page.get_by_role("dialog")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_be_hidden()
        await page.evaluate(ANSWERED, body)
        await visit.say("/memory")
        await page.get_by_role("searchbox").fill("One")
        await page.clock.run_for(1_000)
        if body != "endless":
            await page.wait_for_function("() => asked >= 3")
            await expect(page.get_by_role("alert")).to_be_hidden()
            await page.clock.run_for(30_000)
        listed, alert = page.locator("#sessions"), page.get_by_role("alert")
        for place in (listed, alert):
            await expect(place).to_contain_text(why)
        await page.wait_for_function(TRY_AGAIN)
        await expect(listed.locator("a").first).to_contain_text("One")
        await alert.get_by_role("button", name="Try again").click()
        await expect(page.get_by_role("dialog")).to_contain_text("No notes.")


async def test_sanitiser_and_policy_hold_by_themselves(browser: Browser, server: Running):
    """Even HTML that no parser had tamed does nothing once it went through the sanitiser.

    Were that to fail, the page's own policy would still run and load nothing.
    """
    async with visiting(browser, server.url) as visit:
        await put(visit, [sanitise(case) for case in CASES])
        await harmless(visit)
        assert visit.found() == {}
        await put(visit, [f"<img src=x onerror={PWN}>", "<img src=http://elsewhere.invalid/x.png>"])
        await expect(visit.page.locator("body > .harness > img")).to_have_count(2)
        await visit.page.wait_for_function("() => document.images[1].complete")
        assert await visit.page.evaluate("window.pwned ?? null") is None
        assert visit.violations
        visit.violations.clear()
        visit.elsewhere.clear()
