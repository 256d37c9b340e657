"""What strangers cost: bounded connections, growing waits for wrong tokens, honest addresses."""

import asyncio
import logging
import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from support.conditions import PATIENCE
from support.http_server import Listening, listening
from support.running_server import serving
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidMessage

from genpy_server import settings
from genpy_server.errors import ConfigError, TooMany, Unauthorized
from genpy_server.web import auth
from genpy_server.web.auth import (
    FREE_ATTEMPTS,
    LONGEST_WAIT,
    Gate,
    Proxies,
    RemotePeer,
    Strangers,
    WrongTokens,
    bucket,
)
from genpy_server.wire import Auth, Send, encode

TOKEN = "t" * 24
GET = b"GET /page HTTP/1.1\r\nHost: localhost\r\n"


def peer(strangers: Strangers, address: str, dropped: list[str]) -> RemotePeer:
    """A connection that notes when it is dropped."""
    return RemotePeer(strangers, address, lambda: dropped.append(address))


def test_strangers_of_one_address_are_bounded() -> None:
    """An address has so many places until one of its connections leaves or shows who it is."""
    strangers = Strangers(100, 2, Proxies(()))
    first, second, third = (peer(strangers, "192.0.2.1", []) for _ in range(3))
    assert [strangers.add(one) for one in (first, second, third)] == [True, True, False]
    assert strangers.add(peer(strangers, "192.0.2.2", []))
    first.identified()
    first.left()
    assert strangers.add(third)
    assert len(strangers) == 3


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_loopback_is_bounded_in_all_alone(address: str) -> None:
    """Clients of the same machine take more than one address's places, and the oldest makes room."""
    dropped: list[str] = []
    strangers = Strangers(5, 2, Proxies(()))
    assert all(strangers.add(peer(strangers, address, dropped)) for _ in range(6))
    assert dropped == [address]
    assert len(strangers) == 5


@pytest.fixture
def all_are_remote(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections of a test, which come from loopback, count as those of another machine."""
    monkeypatch.setattr(auth, "is_loopback", lambda host: host == "localhost")


async def test_a_hundred_local_clients_connect_at_once() -> None:
    """No handshake of a client on the same machine is refused for the number of the others."""
    async with listening() as front:
        address = front.url.replace("http", "ws") + "/ws/session/a"
        opened = await asyncio.gather(*(connect(address, proxy=None) for _ in range(100)))
        assert len(front.server.strangers) == 0
        await asyncio.gather(*(one.close() for one in opened))


def test_the_oldest_stranger_makes_room() -> None:
    """Where every place is taken, the connection that has waited longest is dropped."""
    dropped: list[str] = []
    strangers = Strangers(2, 9, Proxies(()))
    for number in range(3):
        assert strangers.add(peer(strangers, f"192.0.2.{number}", dropped))
    assert dropped == ["192.0.2.0"]
    assert len(strangers) == 2


def test_a_network_of_ipv6_is_one_address() -> None:
    """Who has a /64 has no more places than who has one address."""
    assert bucket("2001:db8::1") == bucket("2001:db8::ffff:1") != bucket("2001:db8:0:1::1")
    assert bucket("::ffff:192.0.2.1") == bucket("192.0.2.1") == "192.0.2.1"
    assert bucket("fe80::1%eth0") == bucket("fe80::2")
    assert bucket("") == ""


def test_waits_for_wrong_tokens_grow_and_end() -> None:
    """A few wrong tokens are free; then each doubles the wait, up to a bound; others do not wait."""
    now = [1_000.0]
    wrong = WrongTokens(lambda: now[0])
    waits = []
    for _ in range(FREE_ATTEMPTS + 9):
        if wait := wrong.wait("192.0.2.1"):
            waits.append(wait)
            with pytest.raises(TooMany):
                wrong.check("192.0.2.1")
            now[0] += wait
        wrong.check("192.0.2.1")
        wrong.check("192.0.2.2")
        wrong.add("192.0.2.1")
    assert waits == [1, 2, 4, 8, 16, 32, LONGEST_WAIT, LONGEST_WAIT, LONGEST_WAIT]
    now[0] += 1_000
    wrong.add("192.0.2.1")
    wrong.check("192.0.2.1")


@pytest.mark.parametrize(
    ("peer_address", "forwarded", "wanted"),
    [
        ("198.51.100.7", "203.0.113.9", "198.51.100.7"),
        ("10.0.0.2", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.2", "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.2", "1.1.1.1, 203.0.113.9, 10.0.0.3", "203.0.113.9"),
        ("10.0.0.2", "10.0.0.3", "10.0.0.3"),
        ("10.0.0.2", "203.0.113.9, nonsense", "10.0.0.2"),
        ("10.0.0.2", "203.0.113.9:80", "10.0.0.2"),
        ("10.0.0.2", "", "10.0.0.2"),
        ("::1", "2001:db8::5", "2001:db8::5"),
        ("::ffff:10.0.0.2", "203.0.113.9, ::ffff:10.0.0.3", "203.0.113.9"),
        ("::ffff:198.51.100.7", "203.0.113.9", "::ffff:198.51.100.7"),
        ("", "203.0.113.9", ""),
    ],
)
def test_only_named_proxies_speak_for_others(
    peer_address: str, forwarded: str, wanted: str
) -> None:
    """`X-Forwarded-For` counts from its end, and only as far as named proxies wrote it."""
    proxies = Proxies(("10.0.0.0/8", "::1"))
    assert proxies.client(peer_address, {"x-forwarded-for": forwarded}) == wanted
    assert Proxies(()).client(peer_address, {"x-forwarded-for": forwarded}) == peer_address


def test_a_proxy_that_is_no_address_is_a_wrong_setting() -> None:
    """GENPY_PROXIES takes addresses and networks."""
    loaded = settings.load({"GENPY_PROXIES": "127.0.0.1, 10.0.0.0/8"})
    assert loaded.proxies == ("127.0.0.1", "10.0.0.0/8")
    with pytest.raises(ConfigError, match=r"GENPY_PROXIES=proxy\.lan"):
        settings.load({"GENPY_PROXIES": "proxy.lan"})


def test_right_tokens_wait_as_wrong_ones_do() -> None:
    """While an address has to wait, its token is not looked at; another address is let in."""
    gate = Gate(settings.load({"GENPY_TOKEN": TOKEN}))
    for _ in range(FREE_ATTEMPTS):
        with pytest.raises(Unauthorized):
            gate.authenticate("wrong", "192.0.2.1")
    with pytest.raises(TooMany, match="Too many wrong tokens"):
        gate.authenticate(TOKEN, "192.0.2.1")
    assert gate.authenticate(TOKEN, "192.0.2.2") == "local"


async def test_wrong_tokens_by_http_and_websocket_count_together() -> None:
    """After wrong tokens in requests a WebSocket's token is refused with a wait as well."""
    async with listening(GENPY_TOKEN=TOKEN) as front:
        async with httpx.AsyncClient(base_url=front.url) as client:
            for _ in range(FREE_ATTEMPTS):
                headers = {"Authorization": "Bearer wrong"}
                answer = await client.post("/echo", json={"text": "x"}, headers=headers)
                assert answer.status_code == 401
            headers = {"Authorization": f"Bearer {TOKEN}"}
            answer = await client.post("/echo", json={"text": "x"}, headers=headers)
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
            assert (await client.get("/page")).status_code == 200
        upgrade = GET.replace(b"/page", b"/ws/session/a") + (
            b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer wrong\r\n\r\n"
        )
        assert (await front.exchange(upgrade)).startswith(b"HTTP/1.1 429 ")


async def held(front: Listening, count: int) -> list[asyncio.StreamWriter]:
    """Connections that say nothing."""
    writers = []
    for _ in range(count):
        _, writer = await asyncio.open_connection("127.0.0.1", front.port)
        writers.append(writer)
    return writers


@pytest.mark.usefixtures("all_are_remote")
async def test_silent_connections_of_one_address_are_bounded(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """More silent connections than allowed are dropped, with one line in the log for all."""
    async with listening(limits={"strangers_per_address": 3}) as front:
        writers = await held(front, 3)
        async with asyncio.timeout(PATIENCE):
            while len(front.server.strangers) < 3:  # noqa: ASYNC110 - the server sends no event
                await asyncio.sleep(0.001)
        for _ in range(5):
            with suppress(ConnectionResetError):
                assert await front.exchange(GET + b"\r\n") == b""
        writers.pop().close()
        async with asyncio.timeout(PATIENCE):
            while len(front.server.strangers) > 2:  # noqa: ASYNC110 - the server sends no event
                await asyncio.sleep(0.001)
        answer = await front.exchange(GET + b"Connection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 ")
        for writer in writers:
            writer.close()
    assert len([r for r in caplog.records if "refused a connection" in r.getMessage()]) == 1


@pytest.mark.usefixtures("all_are_remote")
async def test_who_has_shown_a_token_takes_no_place() -> None:
    """Connections that sent a right token are not counted, whether of HTTP or WebSocket."""
    limits = {"strangers_per_address": 1}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with listening(limits=limits, GENPY_TOKEN=TOKEN) as front:
        address = front.url.replace("http", "ws") + "/ws/session/a"
        async with (
            httpx.AsyncClient(base_url=front.url, headers=headers) as client,
            connect(address, additional_headers=headers, proxy=None),
            connect(address, additional_headers=headers, proxy=None),
        ):
            assert (await client.post("/echo", json={"text": "x"})).status_code == 200
            assert len(front.server.strangers) == 0
            protocol = {"subprotocols": ["genpy.v1"], "proxy": None}
            async with connect(address, **protocol) as silent:
                assert len(front.server.strangers) == 1
                with pytest.raises((InvalidMessage, OSError)):
                    await connect(address, **protocol)
                await silent.close()


async def test_frames_of_strangers_are_small(tmp_path: Path) -> None:
    """Before its token a peer may send little at once; afterwards the largest message."""
    async with serving(tmp_path / "genpy.db", GENPY_TOKEN=TOKEN) as server:
        address = server.url.replace("http", "ws") + "/ws/session/a"
        options = {"subprotocols": ["genpy.v1"], "proxy": None, "compression": None}
        async with connect(address, **options) as ws:
            await ws.send(encode(Auth("x" * 20_000)))
            with pytest.raises(ConnectionClosed):
                await ws.recv()
            assert ws.close_code == 1009
        async with connect(address, **options) as ws:
            await ws.send(encode(Auth(TOKEN)))
            assert b'"ready"' in await ws.recv(decode=False)
            await ws.send(encode(Send("a", "x" * 199_000)))
            while b'"ack"' not in await ws.recv(decode=False):
                pass


async def test_the_log_names_the_client_behind_a_proxy(caplog: pytest.LogCaptureFixture) -> None:
    """Log lines hold the address of the client, taken from a named proxy alone."""
    caplog.set_level(logging.INFO, logger="genpy")
    forwarded = GET + b"X-Forwarded-For: 203.0.113.9\r\nConnection: close\r\n\r\n"
    for variables, wanted in (({}, "127.0.0.1"), ({"GENPY_PROXIES": "127.0.0.1"}, "203.0.113.9")):
        caplog.clear()
        async with listening(**variables) as front:
            await front.exchange(forwarded)
        assert [r.getMessage().split(" ")[0] for r in caplog.records] == [wanted]


@pytest.fixture
def few_descriptors() -> Iterator[int]:
    """A process that may open only a few descriptors more than it has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = max(int(name) for name in os.listdir("/dev/fd")) + 50  # noqa: PTH208 - names alone
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))
    yield few
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_full_table_of_descriptors_is_one_line(
    few_descriptors: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a descriptor for a new connection the server logs one line and goes on."""
    async with listening() as front:
        writers = []
        with suppress(OSError):  # too many open files
            while True:
                writers += await held(front, 1)
        async with asyncio.timeout(PATIENCE):
            while "no descriptor left" not in caplog.text:  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.001)
        for writer in writers:
            writer.close()
        await front.empty()
        answer = await front.exchange(GET + b"Connection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 ")
    assert len(writers) < few_descriptors
    assert caplog.text.count("no descriptor left") == 1
    assert "Traceback" not in caplog.text


async def test_a_server_is_stopped_while_it_has_no_descriptor(
    few_descriptors: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next try to accept, on the listening socket that is closed by then, logs no traceback."""
    monkeypatch.setattr(asyncio.constants, "ACCEPT_RETRY_DELAY", 0.05)
    writers = []
    async with listening() as front:
        with suppress(OSError):  # too many open files
            while len(writers) < few_descriptors:
                writers += await held(front, 1)
        async with asyncio.timeout(PATIENCE):
            while "no descriptor left" not in caplog.text:  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.001)
    tried = asyncio.Event()
    asyncio.get_running_loop().call_later(4 * asyncio.constants.ACCEPT_RETRY_DELAY, tried.set)
    await tried.wait()
    for writer in writers:
        writer.close()
    assert "Traceback" not in caplog.text
