"""The chat page in a real browser: said, seen, stopped, asked again, ended, rated, found."""

import asyncio
import re
from pathlib import Path

import pytest
from pages.test_keyboard import one_picture
from playwright.async_api import Browser, Route, expect
from support.browser import visiting
from support.running_server import Running
from support.scripted_model import DONE, Script, Upstream, chunk

from genpy_server.core.models import Memory, MessageMeta, ToolRecord
from genpy_server.wire import REPLY_WAITS, Notice

pytestmark = pytest.mark.asyncio(loop_scope="session")

CODE = "Here it **is**:\n\n```python\nprint('hi')\n```\n\nThat prints `hi`."


async def test_a_conversation_from_first_word_to_rating(
    browser: Browser, server: Running, upstream: Upstream
):
    """A person talks, sees code, ends the session, rates it, and the rating is kept."""
    upstream.say(*CODE)
    async with visiting(browser, server.url) as visit:
        page = visit.page
        await visit.state("Connected")
        await visit.say("Print hi in Python")
        reply = await visit.finished()
        await expect(reply.locator("strong")).to_have_text("is")
        await expect(reply.locator("pre .s").first).to_be_visible()
        await expect(page.locator("article.user .body")).to_have_text("Print hi in Python")
        await page.get_by_role("button", name="End", exact=True).click()
        ending = page.get_by_role("region", name="The end of this conversation")
        await expect(ending).to_contain_text("got one")
        await ending.get_by_title("4 of 5").click()
        await expect(page.locator("#sessions .told")).to_contain_text("4 of 5")
        await ending.get_by_role("link", name="Open the summary").click()
        await expect(page.get_by_role("radio", name="4 of 5")).to_be_checked()


async def test_a_reply_that_waits_for_the_database_says_so(
    browser: Browser, server: Running, upstream: Upstream
):
    """A line says it until the reply goes on."""
    gate = upstream.say("One ", "two.", paused_at=1)
    async with visiting(browser, server.url) as visit:
        await visit.say("Count")
        await expect(visit.reply().locator(".body")).to_have_text("One")
        (live,) = server.app.hub._live.values()
        for _ in range(2):
            live.publish(Notice(0, REPLY_WAITS, "The disk is full."))
        await expect(visit.page.locator(".notice")).to_have_text("The disk is full.")
        gate.set()
        await visit.finished()
        await expect(visit.page.locator(".notice")).to_have_count(0)


async def test_code_is_copied_as_it_is(browser: Browser, server: Running, upstream: Upstream):
    """The button above a block of code copies the code and nothing else, or says that it cannot."""
    upstream.say(CODE)
    async with visiting(browser, server.url) as visit:
        await visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await visit.say("Print hi")
        reply = await visit.finished()
        await reply.get_by_role("button", name="Copy code").click()
        await expect(visit.page.get_by_role("status").filter(has_text="Copied.")).to_have_count(1)
        read = "navigator.clipboard.readText()"
        assert await visit.page.evaluate(read) == "print('hi')\n"
        await visit.page.evaluate(
            "() => { navigator.clipboard.writeText = () => Promise.reject(Error()); }"
        )
        await reply.get_by_role("button", name="Copy what GenPy said").click()
        await expect(reply.locator("footer").get_by_role("button", name="Copied")).to_be_focused()
        assert await visit.page.evaluate(read) == CODE
        await visit.page.evaluate("() => { document.execCommand = () => false; }")
        await visit.page.get_by_role("button", name="Copy what You said").click()
        await expect(visit.page.locator("#spoken")).to_contain_text("browser does not allow it")


async def test_a_reply_grows_formatted(browser: Browser, server: Running, upstream: Upstream):
    """While a reply streams, finished blocks are HTML already and stay the same nodes.

    It is announced once when it begins, and read once it is over.
    """
    gate = upstream.say(
        "A **first** block.\n\n", "- one\n- *two*\n", "- thr", "ee\n\nEnd.", paused_at=3
    )
    async with visiting(browser, server.url) as visit:
        await visit.say("Go")
        reply = visit.reply()
        await expect(reply.locator("strong")).to_have_text("first")
        await expect(reply.locator("li em")).to_have_text("two")
        await expect(reply.locator("li")).to_have_text(["one", "two", "thr"])
        assert await reply.get_attribute("aria-busy") == "true"
        spoken = visit.page.locator("#spoken")
        await expect(spoken).to_have_text("GenPy is writing.")
        await reply.locator("strong").evaluate("node => { node.marked = true; }")
        gate.set()
        await visit.finished()
        await expect(reply.locator("li")).to_have_count(3)
        assert await reply.locator("strong").evaluate("node => node.marked")
        await expect(spoken).to_have_text(re.compile("^GenPy: A first block.*End.$", re.DOTALL))


ONE_STEP = """() => {
  let now = performance.now();
  performance.now = () => (now += 10);
}"""
"""A processor so slow that one step of formatting is all that fits between two pictures."""


async def test_a_reply_is_announced_whole(browser: Browser, server: Running, upstream: Upstream):
    """A screen reader hears all of a reply, though it takes many pictures to be formatted."""
    words = [f"word{number}" for number in range(20)]
    gate = upstream.say("\n\n".join(words[:3]), "\n\n".join(["", *words[3:]]), paused_at=1)
    async with visiting(browser, server.url) as visit:
        await visit.say("Count")
        await expect(visit.reply().locator(".body p")).to_have_text(words[:3])
        async with one_picture(visit):
            await visit.page.evaluate(ONE_STEP)
            gate.set()
        await expect(visit.page.locator("#spoken")).to_have_text(f"GenPy: {' '.join(words)}")


async def test_a_reply_that_fails_or_is_stopped_says_so(
    browser: Browser, server: Running, upstream: Upstream
):
    """A model that fails leaves a sentence in place of its reply, which can be asked for again.

    Of a reply that is stopped what came is kept; before the first word nothing is promised.
    """
    upstream.fail(401, "invalid_api_key")
    upstream.say("Half.", " Never.", paused_at=1)
    upstream.say("Never.", paused_at=0)
    async with visiting(browser, server.url) as visit:
        await visit.say("Go")
        reply = await visit.finished()
        await expect(reply.locator(".note")).to_be_visible()
        await expect(visit.page.get_by_role("alert")).to_be_hidden()
        await reply.get_by_role("button", name="Answer again").click()
        await expect(visit.reply().locator(".body")).to_have_text("Half.")
        await visit.page.get_by_role("button", name="Stop the reply").click()
        reply = await visit.finished()
        await expect(reply).to_contain_text("Stopped by you. What came is kept.")
        await expect(visit.page.locator("#spoken")).to_have_text(
            "GenPy: Half. Stopped by you. What came is kept."
        )
        await expect(reply.locator(".body")).to_have_text("Half.")
        await visit.say("Go")
        await expect(visit.page.locator("article.assistant")).to_have_count(2)
        await visit.page.get_by_role("button", name="Stop the reply").click()
        reply = await visit.finished()
        await expect(reply.locator(".note")).to_have_text("Stopped by you before anything came.")


async def test_the_last_message_is_edited(browser: Browser, server: Running, upstream: Upstream):
    """Editing answers again; what was said before stays, marked, also after a reload."""
    upstream.say("Lyon is loud.")
    upstream.say("Oslo is cold.")
    async with visiting(browser, server.url) as visit:
        page = visit.page
        box = page.locator("#say")
        await visit.say("Tell me about Lyon")
        await visit.finished()
        await box.fill("a thought of mine")
        await page.get_by_role("button", name="Edit your last message").click()
        await expect(box).to_have_value("Tell me about Lyon")
        await expect(box).to_be_focused()
        await box.press("Escape")
        await expect(box).to_have_value("a thought of mine")
        await page.get_by_role("button", name="Edit your last message").click()
        await expect(page.locator("#editing")).to_be_visible()
        await visit.say("Tell me about Oslo")
        await expect(box).to_have_value("a thought of mine")
        await expect(visit.reply().locator(".body")).to_have_text("Oslo is cold.")
        for _ in range(2):
            await expect(page.locator("article.replaced .body")).to_have_text(
                ["Tell me about Lyon", "Lyon is loud."]
            )
            await expect(page.locator("article.message:not(.replaced) .body")).to_have_text(
                ["Tell me about Oslo", "Oslo is cold."]
            )
            await expect(page.locator(".edited:visible")).to_have_text(
                ["edited", "to an edited message"]
            )
            await expect(page.locator("#editing")).to_be_hidden()
            await page.reload()
    asked = [one["body"]["messages"] for one in upstream.requests if "messages" in one["body"]]
    (message,) = asked[-1][1:]
    said, _, _ = message["content"].partition("\n\n")  # a mode's prompt may follow
    assert said == "Tell me about Oslo"


async def test_an_edit_of_what_is_not_last_any_more_is_offered_as_new(
    browser: Browser, server: Running, upstream: Upstream
):
    """An edit that comes too late is refused with the reason, and goes out as a new message."""
    upstream.say("Lyon is loud.")
    upstream.say("Rome is old.")
    upstream.say("Oslo is cold.")
    async with visiting(browser, server.url) as visit:
        await visit.say("Tell me about Lyon")
        await visit.finished()
        await visit.page.get_by_role("button", name="Edit your last message").click()
        other = await visit.context.new_page()
        await other.goto(visit.page.url)
        await visit.state("Connected", other)
        await visit.say("Tell me about Rome", other)
        await expect(visit.reply().locator(".body")).to_have_text("Rome is old.")
        await visit.say("Tell me about Oslo")
        await expect(visit.page.locator(".pending")).to_contain_text("is another one")
        await visit.page.get_by_role("button", name="Send again").click()
        await expect(visit.reply().locator(".body")).to_have_text("Oslo is cold.")
        await expect(visit.page.locator("article.replaced")).to_have_count(0)


async def test_the_intent_is_told_and_corrected(
    browser: Browser, server: Running, upstream: Upstream
):
    """The chip says what was understood and why; another choice answers again in its place."""
    upstream.say("First.")
    upstream.say("Second.")
    async with visiting(browser, server.url) as visit:
        await visit.say("Write a Python function")
        reply = await visit.finished()
        chip = reply.locator(".chip summary")
        await expect(chip).to_have_text("Code assistant")
        assert await chip.get_attribute("title")
        await chip.click()
        await reply.get_by_role("button", name="Tutorial").click()
        await expect(visit.page.locator("article.assistant")).to_have_count(1)
        await expect(visit.reply().locator(".body")).to_have_text("Second.")
        await expect(visit.reply().locator(".chip summary")).to_have_text("Tutorial")


async def test_a_session_is_renamed_searched_opened_and_deleted(
    browser: Browser, server: Running, upstream: Upstream
):
    """The list finds a conversation by its title and by its words, and can rename and delete it.

    A hit deep in a long message is shown by the words around it, which are marked. What is found by
    its title is listed once, and not by one of its messages too.
    """
    store, user = server.app.store, server.app.settings.user
    upstream.say("The capital is Canberra.")
    async with visiting(browser, server.url) as visit:
        page = visit.page
        await visit.say("What is the capital of Australia?")
        await visit.finished()
        await page.get_by_role("button", name="More for this conversation").click()
        await page.get_by_role("button", name="Rename").click()
        await page.get_by_role("dialog").get_by_role("textbox").fill("Geography")
        await page.get_by_role("dialog").get_by_role("button", name="Rename").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Geography")
        await page.get_by_role("button", name="New conversation").click()
        await expect(page.locator("article")).to_have_count(0)
        search = page.get_by_role("searchbox")
        await search.fill("canberra")
        await page.get_by_role("link", name="The capital is Canberra").click()
        await expect(page.locator("article.assistant .body")).to_have_text(
            "The capital is Canberra."
        )
        await expect(page.locator("article.assistant")).to_be_focused()
        deep = f"{'word ' * 200}\u0130 needle {'word ' * 200}"  # which is longer in lower case
        await store.append(user, LONG, "user", deep, title="A geologist")
        await search.fill("needle")
        mark = page.locator("#sessions mark")
        await expect(mark).to_have_text("needle")
        assert await mark.evaluate(WITHIN_TITLE)
        await store.append(user, LONG, "user", "A message of a geologist", title="A geologist")
        await search.fill("geologist")
        titles = page.locator("#sessions .title")
        await expect(titles).to_have_text(["A geologist", "A message of a geologist"])
        await search.fill("geogr")
        await page.get_by_role("button", name=re.compile("More for .Geography")).click()
        await page.get_by_role("button", name="Delete").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await expect(page.locator("#sessions")).to_contain_text("No conversation is called that")
        await expect(page.get_by_role("heading", level=1)).to_have_text("New conversation")


WITHIN_TITLE = """mark => {
  const [row, word] = [mark.closest(".title"), mark].map((one) => one.getBoundingClientRect());
  return word.right <= row.right && word.bottom <= row.bottom;
}"""


LONG = "00000000-0000-4000-8000-000000000001"


async def remember(server: Running, count: int) -> list[int]:
    """A long conversation in the store; the ids of its messages."""
    store, user = server.app.store, server.app.settings.user
    first = (await store.append(user, LONG, "user", "Message 0", title="Long")).message
    session = await store.session(user, LONG)
    assert session is not None
    row = {"session_id": LONG, "role": "user", "at": first.at}
    rest = range(1, count)
    # One commit, where appending each would be as many.
    await store.import_session(
        session, ({**row, "id": first.id + number, "text": f"Message {number}"} for number in rest)
    )
    return [one.id for one in await store.messages(user, LONG, limit=count, after=first.id - 1)]


async def test_older_messages_come_before_the_first_is_reached(browser: Browser, server: Running):
    """A long conversation opens at its end; who scrolls up gets what was said before, and nothing moves."""
    await remember(server, 70)
    async with visiting(browser, server.url, f"/?session={LONG}") as visit:
        page = visit.page
        await expect(page.locator("article").last.locator(".body")).to_have_text("Message 69")
        await expect(page.locator("article").first.locator(".body")).to_have_text("Message 20")
        await expect(page.get_by_text("Message 69")).to_be_in_viewport()
        before, after = await page.evaluate(SCROLLED_BACK)
        assert abs(after - before) < 80  # the button above it is gone
        await expect(page.locator("article").first.locator(".body")).to_have_text("Message 0")
        await expect(page.get_by_role("button", name="Earlier messages")).to_be_hidden()
        await visit.say("/rate 9")  # a sentence stands above the box now
        await expect(page.get_by_role("alert")).to_be_visible()
        jump = await page.get_by_role("button", name="To the newest message").bounding_box()
        below = await page.locator("#bottom").bounding_box()
        assert jump is not None
        assert below is not None
        assert jump["y"] + jump["height"] <= below["y"]


SCROLLED_BACK = """async () => {
  const first = document.querySelector(".entries article");
  const top = () => first.getBoundingClientRect().top;
  document.getElementById("conversation").scrollTop = 300;
  const before = top();
  while (document.querySelector(".entries article") === first) {
    await new Promise((done) => requestAnimationFrame(done));
  }
  return [before, top()];
}"""
"""Where the first message is on the screen before and after those that come in front of it."""


async def test_answers_on_two_pages_are_one_to_flip_between(browser: Browser, server: Running):
    """Where a page of the history ends between two answers, only the newest one is shown with both."""
    store, user = server.app.store, server.app.settings.user
    asked = (await remember(server, 10))[-1]
    for text in ("The first.", "The second."):
        meta = MessageMeta(reply_to=asked)
        await store.append(user, LONG, "assistant", text, title="Long", meta=meta)
    await remember(server, 49)
    async with visiting(browser, server.url, f"/?session={LONG}") as visit:
        page = visit.page
        answers = page.locator("article.assistant")
        await expect(answers.locator(".body")).to_have_text(["The second."])
        await page.locator(".older").first.dispatch_event("click")
        await expect(page.locator("article").first).to_contain_text("Message 0")
        await expect(answers.locator(".body")).to_have_text(["The second."])
        await answers.get_by_role("button", name="Previous answer").click()
        await expect(answers.locator(".body")).to_have_text(["The first."])


async def test_the_times_of_tools_and_thoughts_are_told(browser: Browser, server: Running):
    """A tool's is told in seconds from one on; a thought that took some says so, where it is known."""
    store, user = server.app.store, server.app.settings.user
    asked = (await remember(server, 1))[-1]
    times = {"30.2 s": 30_230.0, "1.0 s": 999.6, "12 ms": 12.3, "1 ms": 0.1}
    meta = MessageMeta(
        reply_to=asked, tools=tuple(ToolRecord("stats", ms=ms) for ms in times.values())
    )
    await store.append(user, LONG, "assistant", "Asked.", title="Long", meta=meta)
    for ms in (12_300, None):
        meta = MessageMeta(reasoning="Hm.", first_token_ms=ms)
        await store.append(user, LONG, "assistant", "Done.", title="Long", meta=meta)
    async with visiting(browser, server.url, f"/?session={LONG}") as visit:
        await expect(visit.page.locator(".tool-state")).to_have_text(list(times))
        thoughts = visit.page.locator(".thinking summary")
        await expect(thoughts).to_have_text(["Thought for 12 s", "Thoughts"])


async def test_a_link_leads_to_an_old_message(browser: Browser, server: Running):
    """The address of a message opens its conversation there, however far back it was said.

    One button leads from there to the newest messages. A message that does not exist is said.
    """
    ids = await remember(server, 90)
    path = f"/?session={LONG}&message={ids[5]}"
    async with visiting(browser, server.url, path) as visit:
        wanted = visit.page.locator(f"#m{ids[5]}")
        await expect(wanted).to_be_focused()
        await expect(wanted).to_be_in_viewport()
        await expect(wanted.locator(".body")).to_have_text("Message 5")
        await expect(visit.page.locator(".jump")).to_be_visible()
        await visit.page.get_by_role("button", name="To the newest message").click()
        await expect(visit.page.get_by_text("Message 89")).to_be_in_viewport()
        await expect(visit.page.get_by_role("button", name="Later messages")).to_be_hidden()
        await visit.page.goto(f"/?session={LONG}&message=9999")
        await expect(visit.page.get_by_role("alert")).to_contain_text(
            "Message 9999 is not in this session."
        )
        await expect(visit.page.locator("article.last")).to_contain_text("Message 89")


async def test_a_far_message_opens_among_its_neighbours(browser: Browser, server: Running):
    """A hit at any distance is asked for once, with its words marked; who scrolls down gets to the end."""
    ids = await remember(server, 320)
    path = f"/?session={LONG}&message={ids[100]}&words=message+100"
    async with visiting(browser, server.url, path) as visit:
        page = visit.page
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await expect(page.locator(f"#m{ids[100]}")).to_be_in_viewport()
        assert sum("/messages?" in url for url in asked) <= 1
        await expect(page.locator("article")).to_have_count(50)
        await page.wait_for_function(
            "() => [...CSS.highlights.get('found') ?? []].map(String).join() === 'Message,100'"
        )
        await page.evaluate(SCROLLED_DOWN)
        await expect(page.locator("article.last .body")).to_have_text("Message 319")
        await expect(page.locator("article .body:empty")).to_have_count(0)
        numbers = [text.strip() for text in await page.locator("article .body").all_text_contents()]
        first = int(numbers[0].split()[1])
        assert numbers == [f"Message {number}" for number in range(first, 320)]


SCROLLED_DOWN = """async () => {
  const scroller = document.getElementById("conversation");
  while (!document.querySelector("article.last")) {
    scroller.scrollTop = scroller.scrollHeight;
    await new Promise((done) => requestAnimationFrame(done));
  }
}"""


async def test_a_conversation_read_far_back_stays_a_window(browser: Browser, server: Running):
    """Of a conversation of any length at most 300 messages are shown, and both ways lead on."""
    await remember(server, 402)
    async with visiting(browser, server.url, f"/?session={LONG}") as visit:
        page = visit.page
        await expect(page.locator("article.last .body")).to_have_text("Message 401")
        seen = await page.evaluate(READ_BACK)
        assert max(count for count, _ in seen) == 300
        assert seen[-1] == [300, "Message 0"]
        later = page.locator(".older:visible")
        await later.click()
        await expect(page.locator(".entries article").first).to_contain_text("Message 20")
        await page.locator(".jump").click()
        await expect(page.get_by_text("Message 401")).to_be_in_viewport()
        await expect(page.locator(".entries article")).to_have_count(200)
        await visit.say("Here")
        await expect(page.locator("article.user .body").last).to_have_text("Here")


READ_BACK = """async () => {
  const first = () => document.querySelector(".entries article .body").textContent.trim();
  const older = document.querySelector(".older");
  const seen = [];
  while (!older.hidden) {
    const before = first();
    older.click();
    while (["", before].includes(first())) await new Promise((done) => setTimeout(done, 5));
    seen.push([document.querySelectorAll(".entries article").length, first()]);
  }
  return seen;
}"""


async def test_a_conversation_is_opened_without_further_requests(browser: Browser, server: Running):
    """The newest messages come formatted over the socket alone."""
    await remember(server, 60)
    link = "[Rendered](https://a.example) by the server"
    await server.app.store.append(server.app.settings.user, LONG, "user", link, title="Long")
    asked: list[str] = []
    async with visiting(browser, server.url) as visit:
        page = visit.page
        await visit.state("Connected")
        page.on("request", lambda request: asked.append(request.url))
        await page.locator("#sessions a").first.click()
        await expect(page.locator("article")).to_have_count(50)
        await expect(page.locator("article a[href]")).to_have_text("Rendered")
    assert [url for url in asked if "/api/session/" in url] == []


async def test_a_link_is_opened_by_its_document_alone(
    browser: Browser, server: Running, upstream: Upstream
):
    """The newest messages stand there formatted before a socket; it goes on behind them, once it is there."""
    upstream.say("It is **done**.")
    async with visiting(browser, server.url) as visit:
        page = visit.page
        await visit.say("Do it")
        await visit.finished()
        await page.add_init_script(HELD)
        await page.reload()
        strong = page.locator("article.assistant strong")
        await expect(strong).to_have_text("done")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Do it")
        await expect(page.locator("#welcome")).to_be_hidden()
        await visit.state("Connecting")
        await strong.evaluate("node => { node.marked = true; }")
        upstream.say("More.")
        await visit.say("Go on")
        await page.evaluate("release()")
        await visit.finished()
        bodies = page.locator("article .body")
        await expect(bodies).to_have_text(["Do it", "It is done.", "Go on", "More."])
        assert await strong.evaluate("node => node.marked")
        types = await page.evaluate("received")
    assert types[0] == "ready"
    assert types.count("message") == 1


async def test_a_link_is_readable_before_any_file(
    browser: Browser, server: Running, upstream: Upstream
):
    """The newest messages stand formatted in their document, where the script then leaves them."""
    text = "".join(f"Part {number}.\n\n```python\nx = {number}\n```\n\n" for number in range(20))
    upstream.say(f"{text}\n\n[The end](https://a.example)")
    async with visiting(browser, server.url) as visit:
        page, free = visit.page, asyncio.Event()
        await visit.say("<b>Do it</b>")
        await expect(page.locator("article a[href]")).to_be_attached()  # the server's HTML is there

        async def hold(route: Route):
            await free.wait()
            await route.continue_()

        await page.evaluate("localStorage.setItem('genpy-theme', 'dark')")
        await page.route("**/assets/**", hold)
        await page.goto(page.url, wait_until="commit")
        end = page.locator("article.assistant .body a", has_text="The end")
        await expect(end).to_be_in_viewport()
        await expect(page.locator("html")).to_have_css("color-scheme", "dark")
        await expect(page.get_by_role("heading", level=1)).to_have_text("<b>Do it</b>")
        await expect(page.locator("article .code").last).to_have_css("border-top-style", "solid")
        place = "node => node.getBoundingClientRect().top"
        before = await end.evaluate(place)
        free.set()
        await visit.state("Connected")
        await expect(page.locator("article.assistant footer button").first).to_be_visible()
        assert abs(await end.evaluate(place) - before) < 3


HELD = """
const { WebSocket } = window;
const held = new Promise((done) => { window.release = done; });
window.received = []; // types of frames
window.WebSocket = class extends EventTarget {
  constructor(...given) {
    super();
    held.then(() => {
      const socket = new WebSocket(...given);
      this.send = (data) => socket.send(data);
      this.close = (...why) => socket.close(...why);
      socket.addEventListener("message", ({ data }) => received.push(JSON.parse(data).type));
      for (const type of ["open", "message", "close"]) {
        socket.addEventListener(type, (event) => this.dispatchEvent(new event.constructor(type, event)));
      }
    });
  }
  send() {}
  close() {}
};
"""


async def test_a_selection_survives_new_text(browser: Browser, server: Running, upstream: Upstream):
    """What is selected in the paragraph that grows stays selected, also when the server's HTML comes."""
    gates = [
        upstream.say(
            "Some **bold** words", " and *more*", ".\n\n[End](https://a.example)", paused_at=1
        )
    ]
    async with visiting(browser, server.url) as visit:
        await visit.say("Go")
        strong = visit.reply().locator("strong")
        await expect(strong).to_have_text("bold")
        selected = "getSelection().toString()"
        await strong.evaluate(
            "node => getSelection().setBaseAndExtent(node.previousSibling, 0, node.firstChild, 4)"
        )
        assert await visit.page.evaluate(selected) == "Some bold"
        gates[0].set()
        await visit.finished()
        await expect(visit.reply().locator("em")).to_have_text("more")
        await expect(visit.reply().locator("a[href]")).to_have_text("End")
        assert await visit.page.evaluate(selected) == "Some bold"


async def test_thoughts_are_kept_apart(browser: Browser, server: Running, upstream: Upstream):
    """What the model thinks can be looked at, and is not part of the reply."""
    pieces = [chunk({"reasoning_content": "Let me see."}), chunk({"content": "Done."})]
    upstream.script(Script(pieces=[*pieces, chunk(finish="stop"), DONE]))
    async with visiting(browser, server.url) as visit:
        await visit.say("Go")
        reply = await visit.finished()
        for _ in range(2):
            await expect(reply.locator(".body")).to_have_text("Done.")
            await reply.locator(".thinking summary").click()
            await expect(reply.locator(".thoughts")).to_have_text("Let me see.")
            await visit.page.reload()


async def test_a_long_message_is_shown_before_it_is_formatted(browser: Browser, server: Running):
    """A message of many thousand characters stands there as it was written until its HTML has come."""
    text = "\n".join(["```", *("  x = 1",) * 5_000, "```"])
    store, user = server.app.store, server.app.settings.user
    await store.append(user, LONG, "user", text, title="Long")
    async with visiting(browser, server.url) as visit:
        page = visit.page
        await page.add_init_script(LATER)
        await page.goto("/")
        await page.locator("#sessions a").click()
        plain = page.locator("article .body p.plain")
        await expect(plain).to_have_css("white-space-collapse", "preserve")
        assert await plain.text_content() == text
        await page.evaluate("later.forEach((go) => go()); later = null")
        await expect(page.locator("article .body pre")).to_contain_text("x = 1")
        await expect(plain).to_have_count(0)


async def test_another_model_answers_and_both_answers_stay(
    browser: Browser, server: Running, upstream: Upstream
):
    """Each answer can be looked at, also after a reload; an address of the first one shows it."""
    upstream.say("The first.")
    upstream.say("The **second**.")
    async with visiting(browser, server.url) as visit:
        page = visit.page
        await visit.say("Go")
        reply = await visit.finished()
        first = (await reply.get_attribute("id") or "").removeprefix("m")
        await reply.get_by_role("button", name="Ask another model").click()
        await page.get_by_role("button", name=upstream.models[1]).click()
        for _ in range(2):
            answers, body = visit.reply().locator(".answers"), visit.reply().locator(".body")
            await expect(answers).to_have_text("Answer 2 of 2")
            await expect(body).to_have_text("The second.")
            await page.get_by_role("button", name="Previous answer").click()
            await expect(answers).to_have_text("Answer 1 of 2")
            await expect(body).to_have_text("The first.")
            await expect(page.get_by_role("button", name="Next answer")).to_be_focused()
            await page.keyboard.press("Enter")
            await expect(body.locator("strong")).to_have_text("second")
            await expect(page.locator("article.assistant")).to_have_count(1)
            await expect(
                page.get_by_role("button", name="Answer again", exact=True)
            ).to_be_visible()
            await page.reload()
        await page.goto(f"{page.url}&message={first}")
        await expect(page.locator("article:focus .body")).to_have_text("The first.")
    asked = [one["body"] for one in upstream.requests if "messages" in one["body"]]
    assert asked[-1]["model"] == upstream.models[1]


async def test_the_memory_is_seen_and_changed(browser: Browser, server: Running):
    """The menu shows the notes of a conversation with their messages, forgets one, and switches off."""
    store, user = server.app.store, server.app.settings.user
    said = await store.append(user, LONG, "user", "I like tea a lot", title="Long")
    notes = f"- likes tea [#{said.message.id}]\n- lives in Ghent"
    await store.extend_memory(user, LONG, Memory(notes, said.message.id), previous=None)
    async with visiting(browser, server.url, f"/?session={LONG}") as visit:
        dialog = visit.page.get_by_role("dialog", name="Memory")
        await visit.page.get_by_role("button", name="More for this conversation").click()
        await visit.page.get_by_role("button", name="Memory").click()
        await expect(dialog.locator("li")).to_have_count(2)
        await dialog.get_by_role("link", name=f"From message {said.message.id}").click()
        await expect(visit.page.locator(f"#m{said.message.id}")).to_be_focused()
        await visit.page.get_by_role("button", name="More for this conversation").click()
        await visit.page.get_by_role("button", name="Memory").click()
        first = dialog.locator("li").first
        await expect(first).to_contain_text("I like tea a lot")
        await first.get_by_role("button", name="Forget").click()
        await expect(dialog.locator("li")).to_have_count(1)
        await dialog.get_by_role("button", name="Switch memory off").click()
        await expect(dialog).to_contain_text("Off: nothing is noted")
        await dialog.get_by_role("button", name="Close").click()
        await expect(dialog).to_have_count(0)
        await visit.page.goto(f"/summary/{LONG}")
        await expect(visit.page.locator("#memory-part")).to_contain_text("lives in Ghent")
        await visit.page.get_by_role("button", name="Switch memory on").click()
        await expect(visit.page.get_by_role("button", name="Switch memory off")).to_be_visible()
    kept = await server.app.records(user).memory(LONG)
    assert ([note.text for note in kept.notes], kept.on) == (["lives in Ghent"], True)


async def test_the_list_follows_other_tabs_and_terminals(
    browser: Browser, server: Running, upstream: Upstream
):
    """A conversation of another tab is listed at once, one of a terminal within seconds."""
    upstream.say("Yes.")
    async with visiting(browser, server.url) as visit:
        await visit.page.clock.install()
        await visit.page.reload()
        await visit.state("Connected")
        other = await visit.context.new_page()
        await other.goto("/?session=other-tab")
        await visit.say("From another tab", other)
        await expect(visit.page.get_by_role("link", name="other-tab")).to_be_visible()
        await remember(server, 1)
        await visit.page.clock.fast_forward(11_000)
        await expect(visit.page.get_by_role("link", name="Long")).to_be_visible()


async def test_the_list_renames_and_deletes(browser: Browser, server: Running, upstream: Upstream):
    """The menu of a row in the list renames and deletes the conversation of that row."""
    await remember(server, 1)
    async with visiting(browser, server.url) as visit:
        page = visit.page
        await page.get_by_role("button", name="More for \u2068Long").click()
        await page.get_by_role("button", name="Rename").click()
        await page.get_by_role("dialog").get_by_role("textbox").fill("Short")
        await page.get_by_role("dialog").get_by_role("button", name="Rename").click()
        await expect(page.locator("#sessions .title")).to_have_text("Short")
        await page.get_by_role("button", name="More for \u2068Short").click()
        await page.get_by_role("button", name="Delete").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await expect(page.locator("#sessions .title")).to_have_count(0)


async def test_the_list_keeps_its_menu_and_the_focus(browser: Browser, server: Running):
    """What others did is listed once a menu in the list is closed, and its button has the focus then."""
    await remember(server, 1)
    async with visiting(browser, server.url) as visit:
        page, store, user = visit.page, server.app.store, server.app.settings.user
        more = page.get_by_role("button", name="More for \u2068Long")
        await more.click()
        await store.append(user, f"{LONG[:-1]}2", "user", "Hello", title="Meanwhile")
        async with page.expect_response(lambda one: "/api/sessions" in one.url):
            await page.evaluate("new BroadcastChannel('genpy-sessions').postMessage('')")
        await page.locator("#sessions").get_by_role("button", name="Rename").click()
        await page.get_by_role("dialog").get_by_role("textbox").press("Escape")
        await expect(page.locator("#sessions .title")).to_have_text(["Meanwhile", "Long"])
        await expect(more).to_be_focused()
        row = page.locator("#sessions a", has_text="Long")
        await row.focus()
        await store.rename(user, LONG, "Longer")
        await page.evaluate("new BroadcastChannel('genpy-sessions').postMessage('')")
        await expect(page.locator("#sessions a", has_text="Longer")).to_be_focused()
        await page.get_by_role("searchbox").fill("message")
        await page.get_by_role("link", name="Message 0").focus()
        await store.rename(user, LONG, "Longest")
        await page.evaluate("new BroadcastChannel('genpy-sessions').postMessage('')")
        await expect(page.locator("#sessions .told", has_text="Longest")).to_be_visible()
        await expect(page.get_by_role("link", name="Message 0")).to_be_focused()


async def test_a_name_is_an_address(browser: Browser, server: Running, upstream: Upstream):
    """A session has a name of one's own in its address, its heading, and its export; Back returns to it."""
    upstream.say("It is **done**.")
    async with visiting(browser, server.url, "/?session=trip-to-rome") as visit:
        page = visit.page
        await visit.say("Do it")
        await visit.finished()
        assert page.url.endswith("/?session=trip-to-rome")
        await expect(page.get_by_role("heading", level=1)).to_have_text("trip-to-rome")
        await page.get_by_role("button", name="More for this conversation").click()
        async with page.expect_download() as download:
            await page.get_by_role("button", name="Export as Markdown").click()
        saved = await download.value
        assert saved.suggested_filename == "trip-to-rome.md"
        text = Path(await saved.path()).read_text()
        await page.get_by_role("button", name="New conversation").click()
        await expect(page.locator("article")).to_have_count(0)
        await page.go_back()
        await expect(page.locator("article.assistant .body")).to_have_text("It is done.")
    assert text.startswith("# trip-to-rome\n")
    assert "It is **done**." in text


async def test_new_text_is_followed_only_at_the_end(
    browser: Browser, server: Running, upstream: Upstream
):
    """A person who reads further up stays there while a reply grows; a button leads to its end."""
    lines = [f"Line {number}\n\n" for number in range(80)]
    gate = upstream.say(*lines, "The end.", paused_at=60)
    async with visiting(browser, server.url) as visit:
        scroller = visit.page.locator("#conversation")
        await visit.say("Go")
        await expect(visit.reply().get_by_text("Line 59")).to_be_in_viewport()
        await scroller.hover()
        await visit.page.mouse.wheel(0, -10_000)
        jump = visit.page.get_by_role("button", name="To the newest message")
        await expect(jump).to_be_visible()
        await visit.page.wait_for_function(  # a wheel scrolls in many pictures
            "() => document.getElementById('conversation').scrollTop === 0"
        )
        gate.set()
        await visit.finished()
        await expect(visit.reply().get_by_text("The end.")).not_to_be_in_viewport()
        assert await scroller.evaluate("node => node.scrollTop") == 0
        await jump.click()
        await expect(visit.reply().get_by_text("The end.")).to_be_in_viewport()


LATER = """
window.later = [];
const { addEventListener: listen } = EventTarget.prototype;
WebSocket.prototype.addEventListener = function (type, run) {
  listen.call(this, type, (event) => {
    const html = type === "message" && JSON.parse(event.data).type === "html";
    if (html && window.later) window.later.push(() => run(event));
    else run(event);
  });
};
"""
"""Frames of HTML wait in `later`."""
