"""A client and a server in one process, without a network between them."""

import asyncio
from contextlib import asynccontextmanager

import msgspec
import pytest
from support.client_reader import Watcher, soon
from support.running_server import configure

from genpy_server.client.session_client import Link, SessionClient
from genpy_server.embedded import Embedded
from genpy_server.errors import NotFound, TooMany
from genpy_server.settings import Limits
from genpy_server.wire import (
    ErrorFrame,
    Ready,
    RunFinished,
    SessionEvent,
    SummaryEvent,
)

GUESSED = "6fa459ea-ee8a-8ca4-894e-db77e160355e"
"""An id of the form that the server makes of a name."""


@pytest.fixture
def direct(tmp_path):
    """Starts a server that listens on no port."""

    @asynccontextmanager
    async def start(**limits):
        settings = configure(tmp_path / "genpy.db")
        settings = msgspec.structs.replace(settings, limits=Limits(**limits))
        server = await Embedded(settings, brief=True, direct=True).start()
        try:
            yield server
        finally:
            await server.stop()

    return start


def client_of(server, ref="one", **options):
    client = SessionClient(server.url, ref, connect=server.connect, sleep=soon, **options)
    return client, Watcher(client)


async def test_every_frame_passes(direct):
    """A conversation is as one over a socket, and none is opened."""
    async with direct() as server:
        client, watcher = client_of(server, history=3)
        client.send("hello")
        await watcher.until(RunFinished)
        client.rate(5)
        await watcher.until(SessionEvent, when=lambda event: event.rating == 5)
        client.end()
        await watcher.until(SummaryEvent)
        await watcher.done()
        again, watching = client_of(server, history=1)
        ready = await watching.until(Ready)
        await watching.done()
        assert server._app.web is None
    assert [entry.role for entry in client.transcript] == ["user", "assistant"]
    assert client.pending == ()
    assert ready.features == ("edit", "model", "modes", "progress", "reasoning", "settings")
    assert [entry.text for entry in again.transcript] == [[*client.transcript][1].text]


async def test_a_message_larger_than_a_frame_is_refused(direct):
    """The limit of a socket holds, and what follows the message arrives."""
    async with direct(frame_bytes=2_000) as server:
        client, watcher = client_of(server)
        large = client.send("x" * 5_000)
        client.send("short")
        error = await watcher.until(ErrorFrame)
        await watcher.until(RunFinished)
        await watcher.done()
    assert (error.re, error.code) == (large, "too_large")
    assert next(iter(client.transcript)).text == "short"


async def test_a_client_that_cannot_be_attached_is_refused(direct):
    """The limit of connections holds, and the next attempt succeeds when another one is closed."""
    async with direct(sockets_per_user=1) as server:
        _, first = client_of(server)
        await first.until(Ready)
        _, second = client_of(server, "two")
        refused = await second.until(Link, when=lambda link: link.state == "reconnecting")
        await first.done()
        await second.until(Ready)
        await second.done()
        _, third = client_of(server, GUESSED)
        never = await third.until(Link, when=lambda link: link.state == "refused")
        await third.done()
    assert isinstance(refused.error, TooMany)
    assert isinstance(never.error, NotFound)


async def test_a_deleted_session_closes_the_connection(direct):
    """The client is told why, and does not come back."""
    async with direct() as server:
        client, watcher = client_of(server)
        client.send("hello")
        await watcher.until(RunFinished)
        deleting = server._app.records("local").delete("one")
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(deleting, server._loop))
        closed = await watcher.until(Link, when=lambda link: link.state == "closed")
        await watcher.done()
    assert isinstance(closed.error, NotFound)


async def test_a_failure_of_the_server_reconnects(direct, caplog):
    """A frame that cannot be carried out ends the connection, and is sent again over a new one."""
    async with direct() as server:
        client, watcher = client_of(server)
        await watcher.until(Ready)
        send, hub = server._app.hub.send, server._app.hub

        async def fail(*_):
            hub.send = send
            raise RuntimeError("a bug")

        hub.send = fail
        client.send("hello")
        await watcher.until(Link, when=lambda link: link.state == "reconnecting")
        await watcher.until(RunFinished)
        await watcher.done()
    assert "a direct connection failed" in caplog.text
    assert [entry.role for entry in client.transcript] == ["user", "assistant"]
