"""What a page does with a message that the server refuses: the order stays, and nothing is lost."""

from typing import Any

import pytest
from pages.conftest import Call
from playwright.async_api import Browser, expect
from support.browser import Visit, visiting
from support.running_server import Running
from support.scripted_model import Upstream

from genpy_server.client.outbox import Outbox
from genpy_server.errors import GenPyError, RateLimited, StoreForbidden, StoreTimeout
from genpy_server.wire import Send

pytestmark = pytest.mark.asyncio(loop_scope="session")

SLOW = StoreTimeout("The database is slow.")
LIMITED = RateLimited("Too many messages.", retry_after=0.1)
FORBIDDEN = StoreForbidden("The database will not have it.")
AGAIN = "Waits and goes out again by itself."
TURN = "Waits for its turn"

REFUSALS = (None, 7.5, *[None] * 7)
PLAY = """async ([source, refusals]) => {
  const { Outbox } = await import(source.replace("chat.js", "outbox.js"));
  const { setTimeout } = window;
  let timer;
  window.setTimeout = (run, ms) => { timer = { run, ms }; };
  const sent = [];
  const outbox = new Outbox("by itself", {
    send: ({ text }) => sent.push(text),
    stuck: () => {},
    changed: () => {},
  });
  outbox.add("One");
  outbox.add("Two");
  const refuse = (retry_after) => {
    const { id } = outbox.waiting[0];
    outbox.refused(id, { message: "Wait.", retryable: true, retry_after });
    const { run, ms } = timer;
    run();
    return ms / 1000;
  };
  const waits = refusals.map((seconds) => refuse(seconds ?? undefined));
  outbox.remove(outbox.waiting[0].id);
  waits.push(refuse());
  window.setTimeout = setTimeout;
  outbox.close();
  return [waits, sent];
}"""


class Refusing:
    """A store that refuses a person's messages as long as it has an error for them."""

    def __init__(self, server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
        self.errors: dict[str, GenPyError] = {}
        self.stores = False
        """Whether it stores them all the same, and merely says that it did not."""
        self._append = server.app.store.append
        monkeypatch.setattr(server.app.store, "append", self._refuse)

    async def _refuse(
        self, user_id: str, session_id: str, role: Any, text: str, **more: Any
    ) -> Any:
        error = self.errors.get(text) if role == "user" else None
        if error is None or self.stores:
            appended = await self._append(user_id, session_id, role, text, **more)
        if error is not None:
            raise error
        return appended


@pytest.fixture
def store(server: Running, monkeypatch: pytest.MonkeyPatch) -> Refusing:
    """The server's store, which refuses what it is told to."""
    return Refusing(server, monkeypatch)


async def notes(visit: Visit, *texts: str) -> None:
    """Wait until these are the notes under what is on its way."""
    await expect(visit.page.locator(".pending .note")).to_contain_text(list(texts))


async def said(visit: Visit, *texts: str) -> None:
    """Wait until this is the conversation, with nothing on its way any more."""
    await expect(visit.page.locator("article .body")).to_have_text(list(texts))
    await expect(visit.page.locator(".pending")).to_have_count(0)


async def test_what_is_refused_for_now_is_not_overtaken(
    browser: Browser, server: Running, upstream: Upstream, store: Refusing
):
    """A message that must wait says why, later ones wait behind it, and all arrive in their order, once.

    Also through a reload.
    """
    upstream.say("First.")
    upstream.say("Second.")
    store.errors["One"] = LIMITED
    async with visiting(browser, server.url) as visit:
        await visit.say("One")
        await visit.say("Two")
        await notes(visit, f"{AGAIN} {LIMITED.message}", TURN)
        await expect(visit.page.locator("#state")).to_contain_text("; 2 waiting")
        await visit.page.reload()
        await notes(visit, AGAIN, TURN)
        store.errors.clear()
        await said(visit, "One", "First.", "Two", "Second.")


async def test_what_is_refused_for_good_lets_the_next_one_go(
    browser: Browser, server: Running, upstream: Upstream, store: Refusing
):
    """A message that waited and then is refused for good is given back; the one behind it is sent."""
    upstream.say("Heard.")
    store.errors["One"] = LIMITED
    async with visiting(browser, server.url) as visit:
        await visit.say("One")
        await visit.say("Two")
        await notes(visit, AGAIN, TURN)
        store.errors["One"] = FORBIDDEN
        await expect(visit.reply().locator(".body")).to_have_text("Heard.")
        await notes(visit, f"Not sent. {FORBIDDEN.message}")
        store.errors.clear()
        await visit.page.get_by_role("button", name="Send again").click()
        await said(visit, "Two", "Heard.", "One", "Heard.")


async def test_what_waits_can_be_discarded(
    browser: Browser, server: Running, upstream: Upstream, store: Refusing
):
    """A message that waits can be taken back, and the one behind it is sent."""
    upstream.say("Heard.")
    store.errors["One"] = SLOW
    async with visiting(browser, server.url) as visit:
        await visit.say("One")
        await visit.say("Two")
        await notes(visit, f"{AGAIN} {SLOW.message}", TURN)
        await visit.page.get_by_role("button", name="Discard").click()
        await said(visit, "Two", "Heard.")


async def test_what_was_stored_without_a_word_is_answered_once(
    browser: Browser, server: Running, upstream: Upstream, store: Refusing
):
    """A message whose commit was not heard of waits, and is neither said nor answered twice."""
    upstream.say("First.")
    upstream.say("Second.")
    store.errors["One"], store.stores = StoreTimeout("Slow.", retry_after=0.1), True
    async with visiting(browser, server.url) as visit:
        await visit.say("One")
        await visit.say("Two")
        await notes(visit, AGAIN, TURN)
        store.errors.clear()
        await said(visit, "One", "First.", "Two", "Second.")


async def test_a_conversation_ends_after_what_waits(
    browser: Browser, server: Running, upstream: Upstream, store: Refusing
):
    """An end does not overtake what was said before it: it is refused in words until that is sent."""
    upstream.say("First.")
    upstream.say("Second.")
    async with visiting(browser, server.url) as visit:
        await visit.say("One")
        await visit.finished()
        store.errors["Two"] = LIMITED
        await visit.say("Two")
        await notes(visit, AGAIN)
        end = visit.page.get_by_role("button", name="End", exact=True)
        await end.click()
        await expect(visit.page.get_by_role("alert")).to_contain_text("is sent first")
        store.errors.clear()
        await said(visit, "One", "First.", "Two", "Second.")
        await end.click()
        await expect(visit.page.locator(".ending")).to_contain_text("got one")


async def test_the_waits_are_those_of_the_python_client(call: Call):
    """As long as the server says, else longer each time up to a limit, and from the start for the next one."""
    outbox = Outbox()
    waits = [outbox.hold(seconds) for seconds in REFUSALS]
    outbox.add(Send("a", "One"))
    outbox.remove("a")
    waits.append(outbox.hold(None))
    played = await call(PLAY, REFUSALS)
    assert played == [waits, [*["One"] * (len(REFUSALS) + 1), "Two", "Two"]]
