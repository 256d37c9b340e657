"""What a client makes of servers, proxies and connections that do not behave."""

import asyncio
import ssl
import subprocess
import sys
from contextlib import asynccontextmanager

import pytest
from support.client_reader import Watcher, soon
from support.conditions import PATIENCE, eventually
from support.raw_server import raw_server
from support.running_server import serving
from support.scripted_server import ScriptedServer

from genpy_server.client.session_client import Link, RemoteRecords, SessionClient
from genpy_server.errors import BadRequest, Forbidden, Refused, Unauthorized, Unreachable
from genpy_server.wire import Ack, Delta, ErrorFrame, MessageEvent, RunFinished, Send, SessionEvent

TOKEN = "correct-horse-battery"


@pytest.fixture
async def server():
    scripted = ScriptedServer()
    async with scripted.running():
        yield scripted


def state(name):
    """Whether an event is a link in this state."""
    return lambda link: link.state == name


def texts(client):
    return [entry.text for entry in client.transcript]


@asynccontextmanager
async def answering(answer: bytes, tls: ssl.SSLContext | None = None):
    """An HTTP server that gives everybody the same answer; yields its address and what was asked."""
    asked: list[bytes] = []

    async def give(reader, writer):
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)

    async with raw_server(give, tls) as url:
        yield url, asked


def http(status: str, body: bytes = b"", *fields: str) -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields, "", ""])
    return head.encode() + body


@pytest.mark.parametrize("code", [1001, 1011, 1012, 1013, 4008, None])
async def test_passing_close_is_followed_by_a_return(server, code):
    """After a close that means "come back", or none at all, the client is back where it was."""
    client = SessionClient(server.url, "one", sleep=soon)
    watcher = Watcher(client)
    server.message("hello")
    await watcher.until(MessageEvent)
    await server.attach()
    await server.cut(code)
    lost = await watcher.until(Link, when=state("reconnecting"))
    await watcher.until(Link, 2, state("open"))
    assert isinstance(lost.error, Unreachable)
    assert server.queries[1]["epoch"] == [server.epoch]
    assert server.queries[1]["after"] == ["1"]
    await watcher.done()


@pytest.mark.parametrize(("code", "kind"), [(4401, Unauthorized), (1008, Refused), (1002, Refused)])
async def test_final_close_ends_it(server, code, kind):
    """After a close that means "do not come back" the client stays away, and the iteration ends."""
    server.close_with = code
    client = SessionClient(server.url, "one", token=TOKEN, sleep=soon)
    links = [event async for event in client]
    assert [link.state for link in links] == ["connecting", "refused"]
    assert isinstance(links[-1].error, kind)
    assert len(server.queries) == 1


async def test_leave_that_the_server_takes_is_no_failure(tmp_path):
    """A session that is deleted closes its clients, with the reason, for good."""
    async with serving(tmp_path / "genpy.db") as running:
        client = SessionClient(running.url, "one", sleep=soon)
        watcher = Watcher(client)
        client.send("hello")
        await watcher.until(RunFinished)
        records = RemoteRecords(running.url)
        await records.delete("one")
        await records.close()
        closed = await watcher.until(Link, when=state("closed"))
        await watcher.done()
    assert "deleted" in closed.reason


async def test_what_was_missed_for_good_is_loaded_again(server):
    """When text is missing in the middle, the client starts again, and shows what the server has."""
    client = SessionClient(server.url, "one", sleep=soon)
    watcher = Watcher(client)
    server.message("hello")
    server.start(1)
    server.stream("one ")
    await watcher.until(Delta)
    await server.attach()
    server.tell(Delta(9, "run-1", 100, "from nowhere"))
    server.stream("two")
    await watcher.until(Link, 2, state("open"))
    server.finish()
    await watcher.until(RunFinished)
    assert "epoch" not in server.queries[1]
    assert texts(client) == ["hello", "one two"]
    await watcher.done()


async def test_message_whose_ack_was_lost_is_said_once(server):
    """Sent, kept, and cut before the answer: it comes back in the log, and is not said again."""
    server.acknowledges = False
    client = SessionClient(server.url, "one", sleep=soon)
    watcher = Watcher(client)
    number = client.send("hello")
    sent = await server.until(Send)
    server.log.append(MessageEvent(1, 1, "user", "hello", "2026-01-02T10:00:00Z", sent.id))
    server.acknowledges = True
    await server.cut()
    await watcher.until(MessageEvent)
    await eventually(lambda: asyncio.sleep(0, client.pending == ()))
    assert sent.id == number
    assert texts(client) == ["hello"]
    assert {frame.id for frame in server.received if isinstance(frame, Send)} == {number}
    await watcher.done()


async def test_message_that_is_shown_again_goes_out_again(server):
    """After a restart only the ack of a repetition tells that all that came of a message was shown."""
    server.acknowledges = False
    client = SessionClient(server.url, "one", sleep=soon)
    watcher = Watcher(client)
    client.send("hello")
    sent = await server.until(Send)
    server.log.append(MessageEvent(1, 1, "user", "hello", "2026-01-02T10:00:00Z", sent.id))
    server.acknowledges = True
    server.forget()
    await server.cut()
    ack = await watcher.until(Ack)
    assert (ack.duplicate, client.pending, texts(client)) == (True, (), ["hello"])
    assert await server.until(Send, 2) == sent
    await watcher.done()


async def test_messages_behind_a_cut_keep_their_order(server):
    """Several messages that were on their way are said in their order, each once."""
    server.acknowledges = False
    client = SessionClient(server.url, "one", sleep=soon)
    watcher = Watcher(client)
    said = [client.send(f"message {number}") for number in range(5)]
    await server.until(Send)
    server.received.clear()
    server.acknowledges = True
    await server.cut()
    await watcher.until(MessageEvent, 5)
    assert [frame.id for frame in server.received if isinstance(frame, Send)] == said
    assert texts(client) == [f"message {number}" for number in range(5)]
    await watcher.done()


async def test_message_larger_than_a_frame_is_told_and_let_go(tmp_path):
    """What the server's socket will not read is reported, and what follows it arrives."""
    async with serving(tmp_path / "genpy.db", limits={"frame_bytes": 2_000}) as running:
        client = SessionClient(running.url, "one", sleep=soon)
        watcher = Watcher(client)
        large = client.send("x" * 5_000)
        client.send("short")
        error = await watcher.until(ErrorFrame)
        await watcher.until(RunFinished)
        await watcher.done()
    assert (error.re, error.code) == (large, "too_large")
    assert texts(client)[0] == "short"


async def test_cancel_that_comes_late_is_no_failure(tmp_path):
    """A reply that is over already cannot be stopped, and nobody is bothered with it."""
    async with serving(tmp_path / "genpy.db") as running:
        client = SessionClient(running.url, "one", sleep=soon)
        watcher = Watcher(client)
        client.send("hello")
        await watcher.until(RunFinished)
        client.cancel()
        client.rate(3)
        await watcher.until(SessionEvent, when=lambda event: event.rating == 3)
        await watcher.done()
    assert not any(isinstance(event, ErrorFrame) for event in watcher.seen)


async def test_text_that_no_wire_takes_is_mended(server):
    """Half a character, as a paste may hold, does not stop what follows it."""
    client = SessionClient(server.url, "one", sleep=soon)
    watcher = Watcher(client)
    client.send("half \ud83d")
    client.send("whole")
    await watcher.until(MessageEvent, 2)
    assert texts(client) == ["half \ufffd", "whole"]
    await watcher.done()


async def test_frame_that_cannot_be_read_is_told(server):
    """What is not a frame is an error event, one of a later version is skipped; the connection goes on."""
    client = SessionClient(server.url, "one", sleep=soon)
    watcher = Watcher(client)
    await server.attach()
    for socket in server.sockets:
        await socket.send('{"type": "hologram"}')
        await socket.send('{"type": "notice"}')
    error = await watcher.until(ErrorFrame)
    server.message("still here")
    await watcher.until(MessageEvent)
    assert error.code == "bad_frame"
    await watcher.done()


async def test_server_that_asks_for_a_token_says_so_at_once(tmp_path):
    """Without a token the client is refused with the next step, in the socket and in HTTP."""
    async with serving(tmp_path / "genpy.db", GENPY_TOKEN=TOKEN) as running:
        async with asyncio.timeout(5):  # the server would wait longer for a first frame
            events = [event async for event in SessionClient(running.url, "one", sleep=soon)]
        records = RemoteRecords(running.url)
        with pytest.raises(Unauthorized, match="GENPY_TOKEN"):
            await records.sessions()
        await records.close()
    assert events[-1].state == "refused"
    assert "GENPY_TOKEN" in events[-1].reason


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (http("404 Not Found", b"<h1>nginx</h1>"), BadRequest),
        (http("200 OK", b"hello"), BadRequest),
        (http("403 Forbidden", b'{"error":{"code":"forbidden","message":"No."}}'), Forbidden),
    ],
    ids=["elsewhere", "no upgrade", "our own refusal"],
)
async def test_answer_instead_of_a_handshake_ends_it(answer, kind):
    """What is no GenPy server, or refuses in its own words, is not asked again."""
    async with answering(answer) as (url, asked):
        events = [event async for event in SessionClient(url, "one", sleep=soon)]
    assert isinstance(events[-1].error, kind)
    assert len(asked) == 1


async def test_certificate_that_nobody_vouches_for_ends_it(own_certificate):
    """A server with a certificate of its own making is told as that, and not asked again."""
    tls, _ = own_certificate
    async with answering(b"", tls) as (url, _):
        secure = url.replace("http:", "https:")
        links = [event async for event in SessionClient(secure, "one", sleep=soon)]
    assert [link.state for link in links] == ["connecting", "refused"]
    assert isinstance(links[-1].error, Refused)
    assert f"The certificate of {secure} is not trusted: self" in links[-1].reason


@pytest.mark.parametrize(
    "answer",
    [
        http("502 Bad Gateway", b"<h1>caddy</h1>"),
        http("503 x", b'{"error":{"code":"shutting_down","message":"Soon.","retry_after":3}}'),
        b"",
        b"SSH-2.0-OpenSSH\r\n\r\n",
    ],
    ids=["proxy", "stopping", "nothing", "another protocol"],
)
async def test_server_that_is_away_is_asked_again(answer):
    """A proxy without its server, one that stops, and silence may pass."""
    async with answering(answer) as (url, asked):
        client = SessionClient(url, "one", sleep=soon)
        watcher = Watcher(client)
        again = await watcher.until(Link, 2, state("reconnecting"))
        await watcher.done()
    assert again.attempt == 2
    assert len(asked) >= 2
    assert again.delay >= (3 if b"retry_after" in answer else 0)


async def test_token_does_not_follow_a_redirect():
    """A server that sends the client elsewhere does not get its token carried there."""
    async with answering(http("404 Not Found")) as (elsewhere, asked):
        moved = http("307 Temporary Redirect", b"", f"Location: {elsewhere}/ws/session/one")
        async with answering(moved) as (url, _):
            events = [event async for event in SessionClient(url, "one", token=TOKEN, sleep=soon)]
            records = RemoteRecords(url, TOKEN)
            with pytest.raises(BadRequest):
                await records.sessions()
            await records.close()
    assert events[-1].state == "refused"
    assert asked == []


async def test_proxy_of_the_environment_is_for_other_machines(server, monkeypatch):
    """One's own machine is reached directly, whatever proxy the environment names."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    client = SessionClient(server.url, "one")
    watcher = Watcher(client)
    await watcher.until(Link, when=state("open"))
    await watcher.done()
    records = RemoteRecords(server.url)
    assert await records.sessions() == []
    await records.close()


async def test_closed_client_ends_its_iteration():
    """A client that is closed ends with `closed`, even when nobody ever listened."""
    async with SessionClient("http://127.0.0.1:9", "one") as client:
        client.send("hello")
    assert client.link == Link("closed")
    assert len(client.pending) == 1
    async with asyncio.timeout(PATIENCE):
        assert [event async for event in client] == [Link("closed")]


def test_client_is_light_until_it_connects():
    """Importing the client brings in neither websockets nor httpx."""
    code = "import sys, genpy_server.client.session_client; print({'websockets', 'httpx'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"


async def test_a_fault_of_the_client_reaches_who_reads_its_events(server, monkeypatch):
    """It does not end the events as if the connection had been closed."""

    async def fail(_):
        raise RuntimeError("a bug")

    monkeypatch.setattr(SessionClient, "_serve_connection", fail)
    async with SessionClient(server.url, "talk") as client:
        with pytest.raises(RuntimeError, match="a bug"):
            async for _ in client:
                pass
