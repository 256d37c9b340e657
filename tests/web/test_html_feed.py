"""HTML that is sent along: of stored messages and of the blocks of a reply, to who asked for it."""

import asyncio

import httpx
import pytest
from support.conditions import PATIENCE
from support.raw_client import Peer
from support.running_server import serving
from websockets.asyncio.client import connect

from genpy_server.web.html_feed import REPLIES_LEFT, HtmlFeed
from genpy_server.web.markdown import render
from genpy_server.web.renderer import Renderer
from genpy_server.wire import OFFERED, Delta, Send, encode

REPLY = "# Title\n\nOne *two*.\n\n- a\n- b\n\n```py\nx = 1\n```\n\nThe \U0001f600 end."
BLOCKS = ["# Title\n\n", "One *two*.\n\n", "- a\n- b\n\n", "```py\nx = 1\n```\n\n"]


async def html_of_message(peer, message_id):
    """The HTML of a stored message."""
    return await peer.until("html", lambda frame: frame.get("message_id") == message_id)


async def test_a_stored_message_is_followed_by_its_html(server, upstream, peer):
    """Who asks for the feature gets each message's HTML, live and on return; others get none."""
    upstream.say(REPLY)
    async with Peer(server.url, "one", features="html,other") as browser:
        assert (await browser.next())["features"] == [*OFFERED, "html"]
        await peer.say(Send("a", "What *is* it?"))
        finished = await browser.until("run_finished")
        html = await html_of_message(browser, finished["message_id"])
        assert (html["html"], html["end"]) == (render(REPLY), len(REPLY))
    await peer.until("run_finished")
    assert peer.of("html") == []
    assert peer.of("ready")[0]["features"] == [*OFFERED]
    async with Peer(server.url, "one", features="html") as again:
        await again.until("snapshot_end")
        found = {}
        while len(found) < 2:
            frame = await again.until("html")
            found[frame["message_id"]] = frame["html"]
    assert list(found.values()) == [render(REPLY), render("What *is* it?")]  # the newest first


async def test_finished_blocks_of_a_reply_come_while_it_grows(server, upstream, peer):
    """Each block comes once it is finished, with its place, to all who watch and who come later."""
    gate = upstream.say(REPLY[:-5], REPLY[-5:], paused_at=1)
    async with Peer(server.url, "one", features="html") as browser:
        await peer.say(Send("a", "go"))
        blocks = [await browser.until("html", lambda frame: "run" in frame) for _ in BLOCKS]
        assert [REPLY[block.get("start", 0) : block["end"]] for block in blocks] == BLOCKS
        assert [block["html"] for block in blocks] == [render(text) for text in BLOCKS]
        async with Peer(server.url, "one", features="html") as later:
            seen = [await later.until("html", lambda frame: "run" in frame) for _ in BLOCKS]
            assert seen == blocks
            gate.set()
            for one in (browser, later):
                finished = await one.until("run_finished")
                html = await html_of_message(one, finished["message_id"])
                assert html["html"] == render(REPLY)
    assert server.app.web.feed._runs == {}
    assert await gone(server)


async def gone(server):
    """Whether the feed has forgotten everybody, after a while at most."""
    async with asyncio.timeout(PATIENCE):
        while server.app.web.feed._waiting:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.001)
    return True


async def test_a_reply_in_single_characters_gives_the_same_blocks(server, upstream, peer):
    """However a reply is cut into tokens, its blocks are those of the whole."""
    gate = upstream.say(*REPLY, paused_at=len(REPLY) - 5)
    async with Peer(server.url, "one", features="html") as browser:
        await peer.say(Send("a", "go"))
        blocks = [await browser.until("html", lambda frame: "run" in frame) for _ in BLOCKS]
        gate.set()
        await browser.until("run_finished")
    assert [REPLY[block.get("start", 0) : block["end"]] for block in blocks] == BLOCKS


async def test_a_reader_that_comes_back_to_the_middle_gets_all_html(server, upstream, peer):
    """Who was alone and was cut off in a reply gets its blocks again, and the HTML of the whole."""
    gate = upstream.say(REPLY[:-20], REPLY[-20:-10], REPLY[-10:], paused_at=1)
    async with Peer(server.url, "one", features="html") as browser:
        await peer.say(Send("a", "go"))
        block = await browser.until("html", lambda frame: "run" in frame)
        ready, seq = browser.of("ready")[0], max(frame.get("seq", 0) for frame in browser.frames)
    assert await gone(server)
    gate.set()
    finished = await peer.until("run_finished")
    async with Peer(server.url, "one", features="html", epoch=ready["epoch"], after=seq) as browser:
        assert (await browser.next())["replay"] == "complete"
        assert await browser.until("html", lambda frame: "run" in frame) == block
        html = await html_of_message(browser, finished["message_id"])
    assert html["html"] == render(REPLY)


async def test_replies_that_nobody_watches_are_bounded():
    """Of the replies whose readers left only the newest are remembered."""
    feed = HtmlFeed(Renderer())

    class Gone:
        user = "ada"

        def offer(self, frame):
            """Nobody reads it."""

    for number in range(REPLIES_LEFT + 10):
        reader = Gone()
        feed.watch(reader, Delta(number, f"r{number}", 0, "text"))
        feed.left(reader)
    assert REPLIES_LEFT <= len(feed._runs) <= REPLIES_LEFT + 1
    assert "r0" not in feed._runs
    assert f"r{REPLIES_LEFT + 9}" in feed._runs


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>\n\nx", "<img src=x onerror=y>\n\nx"]
)
async def test_html_is_safe(server, upstream, peer, hostile):
    """What is sent along holds no markup of the text itself."""
    upstream.say(hostile)
    async with Peer(server.url, "one", features="html") as browser:
        await peer.ws.send(encode(Send("a", hostile)))
        finished = await browser.until("run_finished")
        await html_of_message(browser, finished["message_id"])
    assert browser.of("html")
    for frame in browser.of("html"):
        assert "<script" not in frame["html"]
        assert "<img" not in frame["html"]


async def test_text_mode_has_no_html(database):
    """A script that reads plain text gets plain text, whatever its address asks for."""
    async with serving(database) as server:
        address = server.url.replace("http", "ws") + "/ws/session/a?features=html"
        async with connect(address, proxy=None) as ws:
            await ws.send("*hello*")
            assert "<" not in str(await ws.recv())


async def test_pages_of_messages_have_their_html(database):
    """The API gives the HTML of a page of messages where it is asked for."""
    async with serving(database) as server:
        session = "6ea7f0c2-4a4e-4f0f-8f5e-0f6a4ff2a6f1"
        for text in ("*one*", "`two`"):
            await server.app.store.append("local", session, "user", text, title="t")
        path = f"/api/session/{session}/messages"
        async with httpx.AsyncClient(base_url=server.url) as client:
            assert (await client.get(path)).json()["html"] is None
            found = (await client.get(f"{path}?html=true")).json()
    assert found["html"] == [render("*one*"), render("`two`")]
