"""HTTP over real sockets: what is served, and what hostile or clumsy clients get."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from typing import IO, Any

import httpx
import pytest
from support.conditions import eventually
from support.http_server import Listening, listening
from websockets.asyncio.client import connect

from genpy_server.web import messages
from genpy_server.web.handover import CLOSE_SECONDS
from genpy_server.web.messages import Response, stored_body
from genpy_server.web.router import Call, Route

JSON_TYPE = {"Content-Type": "application/json"}
POST = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
UPGRADE = (
    b"GET /ws/session/a HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)
FRAME = b"\x81\x82\x00\x00\x00\x00hi"
CLOSE = b"\x88\x82\x00\x00\x00\x00\x03\xe8"


@pytest.fixture
async def front() -> AsyncIterator[Listening]:
    """A server with an echo."""
    async with listening() as running:
        yield running


def status(answer: bytes) -> int:
    """The status of a raw answer."""
    return int(answer.split(b" ", 2)[1])


async def test_a_json_body_arrives(front: Listening) -> None:
    """A POST with JSON reaches its handler."""
    async with httpx.AsyncClient(base_url=front.url) as client:
        answer = await client.post("/echo", json={"text": "grüß dich"})
    assert (answer.status_code, answer.json()) == (200, {"text": "grüß dich"})
    assert "connection" not in answer.headers


async def test_every_answer_carries_the_security_headers(front: Listening) -> None:
    """Answers and refusals alike forbid sniffing, framing and keeping."""
    async with httpx.AsyncClient(base_url=front.url) as client:
        for path in ("/page", "/missing"):
            headers = (await client.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["x-frame-options"] == "DENY"
            assert "default-src 'none'" in headers["content-security-policy"]
            assert headers["server"].startswith("GenPy/")
        assert (await client.get("/missing")).headers["cache-control"] == "no-store"


async def test_head_answers_as_get_without_the_body(front: Listening) -> None:
    """HEAD tells the length of what GET would send, and sends nothing."""
    async with httpx.AsyncClient(base_url=front.url) as client:
        answer = await client.head("/page")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "6", b"")
    raw = await front.exchange(b"HEAD /missing HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert raw.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("size", [1_000, 20_000, 40_000])
@pytest.mark.parametrize("accepted", ["gzip, br", "br", "gzip;q=0", ""])
async def test_large_answers_are_compressed_for_who_can_unpack_them(
    front: Listening, size: int, accepted: str
) -> None:
    """JSON from a packet's size on comes as gzip where that is accepted, and is the same."""
    text = "grüß dich " * (size // 10)
    async with httpx.AsyncClient(base_url=front.url) as client:
        headers = {"Accept-Encoding": accepted}
        answer = await client.post("/echo", json={"text": text}, headers=headers)
    assert answer.json() == {"text": text}
    packed = size > 1_400 and accepted.startswith("gzip, ")
    assert answer.headers.get("content-encoding") == ("gzip" if packed else None)
    assert answer.headers.get("vary") == ("Accept-Encoding" if size > 1_400 else None)
    assert (int(answer.headers["content-length"]) < size / 10) is packed


async def test_a_browser_that_holds_a_file_is_not_sent_it_again(front: Listening) -> None:
    """If-None-Match with the file's tag gives 304 without a body."""
    async with httpx.AsyncClient(base_url=front.url) as client:
        tag = (await client.get("/page")).headers["etag"]
        again = await client.get("/page", headers={"If-None-Match": f'"other", W/{tag}'})
        other = await client.get("/page", headers={"If-None-Match": '"other"'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert "content-length" not in again.headers
    assert other.status_code == 200


async def test_a_client_that_asks_to_continue_may(front: Listening) -> None:
    """With `Expect: 100-continue` the server says when to send the body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
    writer.write(POST + b"Content-Length: 12\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 \r\n\r\n"
    writer.write(b'{"text":"x"}')
    assert status(await reader.read()) == 200
    writer.close()


async def test_a_chunked_body_arrives(front: Listening) -> None:
    """A body without a length reaches its handler within the same limit."""

    async def body(text: str) -> AsyncIterator[bytes]:
        for piece in ('{"text":"', text, '"}'):
            yield piece.encode()

    async with httpx.AsyncClient(base_url=front.url, headers=JSON_TYPE) as client:
        answer = await client.post("/echo", content=body("x"))
        large = await client.post("/echo", content=body("x" * 64 * 1024))
    assert (answer.status_code, answer.json()) == (200, {"text": "x"})
    assert large.status_code == 413


async def test_a_connection_serves_requests_one_after_another(front: Listening) -> None:
    """HTTP/1.1 requests of every kind share one connection, in their order."""
    async with httpx.AsyncClient(base_url=front.url, headers=JSON_TYPE) as client:
        for number in range(3):
            answer = await client.post("/echo", json={"text": str(number)})
            assert answer.json() == {"text": str(number)}
            assert (await client.get("/missing")).status_code == 404
            assert (await client.head("/page")).status_code == 200
            assert len(front.server.connections) == 1
    one = b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    answers = await front.exchange(one + POST + b'Content-Length: 12\r\n\r\n{"text":"x"}' + last)
    assert [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]] == [b"200"] * 3
    assert answers.count(b"Connection: close") == 1


async def test_a_silent_connection_is_not_kept_for_ever() -> None:
    """A connection that asks nothing more after an answer is closed."""
    async with listening(limits={"keep_alive_seconds": 0.05}) as front:
        answer = await front.exchange(b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert status(answer) == 200
        await front.empty()


async def test_a_websocket_follows_a_request_on_one_connection(front: Listening) -> None:
    """A connection that served HTTP may become a WebSocket."""
    reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
    writer.write(b"HEAD /page HTTP/1.1\r\nHost: localhost\r\n\r\n" + UPGRADE + FRAME)
    assert status(await reader.readuntil(b"\r\n\r\n")) == 200
    assert status(await reader.readuntil(b"\r\n\r\n")) == 101
    assert await reader.readexactly(4) == b"\x81\x02hi"
    writer.write(CLOSE)
    assert await reader.read() == b"\x88\x02\x03\xe8"
    writer.close()


@pytest.mark.parametrize("version", [b"8", b"14", b"13, 13", b""])
async def test_another_version_of_websocket_is_named_the_right_one(
    front: Listening, version: bytes
) -> None:
    """A handshake of another version gets 426 with the version that is served."""
    answer = await front.exchange(UPGRADE.replace(b"Version: 13", b"Version: " + version))
    assert status(answer) == 426
    assert b"\r\nSec-WebSocket-Version: 13\r\n" in answer
    assert b"\r\nUpgrade: websocket\r\n" in answer


@pytest.mark.parametrize("size", [64 * 1024 + 1, 200_000, 20_000_000])
async def test_a_large_body_is_refused(front: Listening, size: int) -> None:
    """A body above the limit gets 413, even from a client that sends all of it first."""
    async with httpx.AsyncClient(base_url=front.url) as client:
        answer = await client.post("/echo", content=b"x" * size)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    "begun", [b"GET / HT", POST, POST + b'Content-Length: 12\r\n\r\n{"text"'], ids=repr
)
async def test_a_stalled_request_is_let_go(begun: bytes) -> None:
    """A request that does not arrive in time gets 408."""
    async with listening(limits={"request_seconds": 0.05}) as front:
        assert status(await front.exchange(begun)) == 408


async def test_a_silent_connection_is_closed() -> None:
    """Who connects and says nothing is disconnected without an answer."""
    async with listening(limits={"request_seconds": 0.05}) as front:
        with suppress(ConnectionResetError):  # as good as an end
            assert await front.exchange() == b""
        await front.empty()


@pytest.mark.parametrize(
    ("request_bytes", "wanted"),
    [
        (POST + b"Content-Length: -1\r\n\r\n", 400),
        (POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
        (b"GET /page HTTP/1.1\r\n\r\n", 400),
        (b"GET /page HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET /page HTTP/1.0\r\n\r\n", 200),
        (b"GET /page HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\nGET /page", 200),
        (b"GET /ws/session/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 426),
        (b"POST /ws/session/a HTTP/1.0\r\nHost: localhost\r\n\r\n", 426),
        (UPGRADE.replace(b"session", b"other"), 404),
        (UPGRADE.replace(b"session/a", b"session/a%2Fb"), 400),
        (UPGRADE.replace(b"session/a", b"session/"), 400),
        (UPGRADE.replace(b"session/a", b"session/" + b"a" * 65), 400),
        (UPGRADE.replace(b"AAA==", b""), 400),
        (UPGRADE.replace(b"Key: AAA", b"Key: \xe4AAA"), 400),
    ],
    ids=range(15),
)
async def test_each_request_gets_one_answer(
    front: Listening, request_bytes: bytes, wanted: int
) -> None:
    """Whatever comes gets one answer with a fitting status, and the connection closes."""
    answer = await front.exchange(request_bytes)
    assert status(answer) == wanted
    assert answer.count(b"\r\nDate: ") == 1
    assert b"\r\nX-Content-Type-Options: nosniff\r\n" in answer


async def test_a_client_that_leaves_after_its_answer_is_let_go_at_once(front: Listening) -> None:
    """The server does not wait for a peer that has closed."""
    started = asyncio.get_running_loop().time()
    await front.exchange(b"GET /page HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    await front.empty()
    assert asyncio.get_running_loop().time() - started < CLOSE_SECONDS


async def test_a_tls_client_fails_at_once(front: Listening) -> None:
    """A client that speaks TLS is answered in plain text, which it takes for a failure."""
    with pytest.raises(ssl.SSLError):
        await asyncio.open_connection(
            "127.0.0.1", front.port, ssl=ssl.create_default_context(), server_hostname="localhost"
        )


@pytest.mark.parametrize(
    ("begun", "wanted"),
    [
        (b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        (POST + b'Content-Length: 12\r\n\r\n{"text":"x"}', 200),
        (POST + b'Content-Length: 12\r\n\r\n{"text"', 400),
        (b"GET", 400),
    ],
)
async def test_a_client_that_finished_sending_gets_its_answer(
    front: Listening, begun: bytes, wanted: int
) -> None:
    """A half-closed connection is answered, and closed right behind the answer."""
    started = asyncio.get_running_loop().time()
    assert status(await front.exchange(begun, finish=True)) == wanted
    await front.empty()
    assert asyncio.get_running_loop().time() - started < CLOSE_SECONDS


async def test_an_upgrade_passes_byte_by_byte_with_an_early_frame(front: Listening) -> None:
    """A WebSocket opens however its head is split, and a frame sent with the head is read."""
    head = UPGRADE + FRAME
    for pieces in ([head], [head[at : at + 1] for at in range(len(head))]):
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
        assert status(await reader.readuntil(b"\r\n\r\n")) == 101
        assert await reader.readexactly(4) == b"\x81\x02hi"
        writer.write(CLOSE)
        assert await reader.read() == b"\x88\x02\x03\xe8"
        writer.close()
    assert [attach.ref for attach in front.attached] == ["a", "a"]


@pytest.mark.parametrize("path", [b"session", b"other"])
async def test_a_bad_early_frame_does_not_prevent_the_answer(front: Listening, path: bytes) -> None:
    """What comes behind the head of an upgrade is read only after the answer."""
    answer = await front.exchange(UPGRADE.replace(b"session", path) + b"\xff" * 8)
    assert status(answer) == (101 if path == b"session" else 404)
    assert answer.count(b"\r\nDate: ") == 1


async def test_work_that_is_given_up_ends_with_its_client() -> None:
    """It is cancelled when the client closes, and made where it stays, with what it sends meanwhile."""
    begun, ended, go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def look(call: Call[Any, Any]) -> Response:
        begun.set()
        try:
            await go_on.wait()
        finally:
            ended.set()
        return Response(body=b"found", content_type="text/plain")

    routes = (Route("GET", "/look", look, "Look.", public=True, given_up=True),)
    get = b"GET /look HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with listening(routes=routes) as front:
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
        writer.write(get)
        await begun.wait()
        writer.close()
        await ended.wait()
        assert not go_on.is_set()
        await front.empty()
        begun.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
        writer.write(get)
        await begun.wait()
        writer.write(get[:9])
        await writer.drain()
        await asyncio.sleep(0)
        go_on.set()
        assert status(await reader.readuntil(b"found")) == 200
        writer.write(get[9:])
        assert status(await reader.readuntil(b"found")) == 200
        writer.close()


async def large(call: Call[Any, Any]) -> Response:
    """Answer 5 MB."""
    return Response(body=bytes(5_000_000), content_type="application/octet-stream")


LARGE = (Route("GET", "/large", large, "Answer 5 MB.", public=True),)
GET_LARGE = b"GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


async def test_a_large_answer_arrives_whole() -> None:
    """5 MB arrive whole at a client that reads."""
    async with listening(routes=LARGE) as front:
        answer = await front.exchange(GET_LARGE)
    assert len(answer.split(b"\r\n\r\n", 1)[1]) == 5_000_000


def stored_answers(bodies: list[IO[bytes]]) -> tuple[Route, ...]:
    """Answers 3 MB of JSON from files, which are noted."""

    async def stored(call: Call[Any, Any]) -> Response:
        bodies.append(stored_body([b'"', *([b"word " * 1_000] * 600), b'"']))
        return Response(stored=bodies[-1])

    return (Route("GET", "/stored", stored, "Answer 3 MB.", public=True),)


async def until_removed(bodies: list[IO[bytes]]) -> None:
    """Wait until the files are removed, in a thread."""

    async def removed() -> bool:
        return all(body.closed for body in bodies)

    await eventually(removed)


async def test_an_answer_comes_from_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the same as one from memory, compressed or not; its file is removed with it."""
    bodies: list[IO[bytes]] = []
    packed: list[IO[bytes]] = []

    def noted(parts: Iterable[bytes]) -> IO[bytes]:
        packed.append(stored_body(parts))
        return packed[-1]

    monkeypatch.setattr(messages, "stored_body", noted)
    text = "word " * 600_000
    async with (
        listening(routes=stored_answers(bodies)) as front,
        httpx.AsyncClient(base_url=front.url) as client,
    ):
        for accepted in ("identity", "gzip", "identity"):
            answer = await client.get("/stored", headers={"Accept-Encoding": accepted})
            assert answer.json() == text
            length = int(answer.headers["content-length"])
            assert (length < len(text) / 10) is (accepted == "gzip")
        head = await client.head("/stored", headers={"Accept-Encoding": "identity"})
        assert (head.headers["content-length"], head.content) == (str(len(text) + 2), b"")
        assert (len(bodies), len(packed)) == (4, 1)
        await until_removed(bodies + packed)


async def test_a_file_whose_reader_leaves_is_removed() -> None:
    """A client that goes away, or does not read, keeps no file."""
    bodies: list[IO[bytes]] = []
    get = b"GET /stored HTTP/1.1\r\nHost: localhost\r\n\r\n"
    routes = stored_answers(bodies)
    async with listening(routes=routes, limits={"answer_seconds": 0.1}) as front:
        for leaves in (True, False):
            reader, writer = await asyncio.open_connection("127.0.0.1", front.port, limit=1)
            writer.write(get)
            await reader.readexactly(1)
            if leaves:
                writer.transport.abort()
            await front.empty()
            writer.close()
        assert len(bodies) == 2
        await until_removed(bodies)


@pytest.mark.parametrize("kept", [b"", b"Connection: close\r\n"])
async def test_a_client_that_leaves_while_it_is_answered_is_let_go(
    kept: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """A connection whose client is gone before the answer is made ends without a trace."""
    asked, going = asyncio.Event(), asyncio.Event()

    async def slow(call: Call[Any, Any]) -> Response:
        asked.set()
        await going.wait()
        return Response.json("late")

    routes = (Route("GET", "/slow", slow, "Wait.", public=True),)
    async with listening(routes=routes) as front:
        _, writer = await asyncio.open_connection("127.0.0.1", front.port)
        writer.write(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n" + kept + b"\r\n")
        await asked.wait()
        writer.close()
        await writer.wait_closed()
        going.set()
        await front.empty()
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


async def test_a_client_that_never_reads_is_let_go() -> None:
    """An answer that nobody reads is dropped after a while."""
    async with listening(routes=LARGE, limits={"answer_seconds": 0.1}) as front:
        _, writer = await asyncio.open_connection("127.0.0.1", front.port, limit=1)
        writer.write(GET_LARGE)
        await front.busy()
        await front.empty()
        writer.close()


async def test_strangers_leave_no_trace_in_the_log(
    front: Listening, caplog: pytest.LogCaptureFixture
) -> None:
    """Who connects and leaves, or asks for no proper WebSocket, causes no warning and no traceback."""
    caplog.set_level(logging.DEBUG)
    _, writer = await asyncio.open_connection("127.0.0.1", front.port)
    writer.close()
    await writer.wait_closed()
    await front.exchange(UPGRADE.replace(b"AAA==", b""))
    await front.exchange(UPGRADE, finish=True)
    await front.empty()
    ours = [record for record in caplog.records if record.name.startswith("genpy")]
    assert [record for record in ours if record.levelno > logging.INFO or record.exc_info] == []


async def test_a_bug_shows_no_detail_but_logs_it(
    front: Listening, caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected exception is 500 without its text; the log has the traceback."""
    async with httpx.AsyncClient(base_url=front.url) as client:
        answer = await client.get("/failing")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    assert "secret detail" not in answer.text
    assert "secret detail" in caplog.text


async def test_the_log_holds_no_token_query_or_message(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """At any level the server logs method, path, status and time, and nothing that was said."""
    token = "t0ken-" + "x" * 20
    async with listening(GENPY_TOKEN=token) as front:
        caplog.set_level(logging.DEBUG, logger="genpy")
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=front.url, headers=headers) as client:
            await client.post("/echo?q=searched", json={"text": "said-by-post"})
        address = front.url.replace("http", "ws") + "/ws/session/a?epoch=asked"
        async with connect(address, additional_headers=headers, proxy=None) as ws:
            await ws.send("said-by-frame")
            await ws.recv()
        await front.empty()
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("genpy")]
    assert [line.rsplit(" ", 2)[0] for line in ours] == [
        "127.0.0.1 POST /echo 200",
        "127.0.0.1 GET /ws/session/a 101",
    ]
