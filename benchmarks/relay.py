"""What a token costs through the whole server: model's service, server, one WebSocket each.

    python benchmarks/relay.py [--repeat 3] [--loads 10,40,200] [--tokens 150] [--loops asyncio,uvloop]

Three processes: a scripted service that writes the time into each token, a server, and a client
that reads bare sockets. The servers, each first in turn: a floor of asyncio streams and msgspec that
only relays, in frames of the same size, and `python -m genpy_server` as people run it, with SQLite.
What a token costs is counted while all replies run, from the last one's begin to the first one's end:
the CPU of all threads of the server. `ratio` is the median of the repetitions, with the least and the
greatest. `in all` is what a reply of many tokens costs more than one of a single token, for each of
them: its text stored and indexed, and replies that begin while others run. GenPy runs on asyncio's
loop, and on uvloop (the extra `fast`); the floor always on asyncio's. `wake-ups` are how often the
server slept for each token: a server that wakes less often for the same tokens is given more of them
at once, and rows compare only where these are alike. Linux: it reads /proc.
"""

import argparse
import asyncio
import os
import platform
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from relay_ends import RATE, now

from genpy_server.wire import PROTOCOL, Delta, RunFinished, Send, decode_server, encode

ENDS = str(Path(__file__).with_name("relay_ends.py"))
SATURATED = 0.95
BUSY = 0.9
"""Share of a core above which the service or the client is the limit, and a row is void."""
LOOK_SECONDS = 0.05
SETTLE_SECONDS = 0.3
"""After the begin of the last reply, whose turn still has work in the background."""
LEAST_TOKENS = 300
"""Tokens that must come while all replies run; with fewer a row is void."""

WITHOUT_UVLOOP = """
import runpy, sys
sys.modules["uvloop"] = None
runpy.run_module("genpy_server", run_name="__main__", alter_sys=True)
"""

TEXT, PING, PONG = 0x81, 0x89, 0x8A


# The client


class Reader(asyncio.Protocol):
    """One WebSocket, read without a library: it counts tokens and how late each came."""

    def __init__(self, token: str, name: str, count: int, *, stays: bool = False) -> None:
        self._stays = stays
        self._hello = (
            f"GET /ws/session/{name} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            f"Sec-WebSocket-Protocol: {PROTOCOL}\r\nAuthorization: Bearer {token}\r\n\r\n"
        ).encode()
        self._asked = f"Please write {count} tokens"
        self._buffer = b""
        self._open = False
        self.late: list[int] = []
        self.asked_at = self.first_at = self.ended_at = 0
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the WebSocket."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._hello)

    def ask(self, text: str = "", name: str = "a") -> None:
        """Say something, masked with zeros."""
        self.asked_at, self.first_at = now(), 0
        self.done = asyncio.get_running_loop().create_future()
        data = encode(Send(name, f"{self._asked} {text}".strip())).encode()
        size = bytes((0x80 | len(data),)) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2)
        self._transport.write(bytes((TEXT,)) + size + bytes(4) + data)

    def leave(self) -> None:
        """Close the connection."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Take in what came."""
        at = now()
        self._buffer += data
        if not self._open:
            head, end, self._buffer = self._buffer.partition(b"\r\n\r\n")
            if not end:
                self._buffer = head
                return
            assert b" 101 " in head, head
            self._open = True
            self.ready.set_result(None)
        while (frame := self._frame()) is not None:
            kind, payload = frame
            if kind == PING:
                self._transport.write(bytes((PONG, 0x80 | len(payload))) + bytes(4) + payload)
            elif kind == TEXT:
                self._take(payload, at)

    def _frame(self) -> tuple[int, bytes] | None:
        """The first byte of the next frame and its payload, of less than 64 KiB."""
        data = self._buffer
        if len(data) < 4:
            return None
        size, start = data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4]), 4
        if len(data) < start + size:
            return None
        self._buffer = data[start + size :]
        return data[0], data[start : start + size]

    def _take(self, payload: bytes, at: int) -> None:
        frame = decode_server(payload.decode())
        if isinstance(frame, Delta):
            self.first_at = self.first_at or at
            self.late += [at - int(stamp) for stamp in frame.text.split()]
        elif isinstance(frame, RunFinished):
            self.ended_at = at
            if not self._stays:
                self.leave()
            if frame.status == "done":
                self.done.set_result(None)
            else:
                self.done.set_exception(RuntimeError(f"a reply failed: {frame}"))


# Measuring


@dataclass
class Program:
    """A process under measurement."""

    process: asyncio.subprocess.Process
    url: str

    def cpu(self) -> float:
        """Seconds of CPU so far, of all its threads that live."""
        return sum(map(_seconds, Path(f"/proc/{self.process.pid}/task").iterdir()))

    def store_cpu(self) -> float:
        """Seconds of CPU so far of the threads beside the first one."""
        return self.cpu() - _seconds(Path(f"/proc/{self.process.pid}/task/{self.process.pid}"))

    def memory_kib(self) -> int:
        """KiB of memory now."""
        return self._status("VmRSS")

    def sleeps(self) -> int:
        """How often the first thread, which is the loop's, has waited so far."""
        return self._status("voluntary_ctxt_switches")

    def _status(self, name: str) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition(f"\n{name}:")[2].split()[0])


def _seconds(thread: Path) -> float:
    """Seconds of CPU of a thread so far."""
    return int((thread / "schedstat").read_text().split()[0]) / 1e9


@asynccontextmanager
async def program(*arguments: str, core: int, **variables: str) -> AsyncIterator[Program]:
    """A program that prints its address, pinned to a core."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env={**os.environ, **variables},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        os.sched_setaffinity(process.pid, {core})
        assert process.stdout is not None
        found = re.search(r"http://[\d.]+:\d+", (await process.stdout.readline()).decode())
        assert found, arguments
        yield Program(process, found.group())
    finally:
        process.terminate()
        await process.wait()


@dataclass
class Row:
    """What came of the repetitions of one server under one load."""

    token_us: list[float] = field(default_factory=list)
    in_all_us: list[float] = field(default_factory=list)
    reply_ms: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    in_all: list[float] = field(default_factory=list)
    """Ratios to the floor of the same repetition, as `ratios`."""
    store_us: list[float] = field(default_factory=list)
    sleeps: list[float] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    first_ms: list[float] = field(default_factory=list)
    delivered: list[float] = field(default_factory=list)
    received: int = 0
    void: bool = False
    memory: int = 0


async def connected(url: str, readers: Sequence[Reader]) -> None:
    """Open the WebSockets of readers."""
    host, port = url.removeprefix("http://").split(":")
    loop = asyncio.get_running_loop()
    for reader in readers:
        await loop.create_connection(lambda reader=reader: reader, host, int(port))  # type: ignore[misc]  # a lambda's default has no type
    await asyncio.gather(*(reader.ready for reader in readers))


def tokens(count: int) -> list[str]:
    """Secrets of so many users."""
    return [f"user{number:04d}-{os.urandom(8).hex()}" for number in range(count)]


def about() -> str:
    """What was measured on what."""
    names = ("websockets", "groq", "aiohttp", "msgspec")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return (
        f"Python {platform.python_version()}, {versions}; {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}"
    )


@asynccontextmanager
async def servers(
    users: dict[str, str], database: Path | None = None, loop: str = "uvloop", **variables: str
) -> AsyncIterator[tuple[Program, Program, Program]]:
    """A model's service, the floor and GenPy in front of it, for these users with their tokens.

    The servers share a core; the service and this process have another. GenPy takes uvloop where it
    is installed, unless `loop` is asyncio.
    """
    start = ("-m", "genpy_server") if loop == "uvloop" else ("-c", WITHOUT_UVLOOP)
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    with tempfile.TemporaryDirectory() as folder:
        own = {
            "GENPY_DATABASE": str(database or f"{folder}/genpy.db"),
            "GENPY_PORT": "0",
            "GENPY_TOKEN": ",".join(f"{user}:{token}" for user, token in users.items()),
            "GENPY_LLM_MODEL": "m",
            "GENPY_GRACE_SECONDS": "3600",  # no session ends, with its summary, within a measurement
            "GENPY_LOG_LEVEL": "WARNING",
            **variables,
        }
        async with program(ENDS, "service", core=cores[-1]) as service:
            port = service.url.rpartition(":")[2]
            async with (
                program(ENDS, "floor", port, core=cores[0]) as floor,
                program(*start, core=cores[0], GENPY_LLM_URL=service.url, **own) as genpy,
            ):
                yield service, floor, genpy


async def asked(url: str, users: Sequence[str], name: str, count: int) -> list[Reader]:
    """Readers who asked for one reply each, all at once."""
    readers = [Reader(user, name, count) for user in users]
    await connected(url, readers)
    for reader in readers:
        reader.ask()
    return readers


async def replies(url: str, users: Sequence[str], name: str, count: int) -> list[Reader]:
    """Readers of one reply each, all at once."""
    readers = await asked(url, users, name, count)
    await asyncio.gather(*(reader.done for reader in readers))
    return readers


async def measure_tokens(row: Row, server: Program, readers: Sequence[Reader], count: int) -> None:
    """What a token costs while all of these replies of `count` tokens run."""
    while not all(reader.first_at for reader in readers):
        await asyncio.sleep(LOOK_SECONDS)
    await asyncio.sleep(SETTLE_SECONDS)
    cpu, stored, sleeps = server.cpu(), server.store_cpu(), server.sleeps()
    received = sum(len(reader.late) for reader in readers)
    last = count - RATE * 2 * LOOK_SECONDS
    while max(len(reader.late) for reader in readers) < last:
        await asyncio.sleep(LOOK_SECONDS)
    tokens = sum(len(reader.late) for reader in readers) - received
    row.void |= tokens < LEAST_TOKENS or any(reader.ended_at for reader in readers)
    tokens = max(tokens, 1)
    row.token_us.append((server.cpu() - cpu) / tokens * 1e6)
    row.store_us.append((server.store_cpu() - stored) / tokens * 1e6)
    row.sleeps.append((server.sleeps() - sleeps) / tokens)


async def measure(
    row: Row, server: Program, service: Program, *, users: list[str], name: str, count: int
) -> None:
    """One repetition: a short reply to each user, then a long one."""
    before = server.cpu()
    for number in range(3):
        await replies(server.url, users, f"{name}-short-{number}", 1)
    reply = (server.cpu() - before) / 3 / len(users)
    clock, before, others = now(), server.cpu(), (time.process_time(), service.cpu())
    readers = await asked(server.url, users, f"{name}-long", count)
    await measure_tokens(row, server, readers, count)
    await asyncio.gather(*(reader.done for reader in readers))
    seconds = (max(reader.ended_at for reader in readers) - clock) / 1e6
    tokens = sum(len(reader.late) for reader in readers)
    row.received += tokens
    row.reply_ms.append(reply * 1e3)
    row.in_all_us.append(((server.cpu() - before) / len(users) - reply) / (count - 1) * 1e6)
    slowest = max(reader.ended_at - reader.first_at for reader in readers) / 1e6
    row.delivered.append(min((count - 1) / RATE / slowest, 1.0) * tokens / count / len(users))
    row.first_ms += [(reader.first_at - reader.asked_at) / 1e3 for reader in readers]
    row.late += [late for reader in readers for late in reader.late]
    row.memory = server.memory_kib() // 1024
    busiest = max(time.process_time() - others[0], service.cpu() - others[1])
    row.void |= busiest > BUSY * seconds


def show(load: int, name: str, row: Row, sent: int) -> None:
    """One line of the table."""
    token, reply = statistics.median(row.token_us), statistics.median(row.reply_ms)
    delivered = statistics.median(row.delivered)
    late = sorted(row.late)
    times = [late[min(int(len(late) * q), len(late) - 1)] / 1e3 for q in (0.5, 0.9, 0.99, 1)]
    shown = " / ".join(f"{ms:.1f}" for ms in times) if delivered >= SATURATED else "saturated"
    ratio = f"{statistics.median(row.ratios):.2f} ({min(row.ratios):.2f} to {max(row.ratios):.2f})"
    in_all = f"{statistics.median(row.in_all_us):.0f} | {statistics.median(row.in_all):.2f}"
    print(
        f"| {load} | {name} | {token:.0f} | {ratio} | {in_all} "
        f"| {statistics.median(row.store_us):.0f} | {statistics.median(row.sleeps):.2f} | {reply:.2f} "
        f"| {row.received} of {sent} | {delivered:.0%} "
        f"| {statistics.median(row.first_ms):.0f} / {max(row.first_ms):.0f} "
        f"| {'void' if row.void else shown} | {row.memory} |"
    )


async def compare(repeat: int, loads: Sequence[int], count: int, loop: str) -> None:
    """Measure the servers in turn, and print the table."""
    users = tokens(max(loads))
    rows = {(load, name): Row() for load in loads for name in ("floor", "genpy")}
    own = {f"u{number}": token for number, token in enumerate(users)}
    async with servers(own, loop=loop) as programs:
        service, floor, genpy = programs
        for server in (floor, genpy):  # what is imported and built once
            await replies(server.url, users, "warm", 2)
        for number in range(repeat):
            for load in loads:
                pair = [(rows[load, "floor"], floor), (rows[load, "genpy"], genpy)]
                for row, server in pair if number % 2 else pair[::-1]:
                    name = f"{number}-{load}"
                    await measure(row, server, service, users=users[:load], name=name, count=count)
                least = pair[0][0]
                for row, _ in pair:
                    row.ratios.append(row.token_us[-1] / least.token_us[-1])
                    row.in_all.append(row.in_all_us[-1] / least.in_all_us[-1])
    print(f"{about()}; {repeat} repetitions, {RATE} tokens a second a stream; GenPy on {loop}\n")
    print("| streams | server | us CPU a token | ratio | in all | ratio | of a token the store | wake-ups | ms CPU a reply | tokens received "
          "| delivered | ms to the first, p50 / last | ms late, p50 / p90 / p99 / max | MB |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    for (load, name), row in rows.items():
        show(load, name, row, load * count * repeat)
    print(flush=True)


def main() -> None:
    """Read the arguments, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--loads", default="10,40,200")
    parser.add_argument("--tokens", type=int, default=150)
    parser.add_argument("--loops", default="asyncio,uvloop" if find_spec("uvloop") else "asyncio")
    options = parser.parse_args()
    loads = [int(load) for load in options.loads.split(",")]
    for loop in options.loops.split(","):
        asyncio.run(compare(options.repeat, loads, options.tokens, loop))


if __name__ == "__main__":
    main()
