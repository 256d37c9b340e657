"""The reader of requests, fed by plain calls."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genpy_server.errors import GenPyError
from genpy_server.web.http_request import FIELDS, LINE_BYTES, RequestReader
from genpy_server.web.messages import Request, Response

CONTINUE = b"HTTP/1.1 100 \r\n\r\n"

HEAD_BYTES = 32 * 1024
BODY_BYTES = 1024

UPGRADE = (
    b"GET /ws/session/a?epoch=e HTTP/1.1\r\n"
    b"Host: localhost:8001\r\n"
    b"Connection: keep-alive, Upgrade\r\n"
    b"Upgrade: WebSocket\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
    b"\r\n"
)
FRAME = b"\x81\x82\x00\x00\x00\x00hi"


def post(*fields: bytes, body: bytes = b"") -> bytes:
    """A POST with these header fields."""
    lines = (b"POST /p HTTP/1.1", b"Host: localhost", *fields, b"", body)
    return b"\r\n".join(lines)


CHUNKED = b"Transfer-Encoding: chunked"

GOOD = {
    "a GET": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "HTTP/1.0": b"GET / HTTP/1.0\r\n\r\n",
    "a body": post(b"Content-Length: 5", body=b"12345"),
    "bytes behind the body": post(b"Content-Length: 5", body=b"12345GET / HTTP/1.1\r\n\r\n"),
    "a body of CRLF": post(b"Content-Length: 8", body=b"\r\n\r\n\r\n\r\n"),
    "a body of zeros": post(b"Content-Length: 4", body=bytes(4)),
    "no body": post(),
    "an empty body": post(b"Content-Length: 0"),
    "a body that waits": post(b"Content-Length: 2", b"Expect: 100-Continue", body=b"{}"),
    "an upgrade": UPGRADE,
    "an upgrade and a frame": UPGRADE + FRAME,
    "space around a value": b"GET / HTTP/1.1\r\nHost: \t localhost \t\r\n\r\n",
    "an empty value": b"GET / HTTP/1.1\r\nHost:\r\nX:\r\n\r\n",
    "a value beyond ASCII": b"GET / HTTP/1.1\r\nHost: h\r\nX: \xe4\xff\xc3\xa4\r\n\r\n",
    "an upgrade to another protocol": b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
    b"Upgrade: h2c\r\n\r\n",
    "an empty line first": b"\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "an absolute address": b"GET http://localhost/p?a=1 HTTP/1.1\r\nHost: other\r\n\r\n",
    "an absolute address without path": b"GET http://localhost?a=1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "chunks": post(CHUNKED, body=b"2\r\n{}\r\n0\r\n\r\n"),
    "chunks with extensions": post(CHUNKED, body=b"2;a=b\r\n{}\r\n3\r\nabc\r\n0\r\n\r\n"),
    "no chunks": post(CHUNKED, body=b"0\r\n\r\n"),
    "chunks and bytes behind": post(CHUNKED, body=b"1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1\r\n"),
    "chunks that wait": post(CHUNKED, b"Expect: 100-continue", body=b"1\r\nx\r\n0\r\n\r\n"),
    "chunks to the limit": post(CHUNKED, body=b"400\r\n%s\r\n0\r\n\r\n" % bytes(1024)),
    "the longest line": b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * (LINE_BYTES - 3) + b"\r\n\r\n",
}

BAD = {
    "a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), 400),
    "zeros": (bytes(4), 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "no version": (b"GET /\r\n\r\n", 400),
    "an absolute address of another scheme": (b"GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "an absolute address without host": (b"GET http:///p HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "an absolute address of no form": (b"GET http://[/ HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "another version": (b"GET / HTTP/1.2\r\nHost: h\r\n\r\n", 400),
    "a long method": (b"G" * 33 + b" / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "two spaces": (b"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "empty lines first": (b"\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "an empty line of LF first": (b"\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "two types": (post(b"Content-Type: a/b", b"content-type: a/c"), 400),
    "two codings": (post(CHUNKED, CHUNKED, body=b"0\r\n\r\n"), 400),
    "LF alone": (b"GET / HTTP/1.1\nHost: localhost\n\n", 400),
    "CR alone": (b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400),
    "NUL in a value": (b"GET / HTTP/1.1\r\nHost: a\x00b\r\n\r\n", 400),
    "a folded field": (b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400),
    "a field without colon": (b"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400),
    "space before the colon": (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    "no name": (b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "two Origins": (b"GET / HTTP/1.1\r\nHost: a\r\nOrigin: b\r\norigin: c\r\n\r\n", 400),
    "two tokens": (post(b"Authorization: Bearer a", b"Authorization: Bearer b"), 400),
    "equal lengths": (post(b"Content-Length: 2", b"Content-Length: 2", body=b"{}"), 400),
    "conflicting lengths": (post(b"Content-Length: 2", b"Content-Length: 3", body=b"{}"), 400),
    "a list of lengths": (post(b"Content-Length: 2, 2", body=b"{}"), 400),
    "a negative length": (post(b"Content-Length: -2", body=b"{}"), 400),
    "a signed length": (post(b"Content-Length: +2", body=b"{}"), 400),
    "a length with underscore": (post(b"Content-Length: 1_0", body=b"{}"), 400),
    "a hexadecimal length": (post(b"Content-Length: 0x2", body=b"{}"), 400),
    "a length in other digits": (post("Content-Length: ٢".encode(), body=b"{}"), 400),
    "a length of many digits": (post(b"Content-Length: " + b"9" * 5000), 400),
    "no length at all": (post(b"Content-Length:"), 400),
    "length and chunks": (post(b"Content-Length: 2", b"Transfer-Encoding: chunked"), 400),
    "chunks and length": (post(b"Transfer-Encoding: chunked", b"Content-Length: 2"), 400),
    "chunks of HTTP/1.0": (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a chunk that ends in LF": (post(CHUNKED, body=b"2\r\n{}\n0\r\n\r\n"), 400),
    "a size that ends in LF": (post(CHUNKED, body=b"2\n{}\r\n0\r\n\r\n"), 400),
    "chunks that end in LF": (post(CHUNKED, body=b"2\r\n{}\r\n0\r\n\n"), 400),
    "a size that is none": (post(CHUNKED, body=b"x\r\n{}\r\n0\r\n\r\n"), 400),
    "a negative size": (post(CHUNKED, body=b"-2\r\n{}\r\n0\r\n\r\n"), 400),
    "CR in an extension": (post(CHUNKED, body=b"2;a\rb\r\n{}\r\n0\r\n\r\n"), 400),
    "NUL in the last extension": (post(CHUNKED, body=b"2\r\n{}\r\n0;\0\r\n\r\n"), 400),
    "a space behind a size": (post(CHUNKED, body=b"2 \r\n{}\r\n0\r\n\r\n"), 400),
    "a chunk longer than its size": (post(CHUNKED, body=b"1\r\n{}\r\n0\r\n\r\n"), 400),
    "trailers": (post(CHUNKED, body=b"0\r\nHost: evil\r\n\r\n"), 400),
    "trailers that end in LF": (post(CHUNKED, body=b"0\r\nX: y\n\n"), 400),
    "chunks over the limit": (post(CHUNKED, body=b"401\r\n%s\r\n0\r\n\r\n" % bytes(1025)), 413),
    "small chunks over the limit": (post(CHUNKED, body=b"1\r\nx\r\n" * 1025), 413),
    "extensions without end": (post(CHUNKED, body=b"1;" + b"x" * 40_000), 431),
    "extensions over the limit": (post(CHUNKED, body=(b"1;%s\r\nx\r\n" % (b"y" * 900)) * 40), 413),
    "another coding": (post(b"Transfer-Encoding: gzip"), 400),
    "two codings in one": (post(b"Transfer-Encoding: gzip, chunked"), 400),
    "a large body": (post(b"Content-Length: 1025"), 413),
    "a large body that waits": (post(b"Content-Length: 1025", b"Expect: 100-continue"), 413),
    "an upgrade with a body": (UPGRADE[:-2] + b"Content-Length: 0\r\n\r\n", 400),
    "an upgrade with chunks": (UPGRADE[:-2] + b"Transfer-Encoding: chunked\r\n\r\n", 400),
    "an upgrade of HTTP/1.0": (UPGRADE.replace(b"HTTP/1.1", b"HTTP/1.0"), 400),
    "a long line": (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * LINE_BYTES + b"\r\n\r\n", 431),
    "a long address": (b"GET /" + b"x" * LINE_BYTES + b" HTTP/1.1\r\nHost: h\r\n\r\n", 431),
    "many fields": (b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: y\r\n" * FIELDS + b"\r\n", 431),
    "a head without end": (b"GET / HTTP/1.1\r\nX: " + b"x" * HEAD_BYTES, 431),
    "a name twice in the query": (b"GET /?a=1&a=2 HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "a query that is not UTF-8": (b"GET /?a=%ff HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "a query of many names": (b"GET /?" + b"a=1&" * 30 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    "an address beyond ASCII": (b"GET /\xc3\xa4 HTTP/1.1\r\nHost: h\r\n\r\n", 400),
}


def read(*pieces: bytes) -> tuple[Request | None, int | None, RequestReader]:
    """The request in the pieces, or the status they are refused with, and the reader."""
    reader = RequestReader(head_bytes=HEAD_BYTES, body_bytes=BODY_BYTES)
    request = None
    for piece in pieces:
        try:
            request = reader.receive_data(piece) or request
        except GenPyError as error:
            return None, error.status, reader
        if request is not None and request.upgrade:
            break
    return request, None, reader


def single_bytes(data: bytes) -> list[bytes]:
    """The bytes one by one."""
    return [data[at : at + 1] for at in range(len(data))]


@pytest.mark.parametrize("data", GOOD.values(), ids=GOOD)
def test_bytes_one_by_one_give_the_same_request(data: bytes) -> None:
    """A request is the same whether it comes whole or byte by byte."""
    whole, refused, _ = read(data)
    assert whole is not None, refused
    assert read(*single_bytes(data))[0] == whole


@pytest.mark.parametrize(("data", "status"), BAD.values(), ids=BAD)
def test_bad_requests_are_refused_however_they_come(data: bytes, status: int) -> None:
    """What is not a safe request is refused with its status, whole or byte by byte."""
    assert read(data)[:2] == (None, status)
    assert read(*single_bytes(data))[:2] == (None, status)


@settings(deadline=None)
@given(st.sampled_from([*GOOD.values(), *(data for data, _ in BAD.values())]), st.data())
def test_any_split_gives_the_same_outcome(data: bytes, draw: st.DataObject) -> None:
    """Where the network cuts a request changes nothing."""
    cuts = sorted(draw.draw(st.sets(st.integers(0, len(data)), max_size=5)))
    pieces = [data[low:high] for low, high in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert read(*pieces)[:2] == read(data)[:2]


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_crash_the_reader(data: bytes) -> None:
    """Any bytes are a request, a refusal, or not yet either."""
    read(data)
    read(b"GET / HTTP/1.1\r\nHost: h\r\n" + data + b"\r\n\r\n")


def test_what_came_behind_an_upgrade_is_kept() -> None:
    """A frame that came with a request to upgrade is left over."""
    assert read(UPGRADE + FRAME)[2].left_over == FRAME


@pytest.mark.parametrize("name", ["bytes behind the body", "chunks and bytes behind"])
def test_what_came_behind_a_request_is_kept(name: str) -> None:
    """Bytes behind a request are left over for the next, and are no part of it."""
    for pieces in ([GOOD[name]], [GOOD[name][:90], GOOD[name][90:]]):
        assert read(*pieces)[2].left_over.startswith(b"GET / HTTP/1.1\r\n")


@pytest.mark.parametrize("name", [name for name in GOOD if "absolute" in name])
def test_the_host_of_an_absolute_address_counts(name: str) -> None:
    """The authority of an absolute address stands for the Host field."""
    request, _, _ = read(GOOD[name])
    assert request is not None
    assert (request.headers["host"], request.query) == ("localhost", {"a": "1"})
    assert request.path == ("/" if "without" in name else "/p")


@pytest.mark.parametrize(
    ("name", "body"),
    [("chunks", b"{}"), ("chunks with extensions", b"{}abc"), ("no chunks", b"")],
)
def test_chunks_are_one_body(name: str, body: bytes) -> None:
    """A chunked body is what its chunks hold."""
    request, _, _ = read(GOOD[name])
    assert request is not None
    assert request.body == body


@pytest.mark.parametrize(
    ("data", "follows"),
    [
        (GOOD["a GET"], True),
        (GOOD["chunks"], True),
        (GOOD["HTTP/1.0"], False),
        (post(b"Connection: close"), False),
    ],
)
def test_an_answer_says_whether_another_request_may_follow(data: bytes, follows: bool) -> None:
    """HTTP/1.1 goes on unless a side closes, and the answer says that it will."""
    _, _, reader = read(data)
    answer = b"".join(reader.answer(Response(), [("Content-Length", "0")]))
    assert reader.may_follow is follows
    assert (b"Connection: close" in answer) is not follows


def test_a_body_is_exactly_its_length() -> None:
    """Bytes behind the body are no part of it."""
    request, _, _ = read(post(b"Content-Length: 5", body=b"12345GET / HTTP/1.1\r\n\r\n"))
    assert request is not None
    assert request.body == b"12345"


def test_the_parts_of_a_request_are_what_was_sent() -> None:
    """Method, path, query and header fields arrive; names of fields are lower case."""
    head = b"PATCH /a%2Fb?q=x+y&empty= HTTP/1.1\r\nHOST: h\r\nAccept: a\r\naccept: b\r\n\r\n"
    request, _, _ = read(head)
    assert request == Request(
        "PATCH", "/a%2Fb", {"q": "x y", "empty": ""}, {"host": "h", "accept": "a, b"}
    )


def test_a_client_that_waits_is_told_to_go_on_once() -> None:
    """`Expect: 100-continue` is answered when the head is there and the body is not."""
    reader = RequestReader(head_bytes=HEAD_BYTES, body_bytes=BODY_BYTES)
    head = post(b"Content-Length: 2", b"Expect: 100-continue")
    assert reader.receive_data(head[:-1]) is None
    assert reader.continue_bytes() == b""
    assert reader.receive_data(head[-1:]) is None
    assert reader.continue_bytes() == CONTINUE
    assert reader.continue_bytes() == b""
    request = reader.receive_data(b"{}")
    assert request is not None
    assert request.body == b"{}"


def test_a_client_that_did_not_wait_is_not_told_to_go_on() -> None:
    """A body that came with its head needs no 100."""
    reader = read(post(b"Content-Length: 2", b"Expect: 100-continue", body=b"{}"))[2]
    assert reader.continue_bytes() == b""


@pytest.mark.parametrize("data", [b"GET", post(b"Content-Length: 5", body=b"123")])
def test_an_end_in_the_middle_is_a_bad_request(data: bytes) -> None:
    """Bytes that end before the request does are refused."""
    reader = read(data)[2]
    with pytest.raises(GenPyError, match="ended before"):
        reader.receive_eof()


def test_an_end_after_nothing_or_all_is_no_failure() -> None:
    """A client may connect and leave, or finish sending once it has asked."""
    read()[2].receive_eof()
    read(GOOD["a body"])[2].receive_eof()
