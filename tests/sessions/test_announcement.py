"""The programs of one user that share the server of a local database."""

import asyncio
import os

import msgspec
import pytest
from support.command_line import Genpy
from support.raw_client import Peer
from support.running_server import ServerProcess, configure

from genpy_server import announcement
from genpy_server.client.session_client import SessionClient
from genpy_server.embedded import LocalServer
from genpy_server.settings import load
from genpy_server.wire import MessageEvent, RunFinished, Send


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """A server on a busy machine has the time that it needs to answer."""
    monkeypatch.setattr(announcement, "ANSWER_SECONDS", 60.0)


def file_of(database):
    """Where the server of a database is announced."""
    return database.with_name(f"{database.name}.server")


async def reached(settings, **options):
    """The local server, found or started."""
    local = LocalServer(settings)
    await local.reach(announced=True, **options)
    return local


async def test_programs_share_the_server_of_the_first(database):
    """Of chats that start at once over a database one serves the others, who see its messages."""
    started = await asyncio.gather(*(reached(configure(database)) for _ in range(3)))
    first, second, third = sorted(started, key=lambda local: local.own is None)
    assert second.own is third.own is None
    assert (second.url, second.token) == (first.url, first.token)
    async with (
        Peer(first.url, "one", token=first.token) as ann,
        Peer(second.url, "one", token=second.token) as bob,
    ):
        await ann.say(Send("a", "hello"))
        assert (await bob.until("message"))["text"] == "hello"
        assert first.own.watchers(bob.of("ready")[0]["session"]) == 2
    await first.stop()
    assert not file_of(database).exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
async def test_the_file_is_for_its_owner(database):
    """The file with the token can be read by its owner only."""
    local = await reached(configure(database))
    assert file_of(database).stat().st_mode & 0o777 == 0o600
    await local.stop()


@pytest.mark.parametrize("change", [{"context_tokens": 9_000}, {"llm_url": "http://127.0.0.1:9"}])
async def test_other_settings_have_a_server_of_their_own(database, change):
    """A program with another model or other options starts its own server, and knows why."""
    settings = configure(database)
    first = await reached(settings)
    second = await reached(msgspec.structs.replace(settings, **change))
    assert second.own is not None
    assert second.differs
    third = await reached(settings)
    assert third.url == first.url
    await second.stop()
    assert file_of(database).exists()
    await first.stop()


async def test_settings_of_a_folder_are_not_announced(database):
    """A server whose settings come from a .env is found by no other program."""
    settings = msgspec.structs.replace(
        configure(database), sources={"GENPY_LLM_URL": ".env line 1"}
    )
    local = await reached(settings)
    assert not file_of(database).exists()
    await local.stop()


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]"])
async def test_a_file_of_no_server_is_overwritten(database, content):
    """What a killed program left, or nobody wrote, keeps nobody from starting."""
    file_of(database).write_bytes(content)
    file_of(database).chmod(0o600)
    local = await reached(configure(database))
    assert local.own is not None
    assert (await announcement.find(configure(database))).server is not None
    await local.stop()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
async def test_a_file_that_others_may_write_names_no_server(database):
    """An announcement that is not its reader's alone, or names another machine, is not followed."""
    settings = configure(database)
    local = await reached(settings)
    file, content = file_of(database), file_of(database).read_text()
    assert (await announcement.find(settings)).server is not None
    file.chmod(0o644)
    assert await announcement.find(settings) == announcement.Announced()
    file.chmod(0o600)
    file.write_text(content.replace("127.0.0.1", "127.0.0.1.example.org"))
    assert await announcement.find(settings) == announcement.Announced()
    await local.stop()


async def test_a_cancelled_call_does_not_keep_the_next_from_taking_over(database):
    """A call that is cancelled while the server starts leaves that server to the next call."""
    first, second = [await reached(configure(database)) for _ in range(2)]
    await first.stop()
    asked = asyncio.create_task(second.take_over())
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert await second.take_over()
    found = (await announcement.find(configure(database))).server
    assert found is not None
    assert found.url == second.url
    await second.stop()


async def test_another_program_takes_over(database):
    """When the serving program leaves, an attached one serves at its address; nothing is lost."""
    first, second, third = [await reached(configure(database)) for _ in range(3)]
    assert not await second.take_over()
    async with SessionClient(second.url, "one", token=second.token) as client:
        texts = []

        async def read():
            async for event in client:
                if isinstance(event, MessageEvent):
                    texts.append(event.text)
                if isinstance(event, RunFinished):
                    finished.set()

        finished = asyncio.Event()
        reader = asyncio.create_task(read())
        client.send("before")
        await finished.wait()
        finished.clear()
        await first.stop(end_sessions=True)
        taken = [await one.take_over() for one in (second, third)]
        assert taken == [True, False]
        client.send("after")
        await finished.wait()
        assert {"before", "after"} <= set(texts)
        assert client.transcript.status == "active"
        reader.cancel()
    found = (await announcement.find(configure(database))).server
    assert found is not None
    assert found.url == second.url
    await second.stop()


async def test_ask_attaches_to_a_server(tmp_path):
    """`genpy ask` asks the server of the database that runs already, which has no model here."""
    genpy = Genpy(tmp_path)
    environment = {k: v for k, v in genpy.environment.items() if k.startswith("GENPY_")}
    local = await reached(load(environment))
    async with Peer(local.url, "trip", token=local.token) as peer:
        await genpy.beside("ask", "hello", "--session", "trip", code=1)
        assert (await peer.until("message"))["text"] == "hello"
    await local.stop()


async def test_commands_that_write_go_through_the_server(tmp_path):
    """What a command changes is seen at once by everybody attached to the server of the database."""
    genpy = Genpy(tmp_path, GENPY_SYNC_SECONDS="60")
    environment = {k: v for k, v in genpy.environment.items() if k.startswith("GENPY_")}
    local = await reached(load(environment))
    async with Peer(local.url, "trip", token=local.token) as peer:
        await peer.ask("1", "hello")
        await genpy.beside("sessions", "rename", "trip", "Rome")
        await peer.until("session", lambda frame: frame["title"] == "Rome")
        await genpy.beside("rate", "trip", "4")
        await peer.until("session", lambda frame: frame.get("user_rating") == 4)
        await genpy.beside("sessions", "end", "trip")
        await peer.until("session", lambda frame: frame["status"] == "completed")
        await genpy.beside("sessions", "delete", "trip", "--yes")
        await peer.ws.wait_closed()
        assert peer.ws.close_reason == "The session was deleted."
    await local.stop()


@pytest.mark.parametrize("token", ["", "a-token-of-a-test-0123456789"])
async def test_serve_is_found(database, token):
    """A server process of this machine is found, with the token of its user where it asks for one."""
    server = ServerProcess(database, GENPY_TOKEN=token)
    await server.start()
    try:
        found = (await announcement.find(configure(database))).server
        assert found is not None
        assert found.url == server.url
    finally:
        await server.stop()
    assert not file_of(database).exists()
