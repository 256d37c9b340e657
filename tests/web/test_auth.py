"""Who comes in: Host, Origin and token, by plain calls and over real sockets."""

from typing import Any

import httpx
import pytest
from support.http_server import listening
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from genpy_server import settings
from genpy_server.errors import BadRequest, Forbidden, Unauthorized, UnknownProtocol
from genpy_server.web.auth import Attach, Gate
from genpy_server.web.messages import Request
from genpy_server.wire import PROTOCOL

ALICE = "alice-" + "a" * 20
BOB = "bob-" + "b" * 20
TOKENS = f"alice:{ALICE},bob:{BOB}"


def gate(**variables: str) -> Gate:
    """A gate with settings from these variables alone."""
    return Gate(settings.load(variables))


def request(method: str = "GET", **headers: str) -> Request:
    """A request with these header fields, `_` for `-`."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method, "/", headers={"host": "localhost:8001", **fields})


def admitted(gate: Gate, request: Request) -> bool:
    """Whether the gate lets a request pass."""
    try:
        gate.admit(request)
    except Forbidden:
        return False
    return True


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    ("host", "lets"),
    [
        ("localhost", True),
        ("LOCALHOST:8001", True),
        ("127.0.0.1:8001", True),
        ("127.9.9.9", True),
        ("[::1]:8001", True),
        ("chat.example.com", True),
        ("chat.example.com:443", True),
        ("evil.com", False),
        ("evil.com:8001", False),
        ("localhost.evil.com", False),
        ("127.0.0.1.evil.com", False),
        ("192.168.1.5", False),
        ("0.0.0.0", False),
        ("chat.example.com.evil.com", False),
    ],
)
def test_only_own_names_are_answered_to(host: str, lets: bool, method: str) -> None:
    """A Host that does not name this server is refused, whatever the method."""
    assert admitted(gate(GENPY_HOSTS="Chat.example.com"), request(method, host=host)) is lets


@pytest.mark.parametrize("host", ["", ":80", "a?b", "localhost@evil", "localhost/x", "h:99999"])
def test_a_host_that_cannot_be_read_is_a_bad_request(host: str) -> None:
    """A Host that is no `name[:port]` is 400."""
    with pytest.raises(BadRequest):
        gate().admit(request(host=host))


def test_a_server_on_every_address_answers_to_addresses() -> None:
    """Listening everywhere, any address is its own, and a strange name is still none."""
    everywhere = gate(GENPY_HOST="0.0.0.0", GENPY_TOKEN=TOKENS)
    assert admitted(everywhere, request(host="192.168.1.5:8001"))
    assert admitted(everywhere, request(host="[fe80::1]:8001"))
    assert not admitted(everywhere, request(host="evil.com"))


def test_a_server_answers_to_the_name_it_listens_on() -> None:
    """The configured host is an own name."""
    assert admitted(gate(GENPY_HOST="box.lan", GENPY_TOKEN=TOKENS), request(host="BOX.lan:8001"))


def test_a_request_of_old_without_host_passes() -> None:
    """HTTP/1.0 without Host is not a browser's, so nobody was lured."""
    assert admitted(gate(), Request("GET", "/"))
    assert not admitted(gate(), Request("POST", "/", headers={"origin": "http://localhost"}))


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    ("host", "origin", "lets"),
    [
        ("localhost:8001", "http://localhost:8001", True),
        ("localhost:8001", "HTTP://LOCALHOST:8001", True),
        ("localhost", "http://localhost:80", True),
        ("chat.example.com", "https://chat.example.com", True),
        ("chat.example.com:443", "https://chat.example.com", True),
        ("localhost:8001", "https://app.example.com", True),
        ("localhost:8001", "http://app.example.com", False),
        ("localhost:8001", "https://app.example.com.evil.com", False),
        ("localhost:8001", "https://app.example.com:444", False),
        ("localhost:8001", "http://localhost:3000", False),
        ("localhost:8001", "http://localhost", False),
        ("localhost:8001", "http://127.0.0.1:8001", False),
        ("localhost:8001", "http://evil.com", False),
        ("localhost:8001", "null", False),
        ("localhost:8001", "", False),
        ("localhost:8001", "file://", False),
        ("localhost:8001", "localhost:8001", False),
        ("localhost:8001", "http://localhost:8001@evil.com", False),
        ("localhost:8001", "http://[", False),
    ],
)
def test_only_own_and_listed_origins_may_connect(
    host: str,
    origin: str,
    lets: bool,
    method: str,
) -> None:
    """A page of another origin is refused, unless exactly it is configured."""
    door = gate(GENPY_HOSTS="chat.example.com", GENPY_ORIGINS="https://app.example.com/")
    assert admitted(door, request(method, host=host, origin=origin)) is lets


@pytest.mark.parametrize(
    ("method", "headers", "lets"),
    [
        ("GET", {}, True),
        ("POST", {}, True),
        ("GET", {"sec_fetch_site": "none", "sec_fetch_mode": "navigate"}, True),
        ("GET", {"sec_fetch_site": "same-origin", "sec_fetch_mode": "cors"}, True),
        ("POST", {"sec_fetch_site": "same-origin", "sec_fetch_mode": "cors"}, True),
        ("GET", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}, True),
        ("GET", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"}, False),
        ("GET", {"sec_fetch_site": "same-site", "sec_fetch_mode": "no-cors"}, False),
        ("POST", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}, False),
        ("POST", {"sec_fetch_site": "same-site", "sec_fetch_mode": "no-cors"}, False),
        (
            "GET",
            {
                "sec_fetch_site": "cross-site",
                "sec_fetch_mode": "navigate",
                "connection": "upgrade",
                "upgrade": "websocket",
            },
            False,
        ),
    ],
)
def test_another_site_may_link_here_and_nothing_else(
    method: str,
    headers: dict[str, str],
    lets: bool,
) -> None:
    """What a browser marks as coming from another site passes only as a visit."""
    assert admitted(gate(), request(method, **headers)) is lets


@pytest.mark.parametrize(
    ("authorization", "user"),
    [
        (None, None),
        (f"Bearer {ALICE}", "alice"),
        (f"bearer   {BOB} ", "bob"),
        (f"Bearer {ALICE}x", Unauthorized),
        (f"Bearer {ALICE[:-1]}", Unauthorized),
        ("Bearer", Unauthorized),
        ("Bearer alice", Unauthorized),
        ("Bearer \udcff\udc00", Unauthorized),
        ("Bearer ☃\ud800", Unauthorized),
        (f"Basic {ALICE}", Unauthorized),
        (ALICE, Unauthorized),
    ],
)
def test_a_token_names_its_user(authorization: str | None, user: Any) -> None:
    """A known token in the Authorization header is its user; a wrong one is refused."""
    headers = {} if authorization is None else {"authorization": authorization}
    if user is Unauthorized:
        with pytest.raises(Unauthorized):
            gate(GENPY_TOKEN=TOKENS).user(request(**headers))
    else:
        assert gate(GENPY_TOKEN=TOKENS).user(request(**headers)) == user


def test_without_tokens_everybody_is_the_one_user() -> None:
    """Where no token is configured, any is as good as none."""
    door = gate(GENPY_USER="me")
    assert door.user(request()) == "me"
    assert door.user(request(authorization="Bearer whatever")) == "me"
    assert door.authenticate("whatever") == "me"


def test_a_token_beyond_ascii_works() -> None:
    """Tokens may hold any character."""
    token = "schlüssel-☃-" + "x" * 10
    door = gate(GENPY_TOKEN=token, GENPY_USER="me")
    header = token.encode().decode("utf-8", "surrogateescape")
    assert door.user(request(authorization=f"Bearer {header}")) == "me"


@pytest.mark.parametrize(
    ("protocol", "authorization", "wanted"),
    [
        (PROTOCOL, f"Bearer {ALICE}", Attach("alice", "a", {})),
        (PROTOCOL, None, Attach(None, "a", {})),
        (f"other, {PROTOCOL}", None, Attach(None, "a", {})),
        (PROTOCOL, "Bearer wrong", Unauthorized),
        (None, f"Bearer {BOB}", Attach("bob", "a", {})),
        (None, None, Unauthorized),
        ("other", None, Unauthorized),
        ("genpy.v9", f"Bearer {ALICE}", UnknownProtocol),
        (f"genpy.v9, {PROTOCOL}", f"Bearer {ALICE}", Attach("alice", "a", {})),
    ],
)
def test_a_websocket_needs_a_token_now_or_in_its_first_frame(
    protocol: str | None, authorization: str | None, wanted: Any
) -> None:
    """genpy.v1 may authenticate by its first frame; text mode has no frame for it."""
    fields = {"sec_websocket_protocol": protocol, "authorization": authorization}
    asked = request(**{name: value for name, value in fields.items() if value is not None})
    if isinstance(wanted, Attach):
        assert gate(GENPY_TOKEN=TOKENS).attach(asked, "a") == wanted
    else:
        with pytest.raises(wanted):
            gate(GENPY_TOKEN=TOKENS).attach(asked, "a")


async def test_a_token_in_the_address_opens_nothing() -> None:
    """Neither HTTP nor WebSocket takes a token from the query."""
    async with (
        listening(GENPY_TOKEN=TOKENS) as front,
        httpx.AsyncClient(base_url=front.url) as client,
    ):
        answer = await client.post(f"/echo?token={ALICE}", json={"text": "x"})
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        address = f"{front.url.replace('http', 'ws')}/ws/session/a?token={ALICE}"
        with pytest.raises(InvalidStatus, match="401"):
            await connect(address, proxy=None)


async def test_a_token_in_the_header_opens_http_and_websocket() -> None:
    """One header serves both."""
    headers = {"Authorization": f"Bearer {ALICE}"}
    async with listening(GENPY_TOKEN=TOKENS) as front:
        async with httpx.AsyncClient(base_url=front.url, headers=headers) as client:
            assert (await client.post("/echo", json={"text": "x"})).status_code == 200
        address = f"{front.url.replace('http', 'ws')}/ws/session/a?after=3"
        async with connect(address, additional_headers=headers, proxy=None) as ws:
            assert ws.subprotocol is None
        assert front.attached == [Attach("alice", "a", {"after": "3"})]


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.com"}, {"Origin": "http://evil.com"}, {"Origin": "null"}]
)
async def test_pages_of_strangers_reach_neither_http_nor_websocket(
    headers: dict[str, str],
) -> None:
    """A foreign Host or Origin is 403 for a request, a post and a handshake alike."""
    async with listening() as front, httpx.AsyncClient(base_url=front.url) as client:
        assert (await client.get("/page", headers=headers)).status_code == 403
        posted = await client.post("/echo", headers=headers, json={"text": "x"})
        assert (posted.status_code, posted.json()["error"]["code"]) == (403, "forbidden")
        reset = f"Host: {headers.get('Host', 'localhost')}\r\n"
        origin = f"Origin: {headers['Origin']}\r\n" if "Origin" in headers else ""
        raw = await front.exchange(
            f"GET /ws/session/a HTTP/1.1\r\n{reset}{origin}Connection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        assert raw.startswith(b"HTTP/1.1 403 ")
        assert front.attached == []


async def test_a_listed_origin_may_read_answers() -> None:
    """A page of a configured origin passes its browser's checks; no other does."""
    origin = "https://app.example.com"
    async with (
        listening(GENPY_ORIGINS=origin, GENPY_TOKEN=TOKENS) as front,
        httpx.AsyncClient(base_url=front.url, headers={"Origin": origin}) as client,
    ):
        asked = await client.options("/echo", headers={"Access-Control-Request-Method": "POST"})
        assert asked.status_code == 204
        assert asked.headers["access-control-allow-origin"] == origin
        assert asked.headers["access-control-allow-methods"] == "POST"
        assert "Authorization" in asked.headers["access-control-allow-headers"]
        headers = {"Authorization": f"Bearer {ALICE}"}
        answer = await client.post("/echo", json={"text": "x"}, headers=headers)
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["vary"] == "Origin"
        other = await client.options("/echo", headers={"Origin": "https://evil.com"})
        assert other.status_code == 403
        assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize(
    ("offered", "wanted"),
    [([], None), (["chat"], None), ([PROTOCOL], PROTOCOL), (["x", PROTOCOL], PROTOCOL)],
)
async def test_the_subprotocol_decides_the_mode(offered: list[Any], wanted: str | None) -> None:
    """genpy.v1 is chosen where it is offered; everything else is text mode."""
    async with listening() as front:
        address = f"{front.url.replace('http', 'ws')}/ws/session/a"
        async with connect(address, subprotocols=offered or None, proxy=None) as ws:
            assert ws.subprotocol == wanted
            assert "Sec-WebSocket-Extensions" not in ws.response.headers


async def test_an_unknown_genpy_protocol_is_refused() -> None:
    """A client of another version is told so, with 400."""
    async with listening() as front:
        address = f"{front.url.replace('http', 'ws')}/ws/session/a"
        with pytest.raises(InvalidStatus) as refused:
            await connect(address, subprotocols=["genpy.v9"], proxy=None)
    assert refused.value.response.status_code == 400
    assert b"genpy.v1" in (refused.value.response.body or b"")
