"""Several processes on one SQLite file: crashes and races."""

import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from genpy_server.stores.sqlite.store import SqliteStore

USER = "someone"

ONE_STORE = """
import asyncio, sys
from pathlib import Path
from genpy_server.stores.sqlite.store import SqliteStore
async def with_store(work):
    store = SqliteStore(Path(sys.argv[1]))
    await store.open()
    await work(store)
    await store.close()
"""

SERVER = """
import asyncio, itertools, sys
from pathlib import Path
from genpy_server.stores.sqlite.store import SqliteStore
numbers = itertools.count()
async def talk(store, session):
    for number in numbers:
        name = f"{session}-{number}"
        await store.append("someone", session, "user", name, title="", client_id=name)
        print(name, flush=True)
async def main():
    store = SqliteStore(Path(sys.argv[1]))
    await store.open()
    await asyncio.gather(*(talk(store, session) for session in sys.argv[2:]))
asyncio.run(main())
"""


def start(script: str, *arguments: object) -> "subprocess.Popen[str]":
    """A Python process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


def output(process: "subprocess.Popen[str]") -> list[str]:
    """The lines it printed, once it is done."""
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return text.split()


def lost(path: Path, acknowledged: set[str]) -> set[str]:
    """What was acknowledged and is not stored exactly once."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT message FROM session_logs GROUP BY message HAVING count(*) = 1"
        ).fetchall()
    return acknowledged - {text for (text,) in rows}


async def test_an_acknowledged_message_survives_kill_9(tmp_path: Path) -> None:
    """A process killed in the midst of its work has lost nothing that it acknowledged."""
    path = tmp_path / "genpy.db"
    acknowledged: set[str] = set()
    for _ in range(2):
        process = start(SERVER, path, *(uuid4() for _ in range(8)))
        assert process.stdout is not None
        acknowledged |= {process.stdout.readline().strip() for _ in range(200)}
        process.kill()
        acknowledged |= set(process.stdout.read().split("\n")[:-1])
        process.wait()
        process.stdout.close()
    assert len(acknowledged) >= 400
    assert lost(path, acknowledged) == set()
    assert lost(path, {*acknowledged, "never said"}) == {"never said"}
    store = SqliteStore(path)
    await store.open()
    await store.append(USER, str(uuid4()), "user", "after", title="")
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def _can_trace() -> bool:
    strace = shutil.which("strace")
    return (
        strace is not None
        and not subprocess.run([strace, "-o", "/dev/null", "true"], check=False).returncode
    )


@pytest.mark.skipif(not _can_trace(), reason="needs strace, and the right to trace")
def test_the_disk_is_synced_before_each_acknowledgement(tmp_path: Path) -> None:
    """Between two acknowledgements the kernel was asked to put the log on the disk."""
    append = (
        ONE_STORE
        + """
async def work(store):
    for number in range(5):
        await store.append("u", sys.argv[2], "user", f"message {number}", title="")
        print(f"ack {number}", flush=True)
asyncio.run(with_store(work))
"""
    )
    log = tmp_path / "trace"
    strace = ["strace", "-f", "-qq", "-e", "trace=fsync,fdatasync,write", "-o", str(log)]
    program = [sys.executable, "-c", append, str(tmp_path / "genpy.db"), str(uuid4())]
    subprocess.run([*strace, *program], check=True, stdout=subprocess.DEVNULL)
    calls = re.findall(r"f(?:data)?sync\(|ack \d", log.read_text())
    acks = [n for n, call in enumerate(calls) if call.startswith("ack")]
    assert len(acks) == 5
    assert all(calls[n - 1].endswith("sync(") for n in acks)


async def test_of_racing_processes_one_ends_each_session(tmp_path: Path) -> None:
    """Three processes claim the same sessions; each session is claimed once."""
    path = tmp_path / "genpy.db"
    store = SqliteStore(path)
    await store.open()
    sessions = [str(uuid4()) for _ in range(60)]
    for session in sessions:
        await store.append(USER, session, "user", "x", title="")
    await store.close()
    claim = (
        ONE_STORE
        + """
async def work(store):
    for session in sys.argv[2:]:
        if await store.claim_ending("someone", session, lease_seconds=60):
            print(session)
asyncio.run(with_store(work))
"""
    )
    processes = [start(claim, path, *sessions) for _ in range(3)]
    claimed = [session for process in processes for session in output(process)]
    assert sorted(claimed) == sorted(sessions)


def test_processes_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    """Whoever comes first makes the tables, and everybody writes."""
    path = tmp_path / "new" / "genpy.db"
    say = (
        ONE_STORE
        + """
async def work(store):
    await store.append("someone", sys.argv[2], "user", "x", title="")
asyncio.run(with_store(work))
"""
    )
    for process in [start(say, path, uuid4()) for _ in range(6)]:
        output(process)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM session_logs").fetchone() == (6,)
