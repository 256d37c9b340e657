"""What the hand-over to the websockets library leans on is there in the installed version."""

import inspect
from operator import attrgetter

import pytest
import websockets.asyncio.server
import websockets.protocol
import websockets.server
from support.http_server import listening
from websockets.asyncio.client import connect

from genpy_server.web.handover import INTERNALS


@pytest.mark.parametrize("name", INTERNALS)
def test_the_library_has_what_is_listed(name: str) -> None:
    """Each listed name of the library exists and takes the listed parameters."""
    parameters = inspect.signature(attrgetter(name)(websockets)).parameters
    assert set(INTERNALS[name]) <= set(parameters)


async def test_a_socket_is_registered_and_answered_as_listed() -> None:
    """The library keeps a socket that was handed over in `handlers` until its handler ends."""
    async with listening() as front:
        address = front.url.replace("http", "ws") + "/ws/session/a"
        async with connect(address, proxy=None) as ws:
            (socket,) = front.server.sockets.handlers
            assert socket.state is websockets.protocol.State.OPEN
            assert (socket.request, socket.response) == (None, None)
            assert not front.server.connections
            await ws.send("x" * 10_000)
            assert await ws.recv() == "x" * 10_000
        await front.empty()
