"""Records over HTTP give what the store gives, and fail as it fails."""

import asyncio
import sqlite3
from contextlib import asynccontextmanager, closing
from uuid import uuid4

import pytest
from support.raw_server import raw_server
from support.running_server import serving

import genpy_server.client.http_records
from genpy_server.client.http_records import RemoteRecords
from genpy_server.errors import Ambiguous, BadRequest, NotFound, Refused, Unauthorized, Unreachable
from genpy_server.sessions.records import LocalRecords

TOKEN = "correct-horse-battery"
SESSIONS = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(7)]


@asynccontextmanager
async def both(database, **variables):
    """The same conversations, by way of the store and by way of the server."""
    async with serving(database, **variables) as running:
        store = running.app.store
        for number, session in enumerate(SESSIONS):
            for said in ("Where is a hotel?", f"Near station {number}."):
                await store.append("local", session, "user", said, title=f"Trip {number}")
        records = RemoteRecords(running.url)
        try:
            yield (
                LocalRecords(store, "local", running.app.settings, ender=running.app.summaries),
                records,
            )
        finally:
            await records.close()


async def test_both_give_the_same(tmp_path):
    """Lists, messages, search and one session are equal, value for value."""
    async with both(tmp_path / "genpy.db") as (local, remote):
        asked = [
            lambda r: r.sessions(),
            lambda r: r.sessions(limit=2, before=5, status="active", query="trip"),
            lambda r: r.sessions(query=""),
            lambda r: r.sessions(status="completed"),
            lambda r: r.session(SESSIONS[3][:8]),
            lambda r: r.session("last"),
            lambda r: r.messages(SESSIONS[1]),
            lambda r: r.messages(SESSIONS[1], limit=1),
            lambda r: r.search("hotel station", limit=5),
            lambda r: r.search("station", ref=SESSIONS[2]),
            lambda r: r.search("  "),
        ]
        for ask in asked:
            assert await ask(remote) == await ask(local)
        await remote.rename(SESSIONS[0], "  Another \n title ")
        session = await remote.rate(SESSIONS[0], 4)
        assert (session.title, session.rating) == ("Another title", 4)
        assert session == await local.session(SESSIONS[0])


async def test_long_lists_come_in_pages(tmp_path, monkeypatch):
    """More rows than a page has are fetched page by page, each once, in order."""
    monkeypatch.setattr(genpy_server.client.http_records, "PAGE", 3)
    async with both(tmp_path / "genpy.db") as (local, remote):
        for limit in (2, 3, 6, 7, 50):
            assert await remote.sessions(limit=limit) == await local.sessions(limit=limit)
        for number in range(7):
            await local._store.append("local", SESSIONS[0], "user", f"word {number}", title="")
        for limit in (1, 3, 8, 50):
            here = await local.messages(SESSIONS[0], limit=limit)
            assert await remote.messages(SESSIONS[0], limit=limit) == here
            here = await local.messages(SESSIONS[0], limit=limit, after=1)
            assert await remote.messages(SESSIONS[0], limit=limit, after=1) == here


@pytest.mark.parametrize("limit", [2, 3, 7, 8, 50])
async def test_sessions_without_a_message_are_on_some_page(tmp_path, limit):
    """Those of another program share one place of the list, and each is listed once all the same."""
    path = tmp_path / "genpy.db"
    async with both(path) as listings:
        silent = [str(uuid4()) for _ in range(5)]
        with closing(sqlite3.connect(path)) as connection:
            connection.executemany(
                "INSERT INTO sessions (session_id, user_id, start_time, created_at, updated_at, title)"
                " VALUES (?, 'local', '2020-01-01', '2020-01-01', '2020-01-01', 'Silent')",
                [(session,) for session in silent],
            )
            connection.commit()
        for records in listings:
            listed, before = [], None
            while page := await records.sessions(limit=limit, before=before):
                listed += [session.id for session in page]
                before = page[-1].last_message_id
            assert listed[:7] == SESSIONS[::-1]
            assert sorted(listed[7:]) == sorted(silent)


async def test_failures_are_of_the_same_class(tmp_path):
    """What the store refuses, the server refuses, in the same words."""
    async with both(tmp_path / "genpy.db") as (local, remote):
        for kind, ask in (
            (NotFound, lambda r: r.session("nothing")),
            (Ambiguous, lambda r: r.session("0000")),
            (NotFound, lambda r: r.delete("nothing")),
            (Refused, lambda r: r.session("no name")),
            (BadRequest, lambda r: r.rename(SESSIONS[0], "x" * 201)),
            (BadRequest, lambda r: r.rate(SESSIONS[0], 6)),
        ):
            with pytest.raises(kind) as here:
                await ask(local)
            with pytest.raises(kind) as there:
                await ask(remote)
            assert there.value.message == here.value.message


async def test_delete_and_summary(tmp_path):
    """A session is summarised again and removed from elsewhere."""
    async with both(tmp_path / "genpy.db") as (local, remote):
        session = await remote.regenerate(SESSIONS[0])
        assert session.status == "completed"
        assert session == await local.session(SESSIONS[0])
        assert await remote.delete(SESSIONS[0]) == session
        with pytest.raises(NotFound):
            await local.session(SESSIONS[0])


@asynccontextmanager
async def losing(url, method):
    """A proxy that passes on each request, and cuts the connection instead of the first answer to a method."""
    lost = [method.encode()]
    port = int(url.rsplit(":", 1)[1])

    async def message(reader):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int((head.lower().partition(b"content-length:")[2].split() or [b"0"])[0])
        return head + await reader.readexactly(length)

    async def serve(reader, writer):
        there, away = await asyncio.open_connection("127.0.0.1", port)
        try:
            while True:
                request = await message(reader)
                away.write(request)
                answer = await message(there)
                if request.split()[0] in lost:
                    lost.clear()
                    break
                writer.write(answer)
        finally:
            away.close()
            writer.transport.abort()

    async with raw_server(serve) as address:
        yield address


async def test_a_deletion_whose_answer_is_lost_is_done(tmp_path):
    """It is asked for again, and what is not found then was deleted by the first request."""
    async with both(tmp_path / "genpy.db") as (local, remote):
        session = await local.session(SESSIONS[0])
        async with losing(remote.address.http, "DELETE") as url, RemoteRecords(url) as records:
            assert await records.delete(SESSIONS[0]) == session
            with pytest.raises(NotFound):
                await records.delete(SESSIONS[0])


async def test_a_change_whose_answer_is_lost_says_so(tmp_path):
    """That nothing answers would be wrong: it may be done."""
    async with both(tmp_path / "genpy.db") as (local, remote):
        async with losing(remote.address.http, "PATCH") as url, RemoteRecords(url) as records:
            with pytest.raises(Unreachable, match="was cut before it answered"):
                await records.rename(SESSIONS[0], "New")
        assert (await local.session(SESSIONS[0])).title == "New"


@pytest.mark.parametrize("right", [TOKEN, "schlüssel-☃-des-hauses"])
async def test_health_tells_who_may_know(tmp_path, right):
    """With a token the parts are shown; without one, only whether all is well."""
    async with serving(tmp_path / "genpy.db", GENPY_TOKEN=right) as running:
        for token, known in ((right, True), (None, False)):
            records = RemoteRecords(running.url, token)
            health = await records.health()
            await records.close()
            assert health.status == "ok"
            assert (health.store is not None) == known
        wrong = RemoteRecords(running.url, right[::-1])
        with pytest.raises(Unauthorized):
            await wrong.sessions()
        await wrong.close()


async def test_nobody_there():
    """An address where nobody answers is unreachable, and the sentence names it."""
    records = RemoteRecords("http://127.0.0.1:9")
    with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:9.*genpy serve"):
        await records.sessions()
    await records.close()


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"SSL_CERT_FILE": "/nowhere/at/all.pem"}, "SSL_CERT_FILE"),
        ({"ALL_PROXY": "socks5://127.0.0.1:1"}, "ALL_PROXY"),
    ],
)
async def test_a_variable_that_prevents_connecting_is_named(monkeypatch, variables, named):
    """A missing certificate file and a proxy of another kind are named by their variables."""
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    records = RemoteRecords("https://far.invalid")
    with pytest.raises(BadRequest, match=named):
        await records.sessions()
    await records.close()


async def test_no_proxy_may_name_a_network_of_ipv6(monkeypatch):
    """With a network of IPv6 addresses in NO_PROXY the proxy is asked for all other hosts."""
    for name in ("http_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "fd00::/8")
    records = RemoteRecords("http://far.invalid")
    with pytest.raises(Unreachable):
        await records.sessions()
    await records.close()
