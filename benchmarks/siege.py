"""What survives kills, cuts, hostile bytes, foreign rows and slow readers, against real servers.

    python benchmarks/siege.py [--kills 20] [--seconds 150] [--seed 1] [--store supabase]
        [--parts kills,cuts,strangers,rows,readers]

It is bounded in time and run by hand. Each part prints one line; the aim is 0 in every column but
for characters, of which at most half a second's worth of a reply may be missing. Each run also
breaks every promise of the first part on purpose, in a copy, and fails if it does not notice.
"""

import argparse
import asyncio
import json
import random
import resource
import socket
import sqlite3
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self, cast
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.running_server import ServerProcess
from support.supabase_stack import Database, Stack
from support.warm_server import Template, WarmServer
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from examples.small_client import SmallClient
from genpy_server.client.session_client import SessionClient
from genpy_server.wire import PROTOCOL, Send, encode

TOKENS = 60
TOKEN_SECONDS = 0.01
SERVERS = 2
WRITERS = 4
"""Each at one of the servers, in the order of these; half as many conversations, with one writer at each."""
MOST_WAIT_SECONDS = TOKENS * TOKEN_SECONDS
"""Between the first token after a start and the kill: about as long as a reply."""
JOURNAL_SECONDS = 0.5
DATABASE_SHARE = 0.25
"""Of the kills, those of the database."""
TURNS = 20
"""Of the conversation whose snapshot is cut."""
LEAST_CUTS = 40
LEAST_STRANGERS = 100
SLOW = 20
ROUNDS = 5
LOUD, TIMED = "Say much.", "Say when."
"""Questions that are answered with much text, and with the times at which the tokens were sent."""
PARTS = {"kills": 5, "cuts": 2, "strangers": 2, "rows": 0, "readers": 1}
"""The parts, and the share of the time that each may take."""
AWAY = (OSError, WebSocketException, TimeoutError, EOFError)


class Model:
    """A service that streams a reply of its own for every request, one token at a time."""

    async def __aenter__(self) -> Self:
        self.pace = TOKEN_SECONDS
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 24)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(*AWAY, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int((head.lower().partition(b"content-length:")[2].split() or [b"0"])[0])
                body = await reader.readexactly(length)
                await self._answer(writer, json.loads(body) if b" /v1/chat" in head else None)
        writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, asked: Any) -> None:
        if asked is None:
            body = json.dumps({"data": [{"id": "siege"}]}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            return
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n")
        writer.write(b"Content-Type: text/event-stream\r\n\r\n")
        for token in self._tokens(asked["messages"][-1]["content"]):
            self._chunk(writer, {"content": token})
            await writer.drain()
            await asyncio.sleep(self.pace)
        self._chunk(writer, {}, "stop")
        writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
        await writer.drain()

    def _tokens(self, question: str) -> Iterator[str]:
        name = uuid4().hex[:6]
        for number in range(300 if question in {LOUD, TIMED} else TOKENS):
            if question == TIMED:
                yield f"{time.monotonic():.6f} "
            elif question == LOUD:
                yield f"{'loud ' * 400}"
            else:
                yield f"{name}-{number} "

    def _chunk(self, writer: asyncio.StreamWriter, delta: Any, finish: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        data = f"data: {json.dumps({'choices': [choice]})}\n\n".encode()
        writer.write(b"%x\r\n%b\r\n" % (len(data), data))


@dataclass
class Writer:
    """A raw client that sends, comes back after each cut, and remembers all that it saw."""

    session: str = field(default_factory=lambda: str(uuid4()))
    sent: list[str] = field(default_factory=list)
    acked: list[str] = field(default_factory=list)
    runs: dict[str, str] = field(default_factory=dict)
    url: str = ""
    stopping: bool = False
    name: str = field(default_factory=lambda: uuid4().hex[:6])

    async def write(self) -> None:
        """Send a message, and again after each cut until it is acknowledged; then the next one."""
        while not self.stopping:
            try:
                async with asyncio.timeout(20):
                    await self._attend()
            except AWAY:
                await asyncio.sleep(0.02)

    async def _attend(self) -> None:
        address = f"{self.url.replace('http', 'ws')}/ws/session/{self.session}"
        async with connect(address, subprotocols=[Subprotocol(PROTOCOL)], compression=None) as ws:
            while not self.stopping:
                if len(self.sent) == len(self.acked):
                    self.sent.append(uuid4().hex)
                name = self.sent[-1]
                await ws.send(encode(Send(name, f"message {len(self.sent)} of {self.name}")))
                while name not in self.acked:
                    frame = json.loads(await ws.recv())
                    self._take(frame)
                    if frame["type"] == "error" and frame["re"] == name:  # refused for a while
                        await asyncio.sleep(frame["retry_after"] or 0.1)
                        await ws.send(
                            encode(Send(name, f"message {len(self.sent)} of {self.name}"))
                        )
                with suppress(TimeoutError):
                    async with asyncio.timeout(random.uniform(0.1, 0.8)):
                        while True:
                            self._take(json.loads(await ws.recv()))

    def _take(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "ack" and frame["id"] not in self.acked:
            self.acked.append(frame["id"])
        elif frame["type"] == "delta":
            known = self.runs.get(frame["run"], "")
            self.runs[frame["run"]] = known[: frame["offset"]] + frame["text"]


def common_prefix(one: str, other: str) -> int:
    """How many characters two texts begin with together."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


Row = tuple[int, str, str, str, str | None, dict[str, Any]]
"""Of a message: id, session, kind, text, client id, metadata."""


class SqliteFile:
    """A database that lives and dies with its server."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "kills.db"
        self.settings: dict[str, str] = {}
        self.kills = 0

    def rows(self) -> list[Row]:
        """Every message, in the order of ids."""
        with closing(sqlite3.connect(self.database)) as connection:
            rows = connection.execute(
                "SELECT id, session_id, event_type, message, client_id, metadata"
                " FROM session_logs ORDER BY id"
            ).fetchall()
        return [(*row[:5], json.loads(row[5])) for row in rows]

    async def strike(self) -> bool:
        """The server alone is killed."""
        return False

    def remove(self) -> None:
        """The folder goes by itself."""


class Project:
    """A Supabase project whose database is killed now and then: PostgreSQL behind PostgREST."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "unused.db"
        self._stack = Stack.new("postgrest", Database.new(durable=True))
        self._stack.start()
        self.settings = {
            "SUPABASE_URL": self._stack.url,
            "SUPABASE_KEY": self._stack.secret_key,
            "GENPY_GRACE_SECONDS": "3",
        }
        self.kills = 0

    def rows(self) -> list[Row]:
        """Every message, in the order of ids."""
        found = self._stack.sql("""
            select id, session_id, event_type, message, client_id, metadata
            from session_logs order by id
        """)
        return [cast("Row", tuple(row.values())) for row in found]

    async def strike(self) -> bool:
        """Kill the database instead of the server, now and then."""
        if random.random() > DATABASE_SHARE:
            return False
        self.kills += 1
        await asyncio.to_thread(self._stack.database.stop)
        await asyncio.sleep(random.uniform(0.1, 1.0))
        await asyncio.to_thread(self._stack.database.start)
        await asyncio.to_thread(self._stack.wait)
        return True

    def remove(self) -> None:
        """Leave nothing behind."""
        self._stack.remove()


def is_reply(text: str) -> bool:
    """Whether a text is what `Model` says, from the beginning, each token once."""
    return text == "".join(f"{text[:6]}-{number} " for number in range(text.count(" ")))


def verdict(rows: list[Row], writers: list[Writer]) -> Counter[str]:
    """What of all that was acknowledged and seen is not stored as it should be."""
    found: Counter[str] = Counter()
    for writer in writers:
        mine = [row for row in rows if row[1] == writer.session]
        asked = [row for row in mine if row[2] == "user" and row[3].endswith(writer.name)]
        ids = [row[4] for row in asked]
        found["lost"] += len(set(writer.acked) - set(ids))
        found["doubled"] += len(asked) - len({row[3] for row in asked})
        kept = [name for name in ids if name in writer.acked]
        found["disordered"] += kept != [name for name in writer.acked if name in ids]
        replies = {row[4]: row[3] for row in mine if row[2] == "ai"}
        for run, text in writer.runs.items():
            common = common_prefix(text, replies.get(run, ""))
            found["chars_missing"] += len(text) - common
            found["chars_worst"] = max(found["chars_worst"], len(text) - common)
            found["chars_seen"] += len(text)
        found["garbled"] += sum(not is_reply(text) for text in replies.values())
        answered = {row[5].get("reply_to") for row in mine if row[2] == "ai"}
        found["unanswered"] += sum(row[0] not in answered for row in asked)
        found["acked"] += len(writer.acked)
    return found


def broken(rows: list[Row], writers: list[Writer]) -> list[str]:
    """The promises that are broken on purpose in a copy, and whose breach is not noticed."""
    honest = verdict(rows, writers)
    one = next((w for w in writers if len(w.acked) > 1 and any(w.runs.values())), None)
    if one is None or honest["lost"]:
        return ["all: too little was acknowledged, or some of it is lost"]
    run = max(one.runs, key=lambda name: len(one.runs[name]))
    last = next(row for row in rows if row[4] == one.acked[-1])
    others = [row for row in rows if row is not last]
    breaches = {
        "lost": [row for row in rows if row[4] != one.acked[0]],
        "doubled": [*rows, (last[0] + 1_000_000, *last[1:])],
        "disordered": [(-1, *last[1:]), *others],
        "chars_missing": [(*row[:3], "", *row[4:]) if row[4] == run else row for row in rows],
        "garbled": [(*row[:3], row[3] * 2, *row[4:]) if row[4] == run else row for row in rows],
        "unanswered": [row for row in rows if row[4] != run],
    }
    return [name for name, bad in breaches.items() if verdict(bad, writers)[name] <= honest[name]]


async def settled(
    place: SqliteFile | Project, writers: list[Writer], patience: float = 60.0
) -> None:
    """Wait until every question has its reply, or no other one gets its reply for so long."""
    least, end = sys.maxsize, 0.0
    while left := verdict(place.rows(), writers)["unanswered"]:
        if left < least:
            least, end = left, time.monotonic() + patience
        if time.monotonic() > end:
            return
        await asyncio.sleep(0.2)


async def progress(writers: list[Writer], patience: float = 15.0) -> None:
    """Wait until a reply goes on, so that every kill comes amid work."""

    def seen() -> int:
        return sum(len(text) for writer in writers for text in writer.runs.values())

    before, end = seen(), time.monotonic() + patience
    while seen() == before and time.monotonic() < end:
        await asyncio.sleep(0.02)


async def kills(place: SqliteFile | Project, count: int, deadline: float) -> bool:
    """Kill a server, and perhaps its database, again and again while people write; see what is kept."""
    database = place.database
    writers = [Writer() for _ in range(WRITERS)]
    for one, other in zip(writers[::SERVERS], writers[1::SERVERS], strict=True):
        other.session = one.session
    done = 0
    async with Model() as model:
        settings = {
            "GENPY_LLM_URL": model.url,
            "GENPY_LIMIT_MESSAGES_PER_MINUTE": "100000",
            **place.settings,
        }

        template = Template()
        await template.start()

        async def start(number: int) -> WarmServer:
            server = WarmServer(template, database, **settings)
            await server.start()
            for writer in writers[number::SERVERS]:
                writer.url = server.url
            return server

        servers = [await start(number) for number in range(SERVERS)]
        writing = [asyncio.create_task(writer.write()) for writer in writers]
        while done < count and time.monotonic() < deadline:
            await progress(writers)
            await asyncio.sleep(random.uniform(0.0, MOST_WAIT_SECONDS))
            if await place.strike():
                continue
            number = random.randrange(SERVERS)
            await servers[number].kill()
            servers[number] = await start(number)
            done += 1
        for writer in writers:
            writer.stopping = True
        await asyncio.gather(*writing)
        opened = [Writer(session=writer.session, url=writer.url) for writer in writers]
        sockets = [
            await connect(
                f"{one.url.replace('http', 'ws')}/ws/session/{one.session}",
                subprotocols=[Subprotocol(PROTOCOL)],
            )
            for one in opened
        ]
        await settled(place, writers)
        for socket in sockets:
            await socket.close()
        for server in servers:
            await server.stop()
        await template.stop()
    rows = place.rows()
    seen, unnoticed = verdict(rows, writers), broken(rows, writers)
    chars = round(JOURNAL_SECONDS / TOKEN_SECONDS * len("abcdef-12 "))
    print(
        f"kills {done}, of the database {place.kills}  acked {seen['acked']}  lost {seen['lost']}  doubled {seen['doubled']}  "
        f"out of order {seen['disordered']}  garbled {seen['garbled']}  unanswered {seen['unanswered']}  "
        f"characters seen {seen['chars_seen']}, missing {seen['chars_missing']}, "
        f"worst reply {seen['chars_worst']} (bound {chars})"
    )
    print(f"      broken on purpose and not noticed: {', '.join(unnoticed) or 'nothing'}")
    wrong = sum(seen[name] for name in ("lost", "doubled", "disordered", "garbled", "unanswered"))
    return not (wrong or unnoticed or seen["chars_worst"] > chars or not seen["acked"])


@contextmanager
def wall_clock(name: str) -> Iterator[None]:
    """Say how long a part took."""
    began = time.monotonic()
    yield
    print(f"      {name}: {time.monotonic() - began:.0f} s")


class CutProxy:
    """A proxy whose first connection ends after so many bytes of the server's."""

    def __init__(self, port: int, bytes_: float = float("inf")) -> None:
        self._port = port
        self._left = bytes_
        self._connections = 0
        self.passed = 0
        """Bytes of the server's so far."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        left = self._left if self._connections == 1 else float("inf")
        there, away = await asyncio.open_connection("127.0.0.1", self._port)

        async def down() -> None:
            nonlocal left
            while left > 0 and (data := await there.read(65_536)):
                part = data[: int(min(left, len(data)))]
                writer.write(part)
                left -= len(part)
                self.passed += len(part)
                await writer.drain()

        async def up() -> None:
            while data := await reader.read(65_536):
                away.write(data)
                await away.drain()

        tasks = {asyncio.create_task(down()), asyncio.create_task(up())}
        _, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in (writer, away):
            one.transport.abort()


Shown = list[tuple[str, str]]
"""Role and text of each message that a client shows."""


async def genpy_shows(url: str, ref: str, entries: int, text: str = "") -> Shown:
    """What GenPy's client shows in the end: so many entries, whole ones."""
    async with SessionClient(url, ref, chance=lambda: 0.0) as client:
        if text:
            client.send(text)
        async for _ in client:
            shown = client.transcript.entries
            if len(shown) == entries and all(e.message_id and not e.streaming for e in shown):
                return [(e.role, e.text) for e in shown]
    return []


async def small_shows(url: str, ref: str, text: str) -> Shown:
    """The replies that the README's client in sixty lines has in the end, to a question more."""
    client = SmallClient(url, ref)
    await client.ask(text)
    return [("assistant", reply) for _, reply in sorted(client.replies.items())]


async def cuts(folder: Path, deadline: float) -> bool:
    """Cut both clients at random bytes of each phase; compare with what one shows that was not cut."""
    phases: Counter[str] = Counter()
    differing = 0
    async with Model() as model:
        model.pace = 0.0
        settings = {"GENPY_LLM_URL": model.url, "GENPY_LIMIT_MESSAGES_PER_MINUTE": "100000"}
        server = ServerProcess(folder / "cuts.db", **settings)
        await server.start()
        port = int(server.url.rsplit(":", 1)[1])
        long = str(uuid4())
        for turn in range(TURNS):
            await genpy_shows(server.url, long, 2 * turn + 2, f"message {turn}")
        whole = await genpy_shows(server.url, long, 2 * TURNS)
        async with CutProxy(port) as proxy:
            await genpy_shows(proxy.url, long, 2 * TURNS)
            length = proxy.passed
        handshake = 200
        while time.monotonic() < deadline or sum(phases.values()) < LEAST_CUTS:
            phase = ("handshake", "snapshot", "stream", "small client")[phases.total() % 4]
            phases[phase] += 1
            bounds = {"handshake": (0, handshake), "snapshot": (handshake, length)}
            cut = random.randrange(*bounds.get(phase, (handshake, 12_000)))
            ref = str(uuid4())
            try:
                async with CutProxy(port, cut) as proxy, asyncio.timeout(20):
                    if phase == "stream":
                        shown = await genpy_shows(proxy.url, ref, 2, "hello")
                        right = await genpy_shows(server.url, ref, 2)
                    elif phase == "small client":
                        for text in ("one", "two"):
                            shown = await small_shows(proxy.url, ref, text)
                        right = (await genpy_shows(server.url, ref, 4))[1::2]
                    else:
                        shown = await genpy_shows(proxy.url, long, 2 * TURNS)
                        right = whole
                differing += shown != right
            except TimeoutError:
                differing += 1
        await server.stop()
    print(f"cuts {dict(phases)}, {length} bytes of snapshot  differing {differing}")
    return not differing


def hostile(rng: random.Random) -> bytes:
    """Bytes that no client sends."""
    request = b"GET /ws/session/a HTTP/1.1\r\nHost: localhost\r\n"
    kind = rng.randrange(5)
    if kind == 0:
        return rng.randbytes(rng.randrange(1, 400))
    if kind == 1:
        return request[: rng.randrange(len(request))] + rng.randbytes(9)
    if kind == 2:
        return request + b"X: " + b"a" * rng.randrange(60_000) + b"\r\n\r\n"
    if kind == 3:
        return (
            b"POST /api/search HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n"
            + b"0" * 99
        )
    upgrade = (
        request + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    )
    upgrade += b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    return upgrade + struct.pack("!BB", rng.randrange(256), rng.randrange(256)) + rng.randbytes(99)


def hostile_frame(rng: random.Random) -> str | bytes:
    """A message that no client of genpy.v1 sends."""
    frames: tuple[str | bytes, ...] = (
        rng.randbytes(rng.randrange(200)),
        "[" * rng.randrange(1, 60_000),
        '{"type": "send", "id": "a", "text": "\\ud800"}',
        '{"type": "send", "id": "' + "a" * 1_000 + '", "text": NaN}',
        encode(Send("", "x" * rng.randrange(70_000))),
        '{"type": "' + chr(rng.randrange(0x20, 0xD000)) + '", "seq": 1e999}',
        '{"type": "rate", "rating": ' + str(rng.randrange(-9, 1 << 70)) + "}",
    )
    return rng.choice(frames)


async def strangers(folder: Path, deadline: float, rng: random.Random) -> bool:
    """Hostile bytes and frames, more connections than descriptors, and a server that goes on."""
    async with Model() as model:
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (128, limits[1]))
        server = ServerProcess(folder / "strangers.db", GENPY_LLM_URL=model.url)
        try:
            await server.start()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        port = int(server.url.rsplit(":", 1)[1])
        sent = frames = bytes_ = 0
        while time.monotonic() < deadline or sent < LEAST_STRANGERS:
            with suppress(*AWAY):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                data = hostile(rng)
                writer.write(data)
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.01):
                        await reader.read(100)
                writer.transport.abort()
                bytes_ += len(data)
            sent += 1
            if sent % 10 == 0:
                address = f"{server.url.replace('http', 'ws')}/ws/session/{uuid4()}"
                with suppress(*AWAY):
                    async with connect(address, subprotocols=[Subprotocol(PROTOCOL)]) as ws:
                        for _ in range(20):
                            await ws.send(hostile_frame(rng))
                            frames += 1
        held = []
        for _ in range(400):
            with suppress(*AWAY):
                held.append((await asyncio.open_connection("127.0.0.1", port))[1])
        await asyncio.sleep(1)
        for one in held:
            one.transport.abort()
        alive = await _answers(server.url)
        await server.stop()
    tracebacks = server.output.count(b"Traceback")
    print(
        f"strangers {sent} hostile connections with {bytes_:,} bytes, {frames} hostile frames, "
        f"{len(held)} held open  tracebacks {tracebacks}  alive {alive}"
    )
    return alive and not tracebacks and frames > 0


async def _answers(url: str, patience: float = 10.0) -> bool:
    """Whether a client gets `ready` in time."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        with suppress(*AWAY):
            async with asyncio.timeout(2):
                address = f"{url.replace('http', 'ws')}/ws/session/{uuid4()}"
                async with connect(address, subprotocols=[Subprotocol(PROTOCOL)]) as ws:
                    return '"ready"' in str(await ws.recv())
        await asyncio.sleep(0.1)
    return False


async def foreign_rows(folder: Path) -> bool:
    """Odd rows of another program beside good ones: how many are not listed or not read."""
    database = folder / "foreign.db"
    async with Model() as model:
        server = ServerProcess(database, GENPY_LLM_URL=model.url)
        await server.start()
        await _answers(server.url)
        odd = ("not JSON", "[1]", "null", '{"metrics": 5}', '{"run": 1, "tools": 7}', '{"a":')
        with closing(sqlite3.connect(database)) as connection:
            for number, text in enumerate(odd):
                ref = str(uuid4())
                now = "2026-01-01T00:00:00.000000Z"
                connection.execute(
                    "INSERT INTO sessions (session_id, user_id, start_time, created_at, updated_at, "
                    "title, topics, key_outcomes, metrics, last_message_id, message_count) "
                    "VALUES (?, 'local', ?, ?, ?, '', ?, ?, ?, ?, 1)",
                    (ref, now, now, now, text, text, text, number + 1),
                )
                connection.execute(
                    "INSERT INTO session_logs (session_id, event_type, message, metadata, created_at, "
                    "uid, words) VALUES (?, 'ai', 'x', ?, ?, ?, 1)",
                    (ref, text, now, str(uuid4())),
                )
            connection.commit()
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
            listed = (await http.get("/api/sessions")).json().get("sessions", [])
            read = [
                (await http.get(f"/api/session/{one['session_id']}/messages")).status_code
                for one in listed
            ]
        await server.stop()
    missing, unread = len(odd) - len(listed), sum(status != 200 for status in read)
    print(f"foreign rows {len(odd)}  not listed {missing}  not read {unread}")
    return not (missing or unread)


async def slow_readers(folder: Path) -> bool:
    """How late the tokens of a stream are: alone, beside slow readers, and beside hostile Markdown.

    Another stream of much text runs all the while, which the slow readers attach to and do not read.
    """
    late: dict[str, list[float]] = {"alone": [], "slow": [], "markdown": []}
    grown = 0
    async with Model() as model, httpx.AsyncClient(trust_env=False, timeout=60) as http:
        settings = {"GENPY_LLM_URL": model.url, "GENPY_LIMIT_MESSAGES_PER_MINUTE": "100000"}
        server = ServerProcess(folder / "slow.db", **settings)
        await server.start()
        sessions = [str(uuid4()) for _ in range(3)]
        address = f"{server.url.replace('http', 'ws')}/ws/session/"
        async with AsyncExitStack() as stack:
            measured, loud, odd = [
                await stack.enter_async_context(
                    connect(address + ref, subprotocols=[Subprotocol(PROTOCOL)], max_size=None)
                )
                for ref in sessions
            ]
            await _reply(odd, "![" * 30_000)
            talking = asyncio.create_task(_go_on(lambda: _reply(loud, LOUD)))
            await _reply(measured, TIMED)
            before = _memory(server._process.pid)
            for _ in range(ROUNDS):
                late["alone"] += await _reply(measured, TIMED)
                slow = [_unread(server.url, sessions[1]) for _ in range(SLOW)]
                late["slow"] += await _reply(measured, TIMED)
                grown = max(grown, _memory(server._process.pid) - before)
                for reader in slow:
                    reader.close()
                page = f"{server.url}/api/session/{sessions[2]}/messages?html=true"
                rendering = asyncio.create_task(_go_on(partial(http.get, page)))
                late["markdown"] += await _reply(measured, TIMED)
                rendering.cancel()
            talking.cancel()
        await server.stop()
    p99 = {name: sorted(times)[len(times) * 99 // 100] for name, times in late.items()}
    shown = "  ".join(f"{name} {seconds * 1000:.1f} ms" for name, seconds in p99.items())
    ratios = [p99[name] / p99["alone"] for name in ("slow", "markdown")]
    print(
        f"readers: {SLOW} slow ones, {grown / SLOW / 1024:.0f} KiB each  p99 of {len(late['slow'])} "
        f"tokens: {shown}  ratios {ratios[0]:.2f}, {ratios[1]:.2f}"
    )
    return grown / SLOW < 4 * 1024 * 1024


async def _go_on(work: Callable[[], Awaitable[object]]) -> None:
    """Do the same again and again until cancelled."""
    while True:
        await work()


def _unread(url: str, ref: str) -> socket.socket:
    """A client with a small buffer that attaches and reads nothing."""
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    place = urlsplit(url)
    reader.connect((place.hostname, place.port))
    head = f"GET /ws/session/{ref}?history=0 HTTP/1.1\r\nHost: {place.netloc}\r\n"
    head += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    head += f"Sec-WebSocket-Key: {'A' * 22}==\r\nSec-WebSocket-Protocol: {PROTOCOL}\r\n\r\n"
    reader.sendall(head.encode())
    return reader


async def _reply(ws: Any, text: str) -> list[float]:
    """Seconds between a token at the model and here, for each of one reply that tells its times."""
    await ws.send(encode(Send(uuid4().hex, text)))
    late: list[float] = []
    while True:
        frame = json.loads(await ws.recv())
        if frame["type"] == "delta" and text == TIMED:
            now = time.monotonic()
            late += [now - float(sent) for sent in frame["text"].split()]
        elif frame["type"] == "run_finished":
            return late


def _memory(pid: int) -> int:
    """Bytes of a process in memory; 0 where the system does not say."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    return 0


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=150.0, help="for the whole run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument(
        "--store", choices=("sqlite", "supabase"), default="sqlite", help="supabase: kills alone"
    )
    arguments = parser.parse_args()
    wanted = [name for name in PARTS if name in arguments.parts.split(",")]
    random.seed(arguments.seed)
    good = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        async def part(name: str, work: Callable[[], Awaitable[bool]]) -> None:
            with wall_clock(name):
                good.append(await work())

        now = time.monotonic
        if arguments.store == "supabase":
            project = await asyncio.to_thread(Project, folder)
            try:
                end = now() + arguments.seconds
                await part("kills", lambda: kills(project, arguments.kills, end))
            finally:
                project.remove()
            return 0 if all(good) else 1
        file, rng = SqliteFile(folder), random.Random(arguments.seed)
        total = sum(PARTS[name] for name in wanted) or 1

        def end(name: str) -> float:
            share: float = PARTS[name] / total
            return now() + share * float(arguments.seconds)

        works: dict[str, Callable[[], Awaitable[bool]]] = {
            "kills": lambda: kills(file, arguments.kills, end("kills")),
            "cuts": lambda: cuts(folder, end("cuts")),
            "strangers": lambda: strangers(folder, end("strangers"), rng),
            "rows": lambda: foreign_rows(folder),
            "readers": lambda: slow_readers(folder),
        }
        for one in wanted:
            await part(one, works[one])
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
