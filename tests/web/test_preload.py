"""The messages within the document of the chat page: what they are, for whom, and how the socket goes on."""

import asyncio
import re
from html import unescape
from typing import Literal

import httpx
import msgspec
import pytest
from support.raw_client import Peer
from support.running_server import serving
from support.scripted_model import DONE, Script, chunk

from genpy_server.core.models import MessageMeta
from genpy_server.web.markdown import render
from genpy_server.web.pages import handlers
from genpy_server.web.pages.handlers import MESSAGES
from genpy_server.web.pages.still import MOST_CHARS, still
from genpy_server.wire import Html, MessageEvent, Send

ID = "6ea7f0c2-4a4e-4f0f-8f5e-0f6a4ff2a6f1"
DATA = re.compile(r'<script type="application/json" id="sent">(.*?)</script></body>', re.DOTALL)
REPLY = "# Title\n\nOne *two*.\n\nThe end."
LATE = 3600.0


async def remember(server, *texts, user="local"):
    """The ids of messages that are appended to the conversation."""
    store = server.app.store
    return [(await store.append(user, ID, "user", text, title="t")).message.id for text in texts]


async def document(server, path, **headers):
    """The chat page as a browser is sent it."""
    async with httpx.AsyncClient(base_url=server.url, headers=headers) as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    return answer


def frames(answer, kind):
    """The frames of a type in a document; None where it holds none at all."""
    found = DATA.findall(answer.text)
    assert len(found) <= 1
    if not found:
        return None
    return [one for one in msgspec.json.decode(found[0])["frames"] if one["type"] == kind]


async def test_the_document_holds_the_newest_messages_with_their_html(database):
    """A socket resumes behind them, and is sent none of them again; the document is never kept."""
    texts = [f"*message* {number}" for number in range(MESSAGES + 3)]
    async with serving(database) as server:
        ids = await remember(server, *texts)
        await server.app.web.renderer.render_all(texts, "local")
        answer = await document(server, f"/?session={ID}")
        shown = frames(answer, "message")
        assert [one["text"] for one in shown] == texts[3:]
        html = {one["message_id"]: one["html"] for one in frames(answer, "html")}
        assert html[ids[-1]] == render(texts[-1])
        (ready,) = frames(answer, "ready")
        assert (ready["before"], ready["title"]) == (ids[3], "t")
        (end,) = frames(answer, "snapshot_end")
        async with Peer(server.url, ID, epoch=ready["epoch"], after=end["seq"]) as peer:
            assert (await peer.next())["replay"] == "complete"
            await remember(server, "more")
            await peer.say(Send("a", "Last"))
            await peer.until("ack")
        assert [one["text"] for one in peer.of("message")] == ["more", "Last"]
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers
    assert "unsafe" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/", f"/?session={ID}", "/?session=..", "/?session=new-name"])
async def test_what_has_no_messages_is_the_page_of_everyone(database, path):
    """Without a conversation, or with one that is empty or cannot be, the page is the cacheable one."""
    async with serving(database) as server:
        answer = await document(server, path)
        assert frames(answer, "message") is None
        assert answer.text == (await document(server, "/")).text
        assert "etag" in answer.headers
        assert server.app.hub._live == {}


async def test_a_document_is_for_its_user_alone(database):
    """A visit without a token, and one of another user, find nothing of a conversation in it."""
    async with serving(database, GENPY_TOKEN=f"ada:{'a' * 20},bob:{'b' * 20}") as server:
        await remember(server, "secret", user="ada")
        ada = {"Authorization": f"Bearer {'a' * 20}"}
        assert frames(await document(server, f"/?session={ID}", **ada), "message")
        bob = {"Authorization": f"Bearer {'b' * 20}"}
        for headers in ({}, bob):
            answer = await document(server, f"/?session={ID}", **headers)
            assert "secret" not in answer.text
            assert frames(answer, "message") is None


HOSTILE = "</script><script>alert(1)</script><!--<script>\u2028&lt;"


async def test_a_message_cannot_leave_its_place(database):
    """Whatever a message or title holds, the document has the same elements, and the text is exact."""
    async with serving(database) as server:
        documents = []
        for ref, text in ((ID, HOSTILE), (f"{ID[:-1]}2", "harmless")):
            await server.app.store.append("local", ref, "user", text, title=text)
            await server.app.web.renderer.render(text, "local")
            documents.append(await document(server, f"/?session={ref}"))
        (shown,) = frames(documents[0], "message")
    assert shown["text"] == HOSTILE
    hostile, harmless = (re.split(r"<([^>]*)>", DATA.sub("", one.text)) for one in documents)
    assert hostile[1::2] == harmless[1::2]
    told = [one for one, other in zip(hostile[::2], harmless[::2], strict=True) if one != other]
    assert [unescape(one) for one in told] == [
        HOSTILE,
        unescape(HOSTILE),
    ]  # Markdown reads entities


def message(number: int, role: Literal["user", "assistant"], reply_to: int | None = None):
    """A stored message, and its HTML."""
    meta = MessageMeta(reply_to=reply_to)
    return (
        MessageEvent(
            seq=0, message_id=number, role=role, text="…", at="2026-01-01T00:00:00+00:00", meta=meta
        ),
        Html(f"<p>{number}</p>", message_id=number),
    )


def seen(*frames):
    """The messages in the HTML that is shown before a script."""
    return [int(one) for one in re.findall(r"<p>(\d+)</p>", still(frames))]


def test_the_newest_messages_are_seen_without_a_script():
    """They are those whose HTML is there, up to a limit; the newest of several answers stands for all."""
    asked, first, again = message(1, "user"), message(2, "assistant", 1), message(3, "assistant", 1)
    assert seen(*asked, *first, *again) == [1, 3]
    assert seen(*asked, first[0], *message(4, "user")) == [4]
    large = msgspec.structs.replace(first[1], html="<p>2</p>" * MOST_CHARS)
    assert seen(*asked, first[0], large, *message(4, "user")) == [4]
    assert seen() == []


def test_what_is_seen_without_a_script_has_its_boxes():
    """Code has its head and a table its box, as the script makes them."""
    text = "```python\nx\n```\n```\ny\n```\n\n| a |\n|---|\n| 1 |"
    made = Html(render(text), message_id=1)
    html = still([message(1, "assistant")[0], made])
    heads = re.findall(r'<div class="code-head"><span>(\w+)</span></div><pre', html)
    assert heads == ["python", "text"]
    assert '<div class="wide"><table>' in html


async def test_a_running_reply_is_in_the_document(server, upstream, peer):
    """A reply so far comes with its finished blocks, and a socket goes on with both from there."""
    gate = upstream.say(*REPLY, paused_at=len(REPLY) - 6)
    async with Peer(server.url, "one", features="html") as browser:
        await peer.say(Send("a", "go"))
        for _ in range(2):
            await browser.until("html", lambda frame: "run" in frame)
    answer = await document(server, "/?session=one")
    (delta,) = frames(answer, "delta")
    assert REPLY.startswith(delta["text"])
    blocks = [one for one in frames(answer, "html") if "run" in one]
    assert [one["html"] for one in blocks] == [render("# Title"), render("One *two*.")]
    (ready,), (end,) = frames(answer, "ready"), frames(answer, "snapshot_end")
    place = {"epoch": ready["epoch"], "after": end["seq"]}
    async with Peer(server.url, "one", features="html", **place) as browser:
        gate.set()
        finished = await browser.until("run_finished")
        whole = await browser.until("html", lambda one: one.get("message_id") is not None)
    assert delta["text"] + "".join(one["text"] for one in browser.of("delta")) == REPLY
    assert (whole["message_id"], whole["html"]) == (finished["message_id"], render(REPLY))


async def test_a_reply_that_nobody_watched_is_formatted_for_who_comes(server, upstream, peer):
    """Blocks that are finished while only a document knows of the reply are sent to its socket."""
    rest, end = asyncio.Event(), asyncio.Event()
    texts = [chunk({"content": text}) for text in (REPLY[:3], REPLY[3:-3], REPLY[-3:])]
    pieces = [*texts, chunk(finish="stop"), DONE]
    upstream.script(Script(pieces=pieces, gates={1: rest, 2: end}))
    await peer.say(Send("a", "go"))
    await peer.until("delta")
    answer = await document(server, "/?session=one")
    (ready,), (last,) = frames(answer, "ready"), frames(answer, "snapshot_end")
    place = {"epoch": ready["epoch"], "after": last["seq"]}
    async with Peer(server.url, "one", features="html", **place) as browser:
        rest.set()
        blocks = [await browser.until("html", lambda one: "run" in one) for _ in range(2)]
        end.set()
        await browser.until("run_finished")
    assert [one["html"] for one in blocks] == [render("# Title"), render("One *two*.")]


async def test_a_wanted_message_comes_among_its_neighbours(database):
    """The page around an old message that the address names is in the document, with its HTML."""
    async with serving(database) as server:
        texts = [f"`{number}`" for number in range(3 * MESSAGES)]
        ids = await remember(server, *texts)
        await server.app.web.renderer.render_all(texts, "local")

        async def around(message):
            answer = await document(server, f"/?session={ID}&message={message}")
            assert len(frames(answer, "message")) == MESSAGES
            return msgspec.json.decode(DATA.findall(answer.text)[0]).get("around")

        page = await around(ids[30])
        shown = [one["id"] for one in page["messages"]]
        assert ids[30] in shown
        assert page["html"][shown.index(ids[30])] == render("`30`")
        for other in (ids[-1], 10**17, "9" * 30, "-1", "x"):
            assert await around(other) is None


async def test_a_slow_store_does_not_hold_the_page(database, monkeypatch):
    """Where the store is late the page comes without messages, and leaves nobody attached."""
    monkeypatch.setattr(handlers, "STORE_SECONDS", 0.01)
    async with serving(database) as server:
        await remember(server, "one")
        free = asyncio.Event()
        attach = server.app.store.attach

        async def late(*args, **given):
            await free.wait()
            return await attach(*args, **given)

        monkeypatch.setattr(server.app.store, "attach", late)
        answer = await document(server, f"/?session={ID}")
        assert frames(answer, "message") is None
        free.set()
        async with Peer(server.url, ID) as peer:
            await peer.until("snapshot_end")
            (live,) = server.app.hub._live.values()
            assert len(live.audience.subscribers) == 1
        assert server.app.hub._sockets["local"] <= 1


async def test_html_that_is_late_is_left_out(database, monkeypatch):
    """Where rendering takes long the messages come without HTML, which is made all the same."""
    monkeypatch.setattr(handlers, "RENDER_SECONDS", 0.0)
    async with serving(database) as server:
        await remember(server, "*one*")
        answer = await document(server, f"/?session={ID}")
        assert [one["text"] for one in frames(answer, "message")] == ["*one*"]
        assert frames(answer, "html") == []
        assert await server.app.web.renderer.render("*one*", "local") == render("*one*")
