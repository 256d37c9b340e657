"""Several processes on one SQLite file: crashes, races and commands without an event loop."""

import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from genpy_server.stores.sqlite.inline import InlineRunner, run_inline
from genpy_server.stores.sqlite.store import SqliteStore

USER = "someone"

INLINE = """
import sys
from pathlib import Path
from genpy_server.stores.sqlite.store import SqliteStore
from genpy_server.stores.sqlite.inline import InlineRunner, run_inline
store = SqliteStore(Path(sys.argv[1]), InlineRunner())
run_inline(store.open())
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


def test_an_acknowledged_message_survives_kill_9(tmp_path: Path) -> None:
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
    store = SqliteStore(path, InlineRunner())
    run_inline(store.open())
    run_inline(store.append(USER, str(uuid4()), "user", "after", title=""))
    run_inline(store.close())
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
        INLINE
        + """
for number in range(5):
    run_inline(store.append("u", sys.argv[2], "user", f"message {number}", title=""))
    print(f"ack {number}", flush=True)
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


def test_of_racing_processes_one_ends_each_session(tmp_path: Path) -> None:
    """Three processes claim the same sessions; each session is claimed once."""
    path = tmp_path / "genpy.db"
    store = SqliteStore(path, InlineRunner())
    run_inline(store.open())
    sessions = [str(uuid4()) for _ in range(60)]
    for session in sessions:
        run_inline(store.append(USER, session, "user", "x", title=""))
    run_inline(store.close())
    claim = (
        INLINE
        + """
for session in sys.argv[2:]:
    if run_inline(store.claim_ending("someone", session, lease_seconds=60)):
        print(session)
"""
    )
    processes = [start(claim, path, *sessions) for _ in range(3)]
    claimed = [session for process in processes for session in output(process)]
    assert sorted(claimed) == sorted(sessions)


def test_processes_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    """Whoever comes first makes the tables, and everybody writes."""
    path = tmp_path / "new" / "genpy.db"
    say = INLINE + "run_inline(store.append('someone', sys.argv[2], 'user', 'x', title=''))"
    for process in [start(say, path, uuid4()) for _ in range(6)]:
        output(process)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM session_logs").fetchone() == (6,)


def test_a_command_needs_no_event_loop(tmp_path: Path) -> None:
    """With the inline runner every method works, and asyncio is never imported."""
    use = (
        INLINE
        + """
session = "8a9d1b3e-6f6c-4a53-9d6a-0c1b6d1f2e3a"
run_inline(store.append("u", session, "user", "a penguin", title="Birds"))
export = run_inline(store.session("u", session)), []
assert run_inline(store.search("u", "penguin", limit=3, neighbours=True))
assert run_inline(store.sessions("u", limit=3, query="bird"))
assert run_inline(store.metrics("u", session)).user_words == 2
run_inline(store.rate("u", session, 4))
run_inline(store.import_session(*export))
run_inline(store.delete("u", session))
run_inline(store.close())
heavy = {"asyncio", "concurrent", "threading", "logging", "ssl", "socket"} & sys.modules.keys()
print(*heavy)
"""
    )
    assert output(start(use, tmp_path / "genpy.db")) == []
