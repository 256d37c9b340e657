"""The address of a server as people give it."""

import pytest

from genpy_server.client.address import Address
from genpy_server.errors import BadRequest, Unreachable


@pytest.mark.parametrize(
    ("given", "http", "ws"),
    [
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001", "ws://127.0.0.1:8001"),
        ("ws://127.0.0.1:8001/", "http://127.0.0.1:8001", "ws://127.0.0.1:8001"),
        ("https://chat.example.org", "https://chat.example.org", "wss://chat.example.org"),
        ("wss://h.example/genpy/", "https://h.example/genpy", "wss://h.example/genpy"),
        ("http://[::1]:8001", "http://[::1]:8001", "ws://[::1]:8001"),
    ],
)
def test_address_has_two_forms(given, http, ws):
    """Any of the four schemes gives both addresses, with a path in front where there is one."""
    address = Address.parse(given)
    assert address.http == http
    assert address.session("trip", epoch=None, history=5) == f"{ws}/ws/session/trip?history=5"


@pytest.mark.parametrize(
    "given",
    ["", "chat.example.org", "ftp://host", "http://", "http://host:port", "http://me:pw@host", "http://[::1"],
)  # fmt: skip
def test_what_is_no_address_is_refused(given):
    """Anything else, a password in it above all, is refused with an example of one."""
    with pytest.raises(BadRequest, match=r"http://127\.0\.0\.1:8001"):
        Address.parse(given)


def test_names_in_an_address_are_quoted():
    """A name of a session cannot change the path."""
    assert "/ws/session/a%2F..%2Fb?" in Address.parse("http://h").session("a/../b", history=1)


def test_own_machine_is_told_how_to_serve():
    """Only where the address is this machine, a server may be missing here."""
    assert "genpy serve" in Address.parse("http://localhost:1").unreachable().message
    assert "genpy serve" not in Address.parse("http://example.org").unreachable().message


@pytest.mark.parametrize(("status", "kind"), [(502, Unreachable), (504, Unreachable), (404, BadRequest)])  # fmt: skip
def test_proxy_without_its_server_is_another_thing(status, kind):
    """A proxy whose server is away may be asked again; what is no GenPy server may not."""
    error = Address.parse("https://example.org").no_server(status)
    assert type(error) is kind
    assert str(status) in error.message
