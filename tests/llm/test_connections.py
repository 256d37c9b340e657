"""The connections behind a model: opened, kept, timed, closed, and never talked about."""

import asyncio
import base64
import gc
import gzip
import json
import logging
import ssl
import zlib
from contextlib import aclosing

import aiohttp
import httpx
import msgspec
import pytest
from support.conditions import PATIENCE, eventually
from support.model_replies import REQUEST, everything, said
from support.raw_server import raw_server
from support.scripted_model import Script, chunk

from genpy_server.app import configure_logging
from genpy_server.core.models import SummaryDraft
from genpy_server.errors import LlmCutOff, LlmError, LlmKeyRejected, LlmTimeout, LlmUnavailable
from genpy_server.llm import transport
from genpy_server.llm.base import ChatMessage, ChatRequest, TextDelta
from genpy_server.llm.groq import GroqLlm
from genpy_server.llm.transport import Body
from genpy_server.network import certificates, http_client, proxy_for

HASTY = (1.0, 0.5, 0.5)


async def test_cancelled_reply_closes_the_connection(llm, upstream):
    """Stopping to read a reply, even while waiting for it, stops the service from making it."""
    upstream.say("one", "two", paused_at=1)
    reading = asyncio.create_task(everything(llm))
    await upstream.until(lambda: upstream.open == 1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await upstream.until(lambda: upstream.open == 0)


def test_the_installed_reader_has_what_is_used_of_it():
    """A version that lacks it would still be read, at a higher cost for a token."""
    assert [name for name in transport.INTERNALS if not hasattr(aiohttp.StreamReader, name)] == []


@pytest.mark.parametrize(("can", "has"), [(True, True), (False, True), (True, False)])
async def test_text_is_shown_where_it_is_read(llm, upstream, monkeypatch, can, has):
    """After the first piece no event is made of a text that can be shown, and one of what cannot."""
    monkeypatch.setattr(transport, "_HAS_INTERNALS", has)
    gate = upstream.say("one", "two", paused_at=1)
    offered = []

    def show(event):
        offered.append(event.text)
        return can

    async with aclosing(llm.stream(msgspec.structs.replace(REQUEST, show=show))) as events:
        assert (await anext(events)).text == "one"
        gate.set()
        assert said([event async for event in events]) == ("" if can else "two")
    assert offered == ["two"]


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_text_is_shown_where_it_is_read_over_tls(own_certificate, monkeypatch, loop):
    """On either event loop, and the connection takes the next request."""
    tls, file = own_certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    shown, connections = [], []

    async def two_replies():
        go_on = asyncio.Event()

        async def serve(reader, writer):
            connections.append(writer)
            while True:
                await request_of(reader)
                writer.write(
                    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                    + part(chunk({"content": "one"}))
                )
                await go_on.wait()
                go_on.clear()
                writer.write(part(chunk({"content": "two"})) + part(chunk(finish="stop")))
                writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")

        def show(event):
            shown.append(event.text)
            return True

        async with raw_server(serve, tls) as url:
            llm = GroqLlm(key="k", model="m", url=f"{url.replace('http', 'https')}/v1")
            for _ in range(2):
                async for event in llm.stream(msgspec.structs.replace(REQUEST, show=show)):
                    if type(event) is TextDelta:
                        shown.append(f"event: {event.text}")
                        go_on.set()
            await llm.close()

    pytest.importorskip(loop).run(two_replies())
    assert shown == ["event: one", "two"] * 2
    assert len(connections) == 1


def part(event):
    return b"%x\r\n%b\r\n" % (len(event), event)


async def test_text_that_came_with_the_end_of_its_connection_is_read(llm, upstream, monkeypatch):
    """However late a reply is read, it has all that came before its connection was cut."""
    upstream.cut("half ", "a")
    post, texts = llm._post, []

    async def late(body):
        response = await post(body)
        await eventually(lambda: asyncio.sleep(0, response.stream._content.exception()))
        return response

    async def read():
        async for event in llm.stream(REQUEST):
            texts.append(event.text)  # noqa: PERF401 - it ends with an error

    monkeypatch.setattr(llm, "_post", late)
    with pytest.raises(LlmCutOff):
        await read()
    assert "".join(texts) == "half a"


async def given(rest, until):
    """The bytes that a body gives of a first chunk and of `rest`, until there are so many."""
    came, taken = asyncio.Event(), bytearray()

    async def answer(_, writer):
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await came.wait()
        writer.write(rest)
        await asyncio.Event().wait()

    def take(data):
        taken.extend(data)
        came.set()
        return len(taken) < until

    async with raw_server(answer) as url, aiohttp.ClientSession() as session:
        async with aclosing(Body(await session.get(url), PATIENCE)) as body:
            try:
                await body.give(take)
            except httpx.ReadError:
                taken.extend(b", failed")
    return bytes(taken)


async def test_bytes_before_an_error_are_taken():
    """What came in one read with a fault of the body is not lost."""
    assert await given(b"4\r\nlast\r\nno size\r\n", 100) == b"firstlast, failed"


async def test_all_chunks_of_a_read_are_taken():
    """A read of so many chunks that the parser pauses does not wait for the next bytes."""
    count = 45_000
    assert await given(b"1\r\nx\r\n" * count, 5 + count) == b"first" + b"x" * count


async def test_error_of_what_shows_a_text_ends_the_stream(llm, upstream):
    """It is raised by the stream, not in the parser of the connection, which is closed."""
    gate = upstream.say("one", "two", paused_at=1)

    def show(_):
        raise KeyError

    async with aclosing(llm.stream(msgspec.structs.replace(REQUEST, show=show))) as events:
        assert (await anext(events)).text == "one"
        gate.set()
        with pytest.raises(KeyError):
            await anext(events)
    await upstream.until(lambda: upstream.open == 0)


async def test_cancelled_request_closes_the_connection(llm, upstream):
    """A reply that is stopped before its first byte is stopped at the service as well."""
    upstream.silence()
    reading = asyncio.create_task(everything(llm))
    await upstream.until(lambda: upstream.open == 1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await upstream.until(lambda: upstream.open == 0)


async def test_requests_are_freed_without_the_collector(llm, upstream):
    """The body of a request goes with its reply, not when cycles are collected next."""

    def held():
        requests = [one for one in gc.get_objects() if isinstance(one, httpx.Request)]
        return [one for one in requests if one.method == "POST"]

    gc.disable()
    try:
        before = held()  # by tests before this one
        for _ in range(3):
            upstream.say("one")
            await everything(llm)
        assert len(held()) == len(before)
    finally:
        gc.enable()


async def test_cookies_are_kept_and_looked_for_where_some_are_set(llm, upstream, monkeypatch):
    """A gateway gets its cookie back; a response without one is not searched for any."""
    searched = []
    extract = httpx.Cookies.extract_cookies

    def counted(self, response):
        searched.append(response.status_code)
        extract(self, response)

    monkeypatch.setattr(httpx.Cookies, "extract_cookies", counted)
    upstream.fail(500, headers={"set-cookie": "replica=2"})
    upstream.say("one")
    with pytest.raises(LlmUnavailable):
        await everything(llm)
    await everything(llm)
    assert upstream.requests[-1]["headers"]["cookie"] == "replica=2"
    assert searched == [500]


async def test_connection_is_used_again(llm, upstream):
    """Replies in a row, refusals among them, need one connection and one handshake."""
    upstream.say("one")
    upstream.fail(500)
    upstream.say("two")
    upstream.answer = {"summary": "s", "topics": [], "sentiment": "neutral", "outcomes": []}
    await llm.check()
    await everything(llm)
    with pytest.raises(LlmUnavailable):
        await everything(llm)
    await everything(llm)
    await llm.structured(REQUEST.messages, SummaryDraft)
    assert upstream.connections == 1


async def test_stream_that_stays_open_after_its_end_delays_nothing(compatible, upstream):
    """A server that marks the end but keeps the stream open does not hold the finish back."""
    gate = upstream.say("whole", paused_at=3)
    script = upstream._scripts[-1]
    upstream.only(Script(pieces=[*script.pieces, chunk({})], gates=script.gates))
    async with asyncio.timeout(PATIENCE):
        assert said(await everything(compatible)) == "whole"
    assert not gate.is_set()
    await upstream.until(lambda: upstream.open == 0)


async def test_service_that_says_nothing_is_too_slow(upstream):
    """The first byte has its time, and so has every later one."""
    llm = GroqLlm(key=None, model="m", url=upstream.url, waits=HASTY)
    upstream.silence()
    with pytest.raises(LlmTimeout, match="too long"):
        await everything(llm)
    upstream.only(Script(pieces=[chunk({"content": "so "}), b"x"], gates={1: asyncio.Event()}))
    async with aclosing(llm.stream(REQUEST)) as events:
        assert (await anext(events)).text == "so "
        with pytest.raises(LlmTimeout):
            await anext(events)
    upstream.only(Script(silent=True))
    with pytest.raises(LlmTimeout):
        await llm.structured(REQUEST.messages, SummaryDraft)
    await llm.close()


async def test_service_that_is_not_there_has_a_name(llm, upstream):
    """Nobody at the address is said with the address, whatever is asked."""
    await upstream.stop()
    with pytest.raises(LlmUnavailable, match=r"127\.0\.0\.1"):
        await everything(llm)
    with pytest.raises(LlmUnavailable):
        await llm.check()
    with pytest.raises(LlmUnavailable):
        await llm.structured(REQUEST.messages, SummaryDraft)


async def test_service_that_hangs_up_before_answering_is_not_there(compatible, upstream):
    """A connection closed instead of an answer is not a time-out."""
    upstream.say("Hi")
    await everything(compatible)
    upstream.only(Script(hang_up=True))
    with pytest.raises(LlmUnavailable):
        await everything(compatible)


async def test_something_that_speaks_no_http_has_a_name():
    """An answer that is no HTTP is trouble with a name, not a bug."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"220 mail.example.org ESMTP\r\n\r\n")

    async with raw_server(talk) as url:
        llm = GroqLlm(key=None, model="m", url=f"{url}/v1")
        with pytest.raises(LlmUnavailable):
            await everything(llm)
        await llm.close()


async def test_key_is_sent_and_a_wrong_one_refused(upstream):
    """The key reaches the service, and its refusal names the setting."""
    upstream.key = "right"
    for key in ("right", "wrong"):
        llm = GroqLlm(key=key, model=None, url=upstream.url)
        if key == "right":
            await llm.check()
        else:
            with pytest.raises(LlmKeyRejected, match="GENPY_LLM_KEY"):
                await llm.check()
        await llm.close()


async def test_server_on_this_machine_is_not_looked_for_behind_a_proxy(upstream, monkeypatch):
    """A proxy of the environment is for what is far away."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    upstream.say("Hi")
    llm = GroqLlm(key=None, model="m", url=upstream.url)
    assert said(await everything(llm)) == "Hi"
    await llm.close()


class Byhand:
    """A service whose every connection is a function of its reader and writer."""

    def __init__(self, serve):
        self.serve = serve
        self.connections = 0

    async def __aenter__(self):
        """Listen."""
        self._server = raw_server(self._connected)
        self.llm = GroqLlm(key="k", model="m", url=f"{await self._server.__aenter__()}/v1")
        return self

    async def __aexit__(self, *_):
        """Stop."""
        await self.llm.close()
        await self._server.__aexit__(None, None, None)

    async def _connected(self, reader, writer):
        self.connections += 1
        await self.serve(self.connections, reader, writer)


async def request_of(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n")
                  if line.lower().startswith(b"content-length"))  # fmt: skip
    return head, await reader.readexactly(length)


def whole(text, status=b"200 OK", more=b""):
    body = json.dumps({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]})
    return b"HTTP/1.1 %b\r\ncontent-length: %d\r\n%b\r\n%b" % (
        status, len(body), more, body.encode(),
    )  # fmt: skip


async def test_kept_connection_that_was_closed_is_replaced_once():
    """A request that a kept connection did not take is sent again on a new one."""

    async def serve(number, reader, writer):
        await request_of(reader)
        writer.write(whole(f"from {number}"))
        await writer.drain()
        await reader.read(1)  # the second request begins, and the connection ends

    async with Byhand(serve) as service:
        assert said(await everything(service.llm)) == "from 1"
        assert said(await everything(service.llm)) == "from 2"
        assert service.connections == 2


async def test_new_connection_that_is_closed_is_not_replaced():
    """A request on a connection of its own is sent once, for it may have been taken."""

    async def serve(_number, reader, _writer):
        await request_of(reader)

    async with Byhand(serve) as service:
        with pytest.raises(LlmUnavailable):
            await everything(service.llm)
        assert service.connections == 1


@pytest.mark.parametrize("status", [b"307 Moved", b"308 Moved"])
async def test_redirect_on_the_same_host_is_followed(status):
    """A redirect that keeps method and host is followed, with the same body."""

    async def serve(_number, reader, writer):
        _, first = await request_of(reader)
        writer.write(whole("", status, b"location: /other\r\n"))
        head, second = await request_of(reader)
        assert head.startswith(b"POST /other")
        writer.write(whole("found" if first == second else "changed"))

    async with Byhand(serve) as service:
        assert said(await everything(service.llm)) == "found"


@pytest.mark.parametrize(
    ("status", "target", "says"),
    [
        *(
            (status, b"else.example/v1/x", r"to https://else\.example/v1/x\. Put.*GENPY_LLM_URL")
            for status in (b"301 Moved", b"302 Found", b"307 Moved", b"308 Moved")
        ),
        (b"302 Found", b"github.com/codespaces/auth/abc", "sign in on a web page .*public port"),
        (b"302 Found", b"t.cloudflareaccess.com/cdn-cgi/access/login/a", "asks to sign in"),
    ],
)
async def test_redirect_elsewhere_is_said(status, target, says):
    """Any other redirect names its target and the setting or a sign-in, and nothing is sent there."""

    async def serve(_number, reader, writer):
        await request_of(reader)
        writer.write(whole("", status, b"location: https://%b?key=1\r\n" % target))

    async with Byhand(serve) as service:
        with pytest.raises(LlmError, match=says):
            await everything(service.llm)


PLAIN = chunk({"content": "packed"}) * 3 + chunk(finish="stop")
MEMBERS = [gzip.compress(PLAIN[place : place + 50]) for place in range(0, len(PLAIN), 50)]
RAW = zlib.compressobj(wbits=-15)
PACKED = {
    "gzip": (b"gzip", gzip.compress(PLAIN)),
    "gzip that is not named": (b"", gzip.compress(PLAIN)),
    "gzip by another name": (b"br", gzip.compress(PLAIN)),
    "gzip in members": (b"gzip", b"".join(MEMBERS)),
    "gzip and garbage": (b"gzip", gzip.compress(PLAIN) + b"garbage"),
    "zlib": (b"deflate", zlib.compress(PLAIN)),
    "zlib that is not named": (b"", zlib.compress(PLAIN)),
    "deflate": (b"deflate", RAW.compress(PLAIN) + RAW.flush()),
    "none that is named": (b"gzip", PLAIN),
    "none that is named br": (b"br", PLAIN),
    "identity": (b"identity", PLAIN),
    "br": (b"br", b"\x8b\x09\x80\xff\x01\xb4\x02" * 4),
    "broken": (b"gzip", gzip.compress(PLAIN)[:10] + b"\xff" * 40),
}


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("size", [1, 1000])
async def test_compressed_reply_is_read(name, size):
    """A body is decompressed by what it is, whatever its header says; what cannot be is named."""
    encoding, body = PACKED[name]

    async def serve(_number, reader, writer):
        await request_of(reader)
        named = b"content-encoding: %b\r\n" % encoding if encoding else b""
        writer.write(b"HTTP/1.1 200 OK\r\n%btransfer-encoding: chunked\r\n\r\n" % named)
        for place in range(0, len(body), size):
            piece = body[place : place + size]
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    async with Byhand(serve) as service:
        if name in ("br", "broken"):
            with pytest.raises(LlmUnavailable, match="compression that cannot be read"):
                await everything(service.llm)
        else:
            assert said(await everything(service.llm)) == "packed" * 3


async def test_compressed_refusal_is_read():
    """The reason of a refusal is read though its compression is not named."""
    body = gzip.compress(b'{"error": {"message": "no luck today"}}')

    async def serve(_number, reader, writer):
        await request_of(reader)
        writer.write(b"HTTP/1.1 400 Bad\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))

    async with Byhand(serve) as service:
        with pytest.raises(LlmError, match="no luck today"):
            await everything(service.llm)


@pytest.mark.parametrize(
    "head", [b"content-length: 999\r\n\r\n", b"transfer-encoding: chunked\r\n\r\n2a\r\n"]
)
async def test_refusal_that_breaks_off_is_read_in_part(head):
    """The reason of a refusal is what came of it, though its body is shorter than announced."""

    async def serve(_number, reader, writer):
        await request_of(reader)
        writer.write(b"HTTP/1.1 503 Bad\r\n" + head + b'{"error": {"message": "no luck today"}}')

    async with Byhand(serve) as service:
        with pytest.raises(LlmUnavailable, match="no luck today"):
            await everything(service.llm)


async def test_endless_refusal_is_read_in_part():
    """The body of a refusal is read up to a bound, however long it is."""

    async def serve(_number, reader, writer):
        await request_of(reader)
        writer.write(b"HTTP/1.1 400 Bad\r\n\r\n")
        while True:
            writer.write(b"no " * 10_000)
            await writer.drain()

    async with Byhand(serve) as service:
        with pytest.raises(LlmError, match="no no no"):
            await everything(service.llm)


async def test_server_without_a_list_of_models_says_so():
    """A server that has no list is not said to have no chat completions."""

    async def serve(_number, reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"detail": "Not Found"}'
        writer.write(b"HTTP/1.1 404 X\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))

    async with Byhand(serve) as service:
        with pytest.raises(LlmError, match="lists no models"):
            await service.llm.check()


async def test_missing_certificate_file_is_named(monkeypatch):
    """A SSL_CERT_FILE that is not there is said by its name."""
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/at/all.pem")
    llm = GroqLlm(key="k", model="m", groq_url="https://127.0.0.1:9")
    with pytest.raises(LlmUnavailable, match="SSL_CERT_FILE"):
        await everything(llm)
    await llm.close()


@pytest.mark.parametrize(
    ("url", "no_proxy", "proxied"),
    [
        ("http://far.example/v1", "", True),
        ("http://far.example/v1", "example", False),
        ("http://far.example/v1", ".far.example", False),
        ("http://far.example/v1", "ar.example", True),
        ("http://far.example/v1", "near.example, far.example:80", False),
        ("http://far.example/v1", "*", False),
        ("http://10.1.2.3/v1", "10.0.0.0/8", False),
        ("http://11.1.2.3/v1", "10.0.0.0/8", True),
        ("http://[fd00::5]/v1", "fd00::/8", False),
        ("http://[fe00::5]/v1", "fd00::/8,[::1]", True),
        ("http://far.example/v1", "fd00::/8 ::1", True),
    ],
)
def test_proxy_of_the_environment_leaves_out_what_it_names(monkeypatch, url, no_proxy, proxied):
    """NO_PROXY may hold names, addresses and networks of both kinds."""
    for name in ("ALL_PROXY", "all_proxy", "http_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    expected = "http://proxy.example:3128" if proxied else None
    assert proxy_for(httpx.URL(url)) == expected


async def test_certificates_are_read_once_and_for_https_alone(monkeypatch):
    """A client for plain HTTP reads no certificates, and two for HTTPS share what was read."""
    shared = certificates()
    monkeypatch.delattr(ssl, "create_default_context")  # how httpx reads them
    for url in ("http://127.0.0.1:9", "http://models.example", "https://models.example"):
        async with http_client(url, trust_env="models" in url):
            assert certificates() is shared


async def test_proxy_that_is_none_is_named(monkeypatch):
    """A proxy of another kind is said by the name of its variable."""
    for name in ("HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    llm = GroqLlm(key=None, model="m", url="http://far.example/v1")
    with pytest.raises(LlmUnavailable, match="ALL_PROXY"):
        await everything(llm)
    await llm.close()


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:1/v1", True),
        ("http://[::1]:1/v1", True),
        ("http://localhost/v1", True),
        ("http://192.168.1.5/v1", True),
        ("http://gpu/v1", True),
        ("http://gpu.local/v1", True),
        ("http://host.docker.internal/v1", True),
        ("https://api.example.com/v1", False),
        ("http://8.8.8.8/v1", False),
    ],
)
async def test_model_near_by_has_minutes_to_begin(url, local):
    """A model on this machine or network may have to be loaded; waits that are set count."""
    llm = GroqLlm(key=None, model="m", url=url)
    assert llm.local is local
    assert (llm.first_token_seconds > 100) is local
    await llm.close()
    llm = GroqLlm(key=None, model="m", url=url, waits=(None, 7.0, None))
    assert llm.first_token_seconds == 7.0
    await llm.close()


@pytest.mark.parametrize("end", ["", "/", "/openai/v1", "/openai/v1/"])
async def test_address_of_groq_is_taken_with_and_without_its_path(upstream, end):
    """GROQ_BASE_URL may hold the path of the API."""
    llm = GroqLlm(key="k", model="openai/gpt-oss-120b", groq_url=f"{upstream.root}{end}")
    await llm.check()
    assert upstream.requests[-1]["path"] == "/openai/v1/models"
    await llm.close()


async def test_address_with_the_whole_path_is_taken(upstream):
    """GENPY_LLM_URL may be the address of the chat completions themselves."""
    upstream.say("Hi")
    llm = GroqLlm(key="k", model="m", url=f"{upstream.url}/chat/completions/")
    assert said(await everything(llm)) == "Hi"
    assert upstream.requests[-1]["path"] == "/v1/chat/completions"
    await llm.close()


async def test_query_of_an_address_is_sent_and_not_shown(upstream):
    """What Azure and gateways want behind a question mark follows each path; a fragment does not."""
    upstream.say("Hi")
    address = f"{upstream.url}/chat/completions?api-version=2&subscription-key=abc#top"
    llm = GroqLlm(key="k", model=None, url=address)
    assert said(await everything(llm)) == "Hi"
    assert [request["path"] for request in upstream.requests] == [
        "/v1/models?api-version=2&subscription-key=abc",
        "/v1/chat/completions?api-version=2&subscription-key=abc",
    ]
    assert (await llm.check()).where == upstream.url
    await llm.close()


async def test_password_in_an_address_is_sent_and_not_shown(upstream):
    """A user and password in an address are basic authorization, and stay out of health."""
    address = upstream.url.replace("http://", "http://ann:s%40cret@")
    llm = GroqLlm(key=None, model=None, url=address)
    health = await llm.check()
    await llm.close()
    assert health.where == upstream.url
    sent = upstream.requests[0]["headers"]["authorization"]
    assert sent == f"Basic {base64.b64encode(b'ann:s@cret').decode()}"


async def test_logs_hold_neither_key_nor_text(upstream, monkeypatch, capfd):
    """At our most talkative level, what is said and the key stay out of the log."""
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    ours = logging.getLogger("genpy")
    monkeypatch.setattr(ours, "level", ours.level)
    configure_logging("DEBUG")
    upstream.say("a secret answer")
    llm = GroqLlm(key="gsk_secret", model="m", url=upstream.url)
    await everything(llm, ChatRequest((ChatMessage("user", "a secret question"),)))
    await llm.close()
    out, err = capfd.readouterr()
    assert "secret" not in out + err
