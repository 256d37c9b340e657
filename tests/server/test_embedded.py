"""The server inside a client's process."""

import asyncio
import socket

import httpx
import pytest
from peer import Peer
from servers import configure, serving
from websockets.exceptions import InvalidStatus

from genpy_server.embedded import start_embedded
from genpy_server.errors import GenPyError, Unauthorized
from genpy_server.stores.sqlite import SqliteStore
from genpy_server.wire import Send


async def test_embedded_server_wants_its_own_token(database):
    """It listens on loopback only, and answers nobody who lacks the token of this run."""
    embedded = await start_embedded(configure(database))
    assert embedded.url.startswith("http://127.0.0.1:")
    async with httpx.AsyncClient(base_url=embedded.url, trust_env=False) as client:
        assert (await client.get("/api/sessions")).status_code == Unauthorized.status
        good = {"Authorization": f"Bearer {embedded.token}"}
        assert (await client.get("/api/sessions", headers=good)).status_code == 200
    async with Peer(embedded.url, "one") as stranger:
        await stranger.say(Send("a", "let me in"))
        assert (await stranger.next())["code"] == "unauthorized"
    await embedded.stop()


async def test_two_embedded_servers_have_two_tokens(database):
    """A token is good for one run."""
    one, two = await asyncio.gather(
        start_embedded(configure(database)), start_embedded(configure(database))
    )
    assert one.token != two.token
    assert one.url != two.url
    await asyncio.gather(one.stop(), two.stop())


@pytest.mark.parametrize("end_sessions", [True, False])
async def test_stop_ends_the_sessions_when_asked(database, end_sessions):
    """Leaving the chat completes its session; a stop without that leaves it active."""
    embedded = await start_embedded(configure(database))
    async with Peer(embedded.url, "one", token=embedded.token) as peer:
        await peer.say(Send("a", "hello"))
        await peer.until("run_finished")
        session_id = peer.of("ready")[0]["session"]
    await embedded.stop(end_sessions=end_sessions)
    store = SqliteStore(database)
    await store.open()
    session = await store.session("local", session_id)
    await store.close()
    assert session is not None
    assert session.status == ("completed" if end_sessions else "active")


async def test_failure_to_start_is_raised_where_it_was_started(tmp_path):
    """A database that cannot be opened is an error of the caller, in words."""
    broken = tmp_path / "broken.db"
    broken.write_text("this is no database" * 100)
    with pytest.raises(GenPyError, match="broken"):
        await start_embedded(configure(broken))


async def test_session_of_one_server_goes_on_at_another(database):
    """Two servers on one file: a conversation begun on one continues on the other, in order."""
    async with serving(database) as left, serving(database) as right:
        async with Peer(left.url, "one") as first, Peer(right.url, "one") as second:
            await second.next()
            await first.say(Send("a", "said on the left"))
            await first.until("run_finished")
            await second.say(Send("b", "said on the right"))
            await second.until("run_finished")
    texts = [f["text"] for f in second.of("message")]
    assert texts[0] == "said on the left"
    assert texts[-1] == "said on the right"
    assert len(texts) == 3


async def test_port_in_use_is_a_sentence(database):
    """A server whose port is taken says so."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with pytest.raises(GenPyError, match="port"):
            async with serving(database, GENPY_PORT=port):
                pass


async def test_wrong_token_is_refused_before_the_handshake(database):
    """A header with a wrong token gets 401, not a socket."""
    async with serving(database, GENPY_TOKEN="correct-horse-battery") as server:
        with pytest.raises(InvalidStatus) as caught:
            await Peer(server.url, "one", token="wrong-token-altogether").__aenter__()
    assert caught.value.response.status_code == 401
