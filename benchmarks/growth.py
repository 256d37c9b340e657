"""What grows with the messages that are kept: search, recall, listing, a stored message.

    python benchmarks/growth.py [--sizes 42,100000,1000000] [--folder FOLDER] [--sessions 10000]

The databases are built once in the folder (a new temporary one by default) and used again: one user
with so many messages, half of whose words are stop words and whose most frequent other word is in 6%
of them, and one user with ten messages beside. Turns go through a server of its own, and begin with
the same words, so that each recalls the ones before; beside them stand the same turns of a server
that only relays, and of one of a few lines with groq's SDK and SQLite (relay_ends.py). Other times are CPU of this process, so that a
busy machine changes them little; statements are those that the store executes, without the index's
own.
"""

import argparse
import asyncio
import os
import platform
import random
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import accumulate
from pathlib import Path
from uuid import UUID

from relay import ENDS, Program, Reader, connected, program, servers, tokens

from genpy_server.core.models import Message
from genpy_server.core.words import STOP_WORDS
from genpy_server.stores.base import Store, arguments_of
from genpy_server.stores.sqlite import messages, schema, search, sessions
from genpy_server.stores.sqlite.index import index_session

LARGE, SMALL = "large", "small"
VOCABULARY = 60_000
MOST_FREQUENT = 0.06
"""The share of messages that hold the most frequent word."""
TURNS = 40
WORDS = 12
"""Words of a message that are not stop words."""
FIRST_CORE = min(os.sched_getaffinity(0))
"""Where the servers are compared."""
SYLLABLES = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]


def vocabulary(chance: random.Random) -> list[str]:
    """Words that nobody knows, all different."""
    made: dict[str, None] = {}
    while len(made) < VOCABULARY:
        made["".join(chance.choices(SYLLABLES, k=chance.choice((2, 3, 3, 4))))] = None
    return list(made)


class Talk:
    """Messages whose words are as frequent as in talk: the n-th has a share of 1/(n + c)."""

    def __init__(self, words: int = WORDS) -> None:
        self._count = words
        self.chance = random.Random(20)
        self.words = vocabulary(self.chance)
        offset = 12  # gives the most frequent word about 6% of the messages
        self._shares = list(accumulate(1 / (n + offset) for n in range(VOCABULARY)))
        self._stop_words = sorted(STOP_WORDS)

    def message(self) -> str:
        """A message of twice as many words."""
        told = self.chance.choices(self.words, cum_weights=self._shares, k=self._count)
        small = self.chance.choices(self._stop_words, k=self._count)
        return " ".join(word for pair in zip(small, told, strict=True) for word in pair)

    def question(self, words: int) -> str:
        """A question of so many words, half of them stop words, as frequent as in talk."""
        return " ".join(self.message().split()[:words]) + "?"


def build(path: Path, size: int, in_sessions: int, *, words: int = WORDS) -> None:
    """Write the database, in transactions of 10,000 messages."""
    talk = Talk(words)
    made = path.with_suffix(".part")
    made.unlink(missing_ok=True)
    connection = schema.connect(made)
    connection.execute("PRAGMA synchronous = OFF")
    while search.reindex(connection):
        pass
    plan = [(LARGE, n * in_sessions // size) for n in range(size)] + [(SMALL, -1)] * 10
    known: set[int] = set()
    connection.execute("BEGIN")
    for number, (user, session) in enumerate(plan, start=1):
        session_id = str(UUID(int=session + (1 << 90)))
        if session not in known:
            known.add(session)
            connection.execute(
                "INSERT INTO sessions (session_id, user_id, title, start_time, created_at, updated_at) "
                f"VALUES (?, ?, ?, {schema.NOW}, {schema.NOW}, {schema.NOW})",
                (session_id, user, talk.question(6)),
            )
            index_session(connection, session_id)
        message = Message(
            0, session_id, "user" if number % 2 else "assistant", talk.message(), "",
            uid=str(UUID(int=number)),
        )  # fmt: skip
        messages.insert(connection, user, message)
        if number % 10_000 == 0:
            connection.execute("COMMIT")
            connection.execute("BEGIN")
    connection.execute(
        "UPDATE sessions SET (last_message_id, message_count) = "
        "(SELECT max(id), count(*) FROM session_logs m WHERE m.session_id = sessions.session_id)"
    )
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    made.rename(path)


def measure(name: str, times: int, work: Callable[[], object], counted: list[str]) -> None:
    """One row: CPU at the median and the 95th of a hundred, and statements of one call."""
    taken = []
    statements = 0
    for _ in range(times):
        counted.clear()
        began = time.process_time()
        work()
        taken.append((time.process_time() - began) * 1_000)
        statements = max(statements, len(counted))
    taken.sort()
    middle, high = taken[len(taken) // 2], taken[int(len(taken) * 0.95)]
    print(f"  {name:<44}{middle:>9.2f}{high:>9.2f}{statements:>12}", flush=True)


def table(path: Path, size: int) -> None:
    """The rows of one database."""
    talk = Talk()
    connection = schema.connect(path)
    counted: list[str] = []
    own = re.compile(
        r"^\s*(--|SELECT (pgno|block|sz|k, v)|(REPLACE|INSERT) INTO .main.)|'main'\.", re.IGNORECASE
    )

    def trace(statement: str) -> None:
        if not own.search(statement):
            counted.append(statement)

    connection.set_trace_callback(trace)
    ranks = {"frequent": range(20), "middling": range(300, 600), "rare": range(20_000, 60_000)}

    def some(kind: str, count: int) -> str:
        return " ".join(talk.words[n] for n in talk.chance.sample(ranks[kind], count))

    def find(query: str, user: str = LARGE, *, recall: bool = False) -> object:
        return search.search(
            connection, user, query, limit=10 if recall else 20,
            distinct=recall, about_records=not recall, titles=not recall,
        )  # fmt: skip

    def ask(words: int, user: str = LARGE) -> object:
        return find(talk.question(words), user, recall=True)

    print(f"{size:,} messages, {path.stat().st_size / 2**20:,.0f} MiB")
    print(f"  {'':<44}{'p50 ms':>9}{'p95 ms':>9}{'statements':>12}")
    measure("search: one rare word", 100, lambda: find(some("rare", 1)), counted)
    measure("search: two middling words", 100, lambda: find(some("middling", 2)), counted)
    measure("search: one frequent word", 60, lambda: find(some("frequent", 1)), counted)
    measure("search: three frequent words", 60, lambda: find(some("frequent", 3)), counted)
    for words in (4, 12, 40):
        measure(
            f"recall: a question of {words} words", 60,
            partial(ask, words), counted,
        )  # fmt: skip
    for words in (12, 40):
        measure(
            f"recall: {words} words, user with 10 messages", 60,
            partial(ask, words, SMALL), counted,
        )  # fmt: skip
    newest = arguments_of(Store.sessions)(LARGE, limit=50)
    measure("sessions: 50 newest", 60,
            lambda: sessions.sessions(connection, **newest), counted)  # fmt: skip
    (last,) = connection.execute(
        "SELECT max(session_id) FROM sessions WHERE user_id = ?", (LARGE,)
    ).fetchone()
    measure("metrics of a session", 20,
            lambda: messages.metrics(connection, user_id=LARGE, session_id=last), counted)  # fmt: skip
    measure("a message stored (no commit)", 60, lambda: append(connection, last, talk), counted)
    connection.close()


def append(connection: sqlite3.Connection, session: str, talk: Talk) -> None:
    """Store a message and take it back."""
    connection.execute("BEGIN")
    given = arguments_of(Store.append)(LARGE, session, "user", talk.message(), title="")
    messages.append(connection, **given)
    connection.execute("ROLLBACK")


async def turns(database: Path) -> None:
    """The rows of a turn through a whole server, whose model answers at once.

    They are taken in a copy: a database that is used again would have more messages each time.
    """
    with tempfile.TemporaryDirectory(dir=database.parent) as folder:
        await measured_turns(Path(shutil.copy(database, folder)))


async def measured_turns(path: Path) -> None:
    (token,) = tokens(1)
    limits = {"GENPY_LIMIT_MESSAGES_PER_MINUTE": "10000"}
    async with servers({LARGE: token}, path, **limits) as (service, floor, genpy):
        texts = str(path.with_suffix(".texts"))
        port = service.url.rpartition(":")[2]
        async with program(ENDS, "libraries", port, texts, core=FIRST_CORE) as libraries:
            compared = {"": genpy, "relay alone": floor, "SDK, two commits": libraries}
            taken = {name: await turns_of(server, token) for name, server in compared.items()}
    for number, row in enumerate(("first token, wall", "a turn")):
        for name, times in taken.items():
            middle, high = times[number]
            what = f"{row}, 12 words" if not name else f"  {name}"
            print(f"  {what:<44}{middle:>9.2f}{high:>9.2f}", flush=True)


async def turns_of(server: Program, token: str) -> list[tuple[float, float]]:
    """The median and 95th of a hundred: milliseconds to the first token, and of CPU a turn."""
    talk = Talk()
    reader = Reader(token, f"turns-{time.time_ns()}", 1, stays=True)
    await connected(server.url, [reader])
    first, cpu = [], []
    for turn in range(TURNS + 5):
        before = server.cpu()
        reader.ask(talk.question(12), name=f"m{turn}")
        await reader.done
        first.append((reader.first_at - reader.asked_at) / 1e3)
        await asyncio.sleep(0.02)  # what follows the reply is its cost too
        cpu.append((server.cpu() - before) * 1e3)
    reader.leave()
    ranked = [sorted(times[5:]) for times in (first, cpu)]
    return [(known[len(known) // 2], known[int(len(known) * 0.95)]) for known in ranked]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="42,100000,1000000")
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, help="keeps the databases for the next time")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
          f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")  # fmt: skip
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for size in map(int, options.sizes.split(",")):
            in_sessions = max(1, min(options.sessions, size // 10))
            path = folder / f"growth-{size}-{in_sessions}.db"
            if not path.exists():
                began = time.process_time()
                build(path, size, in_sessions)
                print(f"built in {time.process_time() - began:,.0f} s of CPU")
            table(path, size)
            asyncio.run(turns(path))


if __name__ == "__main__":
    main()
