"""What the SQLite store does beyond the promises of every store: its file and its commits."""

import asyncio
import itertools
import json
import os
import re
import shutil
import sqlite3
import stat
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from functools import partial
from pathlib import Path
from threading import Event, Semaphore
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from support.conditions import PATIENCE
from support.users import Person

from genpy_server.core.models import Memory, Message, Metrics, SessionSettings
from genpy_server.errors import (
    Conflict,
    StoreError,
    StoreForbidden,
    StoreSchemaMissing,
    StoreTimeout,
    StoreUnavailable,
)
from genpy_server.stores.base import REST, Store, arguments_of, owner_of
from genpy_server.stores.sqlite import runner, schema
from genpy_server.stores.sqlite.index import unindexed
from genpy_server.stores.sqlite.messages import append
from genpy_server.stores.sqlite.runner import READERS
from genpy_server.stores.sqlite.schema import translated
from genpy_server.stores.sqlite.search import (
    DIVIDED,
    REINDEXED,
    REINDEXED_CHARS,
    is_divided,
    reindex,
    search,
)
from genpy_server.stores.sqlite.sessions import delete
from genpy_server.stores.sqlite.store import SqliteStore

pytestmark = pytest.mark.filterwarnings("error")

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database not yet made, in a folder not yet made."""
    return tmp_path / "data" / "genpy.db"


@asynccontextmanager
async def opened(path: Path, **options: float) -> AsyncIterator[SqliteStore]:
    """A store that is closed at the end."""
    store = SqliteStore(path, **options)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def open_once(path: Path, **options: float) -> None:
    """Open a store and close it."""
    async with opened(path, **options):
        pass


def traced(store: SqliteStore) -> list[str]:
    """The statements that the store's connections will run, as they run."""
    statements: list[str] = []
    connect = store.runner.connect

    def connect_traced() -> sqlite3.Connection:
        connection = connect()
        connection.set_trace_callback(statements.append)
        return connection

    store.runner.connect = connect_traced
    return statements


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    """What another program reads in the file."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


# The file


@posix
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o377])
async def test_the_files_are_their_owners_alone(path: Path, umask: int) -> None:
    """Whatever the umask, nobody else can read the database or its -wal and -shm."""
    path.parent.mkdir(mode=0o700)
    before = os.umask(umask)
    try:
        async with opened(path) as store:
            await Person(store).say("secret")
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"genpy.db": 0o600, "genpy.db-wal": 0o600, "genpy.db-shm": 0o600}


@posix
async def test_the_folder_is_made_for_its_owner_alone(path: Path) -> None:
    """A folder that was missing is private; one that was there keeps its mode."""
    async with opened(path):
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.parent.chmod(0o755)
    async with opened(path):
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755


def test_every_connection_keeps_commits_through_a_power_cut(path: Path) -> None:
    """WAL with an fsync at each commit, foreign keys on."""
    for _ in range(2):
        with closing(schema.connect(path)) as connection:
            pragmas = ("journal_mode", "synchronous", "fullfsync", "foreign_keys", "busy_timeout")
            values = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]
            assert values == ["wal", 2, 1, 1, 10_000]


async def test_the_index_agrees_with_the_messages(path: Path) -> None:
    """After appending, importing and deleting it holds the terms of what is stored, and no other."""
    async with opened(path) as store:
        people = [Person(store) for _ in range(3)]
        for person in people:
            for text in ("a penguin", "今天天气很好", "x" * 10_000, ""):
                await person.say(text, title="Birds of the south")
        export = await people[0].export()
        await store.delete(people[0].id, people[0].session)
        await store.delete(people[1].id, people[1].session)
        await store.import_session(*export)
    assert query(path, "PRAGMA integrity_check") == [("ok",)]
    assert query(path, "SELECT count(*) FROM session_logs") == [(8,)]
    indexed = query(path, "SELECT term, doc FROM search_words")
    held: Counter[object] = Counter()
    for owner, terms in query(path, "SELECT owner, terms FROM search_terms"):
        held.update({f"{owner}{term}" for term in str(terms).split()})
    assert dict(indexed) == dict(held)
    counted = "SELECT owner, count(*), sum(size) FROM search_terms GROUP BY owner ORDER BY owner"
    assert query(path, counted) == query(
        path, "SELECT owner, documents, size FROM search_owners WHERE documents ORDER BY owner"
    )


# Versions of the file


async def test_an_older_file_is_upgraded_and_keeps_its_rows(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each version is reached by the statements that lead to it, once."""
    async with opened(path) as store:
        person = Person(store)
        message = await person.say("a penguin")
    first = schema.migrations()
    assert len(first) == schema.VERSION
    later = (*first, ("ALTER TABLE sessions ADD COLUMN colour text DEFAULT 'blue'",))
    monkeypatch.setattr(schema, "migrations", lambda: later)
    monkeypatch.setattr(schema, "VERSION", len(later))
    for _ in range(2):
        async with opened(path) as store:
            assert await store.messages(person.id, person.session, limit=1) == [message]
    assert query(path, "SELECT colour FROM sessions") == [("blue",)]
    assert query(path, "PRAGMA user_version") == [(len(later),)]


HOSTED = 3
"""The version from which on a session knows its server."""
SEARCHED = 4
"""The version from which on there is the index of today."""
WAITED = 10
"""The version from which on a question knows where it waits."""
EARLIER = range(1, schema.VERSION)
SHAPE = """
    SELECT m.type, m.name, c.name, c.type, c."notnull", c.dflt_value, c.pk
    FROM sqlite_master m LEFT JOIN pragma_table_info(m.name) c ORDER BY 1, 2, 3
"""


@pytest.mark.parametrize("version", EARLIER)
async def test_a_file_of_any_earlier_version_keeps_its_rows(path: Path, version: int) -> None:
    """Every value that the file had is there, in the tables of a new file, and all of it is found."""
    path.parent.mkdir()
    at, talk, ended = "2026-01-02T03:04:05.678000Z", str(uuid4()), str(uuid4())
    with closing(sqlite3.connect(path)) as old:
        for statement in itertools.chain(*schema.migrations()[:version]):
            old.execute(statement)
        old.execute(f"PRAGMA user_version = {version}")
        for last, session, status, rating in (
            (2, talk, "active", None),
            (4, ended, "completed", 4),
        ):
            old.execute(
                "INSERT INTO sessions (session_id, user_id, status, start_time, created_at, "
                "updated_at, title, summary, topics, user_rating, memory, memory_upto, "
                "last_message_id, message_count) VALUES "
                "(?, 'ann', ?, ?, ?, ?, 'Tea', 'S.', '[\"a\"]', ?, '- likes tea', 1, ?, 2)",
                (session, status, at, at, at, rating, last),
            )
            old.executemany(
                "INSERT INTO session_logs (session_id, event_type, message, metadata, created_at, "
                "client_id, uid, words) VALUES (?, ?, 'a penguin é', '{}', ?, ?, ?, 3)",
                [(session, kind, at, kind, str(uuid4())) for kind in ("user", "ai")],
            )
        if version >= HOSTED:
            old.execute("UPDATE sessions SET hosted_by = 'a server that is gone'")
        if version >= WAITED:
            old.execute(
                "UPDATE session_logs SET pending_server = 'a server that is gone' WHERE id = 1"
            )
        if version >= SEARCHED:
            old.execute("UPDATE search_progress SET below = 5")  # as if indexing was under way
        old.commit()
        names = {
            table: ", ".join(row[1] for row in old.execute(f"PRAGMA table_info({table})"))
            for table in ("sessions", "session_logs")
        }
        kept = [f"SELECT {names[table]} FROM {table} ORDER BY id" for table in names]
        before = [old.execute(statement).fetchall() for statement in kept]
    async with opened(path) as store:
        await store.indexed()
        assert [query(path, statement) for statement in kept] == before
        hits = await store.search("ann", "penguins", limit=9)
        assert len(hits) == 4
        assert await store.memory("ann", talk) == Memory("- likes tea", 1)
        left = await store.take_over("ann", talk, "another server")
        assert [question.id for question in left.questions] == ([1] if version >= HOSTED else [])
        assert not (await store.take_over("ann", ended, "another server")).questions
        assert (await store.metrics("ann", ended)).messages == 2
        assert [s.settings for s in await store.sessions("ann", limit=9)] == 2 * [SessionSettings()]
    async with opened(path.with_name("fresh.db")) as store:
        await store.indexed()
        assert query(path, SHAPE) == query(path.with_name("fresh.db"), SHAPE)


async def test_a_file_of_version_1_reads_in_the_names_of_today(path: Path) -> None:
    """Times end in Z, metrics keep their counts under the first version's names, no row is lost."""
    at, metrics = "2026-01-02T03:04:05.678000+00:00", {"messages": 23, "user_messages": 12}
    metrics |= {"assistant_messages": 11, "user_words": 5, "first_at": at, "tools": {"x": 1}}
    session = str(uuid4())
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as old:
        for statement in schema.migrations()[0]:
            old.execute(statement)
        old.execute("PRAGMA user_version = 1")
        old.execute(
            "INSERT INTO sessions (session_id, user_id, status, start_time, end_time, created_at, "
            "updated_at, title, metrics, last_message_id, message_count) "
            "VALUES (?, 'ann', 'completed', ?, ?, ?, ?, 'Birds', ?, 1, 1)",
            (session, at, at, at, at, json.dumps(metrics)),
        )
        old.execute(
            "INSERT INTO session_logs (session_id, event_type, message, created_at, uid, words) "
            "VALUES (?, 'user', 'a penguin', ?, ?, 2)",
            (session, at, str(uuid4())),
        )
        old.commit()
    z = at.replace("+00:00", "Z")
    async with opened(path) as store:
        (kept,) = await store.sessions("ann", limit=5)
        (message,) = await store.messages("ann", session, limit=5)
        (waiting,) = await store.search("ann", "penguins", limit=5)
        await store.indexed()
        (hit,) = await store.search("ann", "penguins", limit=5)
        (titled,) = await store.search("ann", "bird", limit=5, titles=True)
        before = await store.metrics("ann", session)
        approved = await store.approved_tools("ann")
        await store.append("ann", session, "user", "two words", title="")
        after = await store.metrics("ann", session)
    assert kept.metrics == Metrics(23, 12, 11, 5, first_at=z, tools={"x": 1})
    assert kept.settings == SessionSettings()
    assert approved == []
    assert (kept.started_at, kept.ended_at, kept.updated_at, message.at) == (z, z, z, z)
    assert waiting.message == hit.message == titled.message == message
    assert titled.found_in == "title"
    assert (before.messages, before.user_words) == (1, 2)
    assert (after.messages, after.user_words, after.first_at) == (2, 4, z)
    (stored,) = query(path, "SELECT metrics FROM sessions")
    assert {"total_messages": 23, "user_messages": 12, "ai_messages": 11}.items() <= json.loads(
        str(stored[0])
    ).items()


async def test_an_upgraded_file_is_searched_while_it_is_indexed(path: Path) -> None:
    """Old messages are found before and after, new ones at once; any can be deleted, and progress is known."""
    path.parent.mkdir()
    session = str(uuid4())
    with closing(sqlite3.connect(path)) as old:
        for statements in schema.migrations()[:3]:
            for statement in statements:
                old.execute(statement)
        old.execute("PRAGMA user_version = 3")
        at = "2026-01-02T03:04:05.678000Z"
        old.execute(
            "INSERT INTO sessions (session_id, user_id, start_time, created_at, updated_at, title) "
            "VALUES (?, 'ann', ?, ?, ?, 'T')",
            (session, at, at, at),
        )
        old.executemany(
            "INSERT INTO session_logs (session_id, event_type, message, created_at, uid, words) "
            "VALUES (?, 'user', ?, ?, ?, 2)",
            [(session, f"a penguin {n}", at, str(uuid4())) for n in range(1_000)],
        )
        old.commit()
    with closing(schema.connect(path)) as connection, schema.transaction(connection):
        assert unindexed(connection) == 1_000
        assert reindex(connection)
        assert 0 < unindexed(connection) < 1_000
        for number in (0, 999):
            hits = search(connection, "ann", f"{number}", limit=5)
            assert [hit.message.text for hit in hits] == [f"a penguin {number}"]
        assert search(connection, "bob", "penguin", limit=5) == []
        brief = str(uuid4())
        for number in range(5):
            asked = arguments_of(Store.append)("ann", brief, "user", f"a brief {number}", title="")
            append(connection, **asked)
        delete(connection, user_id="ann", session_id=brief)
        connection.execute("DELETE FROM session_logs WHERE message = 'a penguin 1'")
    async with opened(path) as store:
        await store.append("ann", session, "user", "a new zebra", title="")
        (hit,) = await store.search("ann", "zebra", limit=5)
        await store.indexed()
        (last,) = await store.search("ann", "0", limit=5)
    assert (hit.message.text, last.message.text) == ("a new zebra", "a penguin 0")
    names = {name for (name,) in query(path, "SELECT name FROM sqlite_master")}
    assert "session_logs_search" not in names
    assert query(path, "SELECT count(*) FROM search_terms WHERE id > 0") == [(1_000,)]


@pytest.mark.parametrize("version", [8, 9, 10])
async def test_what_was_cut_otherwise_is_found_and_cut_again(path: Path, version: int) -> None:
    """A file of an earlier cut is searched by its own terms until they are cut as today, each once."""
    path.parent.mkdir()
    at, session = "2026-01-02T03:04:05.678000Z", str(uuid4())
    with closing(sqlite3.connect(path)) as old:
        for statement in itertools.chain(*schema.migrations()[:version]):
            old.execute(statement)
        old.execute(f"PRAGMA user_version = {version}")
        old.execute("UPDATE search_progress SET below = NULL")
        old.execute("DROP TABLE session_logs_search")
        for trigger in ("removed", "changed"):
            old.execute(f"DROP TRIGGER session_logs_{trigger}")
        old.execute(
            "INSERT INTO sessions (session_id, user_id, start_time, created_at, updated_at, title) "
            "VALUES (?, 'ann', ?, ?, ?, 'the sendMail call')",
            (session, at, at, at),
        )
        for n in range(1, 301):
            old.execute(
                "INSERT INTO session_logs (session_id, event_type, message, created_at, uid, words) "
                "VALUES (?, 'user', ?, ?, ?, 2)",
                (session, f"getUserName {n}", at, str(uuid4())),
            )
            old.execute(
                "INSERT INTO search_terms VALUES (?, ?, ?, 2, 0)",
                (n, owner_of("ann"), f" getusernam {n}"),
            )
        old.execute(
            "INSERT INTO search_terms VALUES (-2, ?, ' the sendmail call', 3, 0)",
            (owner_of("ann", "t"),),
        )
        old.commit()
    with closing(schema.connect(path)) as connection, schema.transaction(connection):
        assert unindexed(connection) == 300
        assert [hit.message.id for hit in search(connection, "ann", "getusername 7", limit=1)] == [
            7
        ]
        assert reindex(connection)
        left = 300 - REINDEXED
        assert unindexed(connection) == left
        hits = search(connection, "ann", "user name", limit=500)
        assert {hit.message.id for hit in hits} == set(range(left + 1, 301))
        assert len(search(connection, "ann", "getUserName", limit=500)) == 300
    async with opened(path) as store:
        await store.indexed()
        assert len(await store.search("ann", "user name", limit=500)) == 300
        (hit,) = await store.search("ann", "mail", limit=5, titles=True)
        assert (hit.found_in, (await store.check()).unindexed) == ("title", 0)
    counted = "SELECT documents FROM search_owners WHERE owner = ?"
    with closing(sqlite3.connect(path)) as file:
        assert file.execute(counted, (owner_of("ann"),)).fetchall() == [(300,)]


async def test_an_index_of_many_parts_is_made_whole(path: Path) -> None:
    """Parts that SQLite left apart are merged behind the opening; the same messages are found."""
    wanted = f"ac{50 * 'x'}"
    async with opened(path) as store:
        await store.indexed()
        person, letters = Person(store), "acdefghijklmno"
        for n in range(DIVIDED):
            with closing(schema.connect(path)) as file:
                assert not is_divided(file)
            long = (
                f"{first}{second}{n * 'b'}{50 * 'x'}" for first in letters for second in letters
            )
            await person.say(" ".join(long))
        before = await store.search(person.id, wanted, limit=5)
        with closing(schema.connect(path)) as file:
            assert is_divided(file)
    async with opened(path) as store:
        await store.indexed()
        after = await store.search(person.id, wanted, limit=5)
    with closing(schema.connect(path)) as file:
        assert not is_divided(file)
        assert not reindex(file)
    assert len(before) == 1
    assert before == after


async def test_an_upgraded_file_is_indexed_in_small_steps_with_rests(path: Path) -> None:
    """A transaction indexes a few messages or sessions, a rest of many times as long follows it."""
    sessions = 2 * REINDEXED + 3
    async with opened(path) as store:
        await store.indexed()
        person = Person(store)
        for n in range(sessions):
            await person.say(f"message {n}", session=str(uuid4()), title=f"title {n}")
        for n in range(3):
            await person.say(f"long {n} " + "ab " * REINDEXED_CHARS)
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.execute("UPDATE search_progress SET cut_below = (SELECT max(id) + 1 FROM session_logs)")
        old.execute("DELETE FROM search_terms")
    store = SqliteStore(path)
    written = store.runner.write
    clock = asyncio.get_running_loop().time
    steps: list[tuple[float, float, str]] = []

    async def write(call: Callable[[sqlite3.Connection], object]) -> object:
        began, before = clock(), query(path, "SELECT id FROM search_terms")
        done = await written(call)
        new = {id_ for (id_,) in {*query(path, "SELECT id FROM search_terms")} - {*before}}
        told = f"{sum(id_ > 0 for id_ in new)} {len({-id_ // 2 for id_ in new if id_ < 0})}"
        steps.append((began, clock(), told))
        return done

    store.runner.write = write  # type: ignore[method-assign]  # beside the others of this store
    await store.open()
    await store.indexed()
    await store.close()
    held, left = sessions + 1, sessions + 1 - 2 * REINDEXED
    assert [told for *_, told in steps if told != "0 0"] == [
        *3 * ["1 0"], *2 * [f"{REINDEXED} 0"], "3 0", *2 * [f"0 {REINDEXED}"], f"0 {left}",
    ]  # fmt: skip
    assert query(path, "SELECT count(*) FROM search_terms") == [(sessions + 3 + 2 * held,)]
    for (began, ended, _), (following, *_) in itertools.pairwise(steps):
        assert following - ended >= REST * (ended - began) * 0.9


@pytest.mark.parametrize("kind", ["recall", "search"])
async def test_a_search_reads_the_owners_terms_alone(path: Path, kind: str) -> None:
    """It takes fewer than ten statements, and its plan reads no table but by key or by match."""
    async with opened(path) as store:
        people = [Person(store) for _ in range(2)]
        for person in people:
            for n in range(30):
                await person.say(f"a penguin and the number {n} of a report", session=str(uuid4()))
            await person.say("hello", session=str(uuid4()), title="The zoo's penguin, a report")
    with closing(schema.connect(path)) as connection:
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        question = "Which penguin had the number 12 in the reprot, and what was the zebra?"
        if kind == "recall":
            hits = search(connection, people[0].id, question, limit=10, distinct=True)
            assert len(hits) == 3
        else:
            hits = search(connection, people[0].id, "penguin reprot", limit=10, titles=True)
            assert (hits[0].found_in, len(hits)) == ("title", 10)
        connection.set_trace_callback(None)
        own = [s for s in statements if "FROM 'main'" not in s and "'main'." not in s]
        own = [s for s in own if re.match(r"\s*SELECT", s) and "search_index_" not in s]
        assert len(own) < 10
        plans = [
            row[3]
            for statement in own
            for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")
        ]
    scanned = {
        plan
        for plan in plans
        if plan.startswith("SCAN") and "VIRTUAL TABLE" not in plan and "subquery" not in plan
    }
    assert scanned <= {"SCAN search_progress", "SCAN CONSTANT ROW"}
    matches = [statement for statement in own if "MATCH" in statement]
    assert matches
    assert all(owner_of(people[0].id, "") in statement for statement in matches)


async def test_few_messages_are_found_as_many_are(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which have a word is read at once or counted before; hits, order and scores are the same."""
    async with opened(path) as store:
        person = Person(store)
        sessions = [str(uuid4()) for _ in range(7)]
        last = 0
        for n in range(120):
            text = (
                f"A {'penguin' if n % 3 else 'Zebra'} reads report {n % 9} of e-mail {n}, 天气 AT&T"
            )
            last = (await person.say(text[: 20 + n % 50], session=sessions[n * n % 7])).id
    queries = ("penguin", "zebra report 7", "pengiun email", "天", "天气 reads", "nothing 119")
    options: list[dict[str, Any]] = [
        {"distinct": True, "about_records": False},
        {"titles": True},
        {"before": last - 40, "left_out": [last - 50, last]},
        {"distinct": True, "before": last - 40, "left_out": [last - 41]},
        {"session_id": sessions[2]},
    ]
    scored = {"SCORED": 16, "RANKED": 16}
    with closing(schema.connect(path)) as connection:
        found: list[list[object]] = []
        for limits in ({"FEW": 1_000}, {"FEW": 0}, {"FEW": 1_000, **scored}, {"FEW": 0, **scored}):
            for name, limit in limits.items():
                monkeypatch.setattr(f"genpy_server.stores.sqlite.search.{name}", limit)
            found.append([])
            for query, option in itertools.product(queries, options):
                found[-1] += search(connection, person.id, query, limit=8, **option)
    assert found[0] == found[1]
    assert found[2] == found[3] != found[1]
    assert len(found[0]) > 100


async def test_only_so_much_of_frequent_words_is_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound, what has all of the words is found first, and of one word the newest."""
    async with opened(path) as store:
        person = Person(store)
        ids = []
        for n in range(150):
            every = [
                word for word, step in (("penguin", 1), ("zebra", 2), ("otter", 3)) if n % step == 0
            ]
            rare = ["heron"] if n in {7, 125} else []
            ids.append((await person.say(f"note {' '.join([*every, *rare])}")).id)
    with closing(schema.connect(path)) as connection:

        def found(query: str, **options: Any) -> list[int]:
            hits = search(connection, person.id, query, limit=12, about_records=False, **options)
            return [hit.message.id for hit in hits]

        read = monkeypatch.setattr
        queries = ("penguin zebra otter", "penguin zebra otter heron", "penguin zebra", "penguin")
        recalled = found(queries[1], distinct=True)
        read("genpy_server.stores.sqlite.search.READ", 60)
        read("genpy_server.stores.sqlite.search.SCORED", 20)
        bounded = [found(query) for query in queries]
        assert set(bounded[0]) < {ids[n] for n in range(0, 150, 6)}
        assert len(bounded[0]) == 12
        assert set(bounded[1][:2]) == {ids[7], ids[125]}
        assert set(bounded[2]) < set(ids[::2])
        assert min(bounded[3]) >= ids[-60]
        assert found(queries[1], distinct=True)[0] == recalled[0]
        assert max(found("zebra otter", before=ids[100])) < ids[100]


async def test_the_only_message_of_a_user_is_not_looked_for(path: Path) -> None:
    """Where the question is the only message the index is not read, as the question is left out."""
    async with opened(path) as store:
        people = [Person(store) for _ in range(2)]
        asked, _ = [await person.say("Which penguin?") for person in people]
        await people[1].say("The penguin of the zoo")
    with closing(schema.connect(path)) as connection:
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        for person, hits in zip(people, (0, 1), strict=True):
            statements.clear()
            query = partial(search, connection, person.id, "Which penguin?", limit=9, distinct=True)
            assert len(query(left_out=[asked.id, asked.id + 1])) == hits
            assert any("search_index" in statement for statement in statements) is bool(hits)


async def test_a_failed_upgrade_changes_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade is whole or not at all."""
    await open_once(path)
    first = schema.migrations()
    broken = (*first, ("ALTER TABLE sessions ADD COLUMN colour text", "no SQL"))
    monkeypatch.setattr(schema, "migrations", lambda: broken)
    monkeypatch.setattr(schema, "VERSION", len(broken))
    with pytest.raises(StoreError):
        await open_once(path)
    monkeypatch.undo()
    async with opened(path):
        columns = query(path, "SELECT name FROM pragma_table_info('sessions')")
    assert ("colour",) not in columns


async def test_a_newer_file_is_refused(path: Path) -> None:
    """A file of a later version is left alone, and the sentence says to upgrade."""
    await open_once(path)
    query(path, "PRAGMA user_version = 99")
    with pytest.raises(StoreSchemaMissing, match=r"newer GenPy.*Upgrade"):
        await open_once(path)
    assert query(path, "PRAGMA user_version") == [(99,)]


async def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    """No table is added to somebody else's database, and its journal stays as it was."""
    path = tmp_path / "other.db"
    query(path, "CREATE TABLE bookmarks (url text)")
    before = path.read_bytes()
    with pytest.raises(StoreSchemaMissing, match="another program"):
        await open_once(path)
    assert path.read_bytes() == before


# Errors


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """Text in the place of the database is named and left alone."""
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary, " * 100)
    with pytest.raises(StoreSchemaMissing, match=r"notes\.txt is not an SQLite database"):
        await open_once(path)
    assert path.read_text().startswith("Dear diary")


async def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    """A path that is a folder cannot be opened, and the sentence says what to set."""
    with pytest.raises(StoreUnavailable, match="GENPY_DATABASE"):
        await open_once(tmp_path)


async def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    """A path below a file cannot be made."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="GENPY_DATABASE"):
        await open_once(tmp_path / "file" / "db")


@contextmanager
def no_superuser() -> Iterator[None]:
    """Permissions do not hold for root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@posix
async def test_a_folder_that_is_not_writable(tmp_path: Path) -> None:
    """The sentence names the folder's fault and the setting."""
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    sentence = r"not writable.*GENPY_DATABASE"
    with no_superuser(), pytest.raises(StoreForbidden, match=sentence):
        await open_once(folder / "genpy.db")


async def test_a_full_disk_fails_who_needs_the_space(path: Path) -> None:
    """A write that does not fit says that the disk is full; smaller ones go on."""
    async with opened(path) as store:
        person = Person(store)
        await person.say("before")
        await store.run(store.runner.write, limited(1))
        with pytest.raises(StoreError, match="full"):
            await person.say("x" * 100_000)
        stored = await store.messages(person.id, person.session, limit=9)
        assert [message.text for message in stored] == ["before"]
        await store.run(store.runner.write, limited(100_000))
        await person.say("after")


def limited(pages: int) -> Callable[[sqlite3.Connection], None]:
    """Lets the file grow by so many pages at most."""

    def limit(connection: sqlite3.Connection) -> None:
        (used,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {used + pages}")

    return limit


async def test_a_database_that_stays_locked(path: Path) -> None:
    """Another program's lock is waited for a while, then named; what is indexed is found meanwhile."""
    async with opened(path, busy_seconds=0.02) as store:
        person = Person(store)
        said = await person.say("a penguin")
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("INSERT INTO search_missing VALUES (-198)")
        with held_up(path) as let_go:
            assert [hit.message for hit in await store.search(person.id, "penguin", limit=5)] == [
                said
            ]
            with pytest.raises(StoreTimeout, match="locked"):
                await person.say("x")
            let_go()
        await person.say("x")


async def test_a_new_file_that_another_process_is_making(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite does not wait to change a file to WAL; the store does, but not for ever."""
    path = tmp_path / "genpy.db"
    with held_up(path) as let_go:
        with pytest.raises(StoreTimeout, match="locked"):
            await open_once(path, busy_seconds=0.02)
        clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: let_go())
        monkeypatch.setattr(schema, "time", clock)
        async with opened(path) as store:
            await Person(store).say("x")


def _behind_a_link(path: Path) -> None:
    path.symlink_to(path.rename(path.with_name("elsewhere.db")))


def _replace_by_a_copy(path: Path) -> None:
    copy = path.with_name("copy.db")
    copy.write_bytes(path.read_bytes())
    copy.replace(path)


def _overwrite(path: Path) -> None:
    """As `cp` does: the same file with a complete copy of its earlier content."""
    copy = path.with_name("copy.db")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    path.write_bytes(copy.read_bytes())


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.rename(path.with_name("elsewhere.db")),
        lambda path: path.parent.rename(path.parent.with_name("elsewhere")),
        _behind_a_link,
        _replace_by_a_copy,
        lambda path: path.unlink(),
        lambda path: schema.log_of(path).unlink(),
        lambda path: path.write_bytes(b""),
        _overwrite,
    ],
    ids=["moved", "folder moved", "link", "a copy", "removed", "log removed", "emptied", "written"],
)
@pytest.mark.skipif(os.name == "nt", reason="Windows keeps open files where they are")
async def test_a_file_that_is_not_there_is_noticed(
    tmp_path: Path, harm: Callable[[Path], object]
) -> None:
    """No write is acknowledged, and `check` says so, though the connections go on."""
    path = tmp_path / "folder" / "genpy.db"
    async with opened(path) as store:
        person = Person(store)
        await person.say("x")
        await store.check()
        harm(path)
        for work in (store.check(), person.say("y"), person.say("z")):
            with pytest.raises(StoreUnavailable, match=r"moved or removed|overwritten by another"):
                await work


@pytest.mark.skipif(os.name == "nt", reason="The time of an open file changes late on Windows")
async def test_an_overwritten_file_is_not_written(path: Path) -> None:
    """No commit is mixed with what another program wrote, and a checkpoint before hides nothing."""
    async with opened(path) as store:
        person = Person(store)
        await person.say("x")
        await store.runner.write(lambda _: schema.checkpoint(path))
        await person.say("y")
        _overwrite(path)
        log = schema.log_of(path).read_bytes()
        with pytest.raises(StoreUnavailable, match="Stop GenPy, then copy"):
            await person.say("z")
        assert schema.log_of(path).read_bytes() == log


@pytest.mark.skipif(os.name == "nt", reason="The time of an open file changes late on Windows")
async def test_an_overwritten_file_is_noticed_after_a_crash(path: Path, tmp_path: Path) -> None:
    """The log of a killed server is copied into the file when it is opened, so that nothing is in doubt."""
    crashed = tmp_path / "crashed"
    async with opened(path) as store:
        await Person(store).say("x")
        shutil.copytree(path.parent, crashed, ignore=shutil.ignore_patterns("*-shm"))
    async with opened(crashed / path.name) as store:
        await store.indexed()
        await store.check()
        _overwrite(crashed / path.name)
        with pytest.raises(StoreUnavailable, match="overwritten"):
            await store.check()


def _restore(path: Path) -> None:
    copy = path.with_name("copy.db")
    with closing(sqlite3.connect(path)) as own, closing(sqlite3.connect(copy)) as other:
        own.backup(other)
        other.backup(own)
        own.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(
    "change",
    [
        lambda path: _execute(path, "PRAGMA wal_checkpoint(PASSIVE)"),
        lambda path: _execute(path, "PRAGMA wal_checkpoint(TRUNCATE)"),
        lambda path: _execute(path, "VACUUM", "PRAGMA wal_checkpoint(RESTART)"),
        lambda path: _execute(
            path, "PRAGMA wal_checkpoint", "CREATE TABLE IF NOT EXISTS t (a)", "VACUUM"
        ),
        _restore,
    ],
    ids=["passive", "truncate", "vacuum", "twice", "restored by SQLite"],
)
async def test_what_sqlite_writes_is_not_an_overwritten_file(
    path: Path, change: Callable[[Path], object]
) -> None:
    """Whatever other connections copy into the file, messages are acknowledged."""
    async with opened(path) as store:
        person = Person(store)
        for _ in range(3):
            await person.say("x")
            change(path)
            await store.check()
        await person.say("y")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreTimeout),
        (sqlite3.SQLITE_READONLY_DIRECTORY, StoreForbidden),
        (sqlite3.SQLITE_CANTOPEN_ISDIR, StoreUnavailable),
        (sqlite3.SQLITE_IOERR_FSYNC, StoreUnavailable),
        (sqlite3.SQLITE_CORRUPT_INDEX, StoreError),
        (sqlite3.SQLITE_NOMEM, StoreError),
        (None, StoreError),
    ],
)
def test_every_error_has_a_sentence_with_the_file(code: int | None, kind: type[StoreError]) -> None:
    """An extended code is known by its kind, and an unknown one still says what happened."""
    error = sqlite3.OperationalError("out of luck")
    if code is not None:
        error.sqlite_errorcode = code
    ours = translated(error, Path("/somewhere/genpy.db"))
    assert type(ours) is kind
    assert "/somewhere/genpy.db" in ours.message or os.sep != "/"
    assert ours.message.endswith(".")


# Commits


async def test_writes_that_wait_together_share_a_commit(path: Path) -> None:
    """A thousand messages at once take a few commits, each answered after its own."""
    store = SqliteStore(path)
    statements = traced(store)
    await store.open()
    person = Person(store)
    await asyncio.gather(*(person.say(f"{n}") for n in range(1_000)))
    commits = statements.count("COMMIT")
    await store.close()
    assert 4 <= commits <= 20
    assert query(path, "SELECT count(*) FROM session_logs") == [(1_000,)]


async def test_to_open_a_session_takes_one_read_and_one_write(path: Path) -> None:
    """A session that is not stored takes the read alone."""
    store = SqliteStore(path)
    statements = traced(store)
    await store.open()
    await store.indexed()
    person = Person(store)
    await person.say("hello")
    for session, writes in ((person.session, 1), (str(uuid4()), 0)):
        statements.clear()
        opened = await store.attach(person.id, session, limit=9, live_seconds=60, server="a")
        assert len(opened.messages) == writes
        assert [s for s in statements if s.startswith("BEGIN")] == [
            "BEGIN", *["BEGIN IMMEDIATE"] * writes
        ]  # fmt: skip
    await store.close()


async def test_a_turn_takes_few_statements_and_pages(path: Path) -> None:
    """Six for a message, seven for its reply, and 26 pages for both on the average."""
    store = SqliteStore(path)
    statements = traced(store)
    await store.open()
    await store.indexed()
    person = Person(store)
    say = partial(store.append, person.id, person.session, title="T", live_seconds=60, server="a")
    await say("user", "hello", client_id="first")
    log = path.with_name(f"{path.name}-wal")
    statements.clear()
    before, turns = log.stat().st_size, 12
    for number in range(turns):
        for role in ("user", "assistant"):
            await say(
                role, f"What is said in turn {number} by the {role}", client_id=f"{role}{number}"
            )
    group = ("BEGIN", "COMMIT")  # a write alone needs no savepoint
    # What a trigger runs is traced as the statement that it belongs to.
    own = [
        s for s, _ in itertools.groupby(s for s in statements if not s.startswith(("--", *group)))
    ]
    pages = (log.stat().st_size - before) / (4096 + 24)
    await store.close()
    assert statements.count("COMMIT") == 2 * turns
    assert len(own) / turns <= 6 + 7
    assert pages / turns <= 26


async def test_a_lease_is_written_again_when_a_third_of_it_is_over(path: Path) -> None:
    """Before that neither a message nor `touch` writes it."""

    def leases() -> list[tuple[object, ...]]:
        return query(
            path, "SELECT live_until, until, server FROM sessions JOIN hosts USING (session_id)"
        )

    async with opened(path) as store:
        person = Person(store)
        send = partial(store.append, person.id, person.session, "user", title="T", live_seconds=60)
        await send("one", server="a")
        first = leases()
        await send("two", server="a")
        sent = leases()
        before = await store.run(store.runner.write, lambda c: c.total_changes)
        await store.touch({person.session: ""}, 60, "a")
        assert await store.run(store.runner.write, lambda c: c.total_changes) == before
        assert (first[0][1:], leases()) == (sent[0][1:], sent)
        for left in (39, 61):  # seconds of a lease that is to be renewed, and of a longer one
            until = f"strftime({schema.TIME}, 'now', '+{left} seconds')"
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute(f"UPDATE sessions SET live_until = {until}")
                other.execute(f"UPDATE hosts SET until = {until}")
            set_to = leases()
            await store.touch({person.session: ""}, 60, "a")
            assert all(
                set(old[:2]).isdisjoint(new[:2]) for old, new in zip(set_to, leases(), strict=True)
            )
        await store.touch({person.session: ""}, 60, "b")
        assert [row[2] for row in leases()] == ["a", "b"]


@contextmanager
def held_up(path: Path) -> Iterator[Callable[[], None]]:
    """Makes writers wait, as another process does; call what it gives to let them go."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield lambda: other.execute("ROLLBACK") and None


async def answers_together(
    path: Path, writes: Sequence[Coroutine[Any, Any, Any]]
) -> list[BaseException | Any]:
    """What writes return or raise that wait together for another process."""
    with held_up(path) as let_go:
        waiting = asyncio.gather(*writes, return_exceptions=True)
        await asyncio.sleep(0)
        let_go()
        return await waiting


def half_done(connection: sqlite3.Connection) -> None:
    """A write with a bug in its middle."""
    connection.execute("UPDATE sessions SET title = 'half'")
    raise ZeroDivisionError


def ends_the_transaction(connection: sqlite3.Connection) -> None:
    """A write after which SQLite rolls everything back, as after some errors of the disk."""
    connection.execute("ROLLBACK")
    raise sqlite3.OperationalError("disk on fire")


async def test_a_failing_write_does_not_spoil_its_neighbours(path: Path) -> None:
    """A conflict and a bug are their caller's; the others still share one commit."""
    store = SqliteStore(path)
    statements = traced(store)
    await store.open()
    person = Person(store)
    send = partial(store.append, person.id, person.session, "user", title="T", client_id="a")
    await send("first")
    await store.indexed()
    statements.clear()
    before, after = ([person.say(f"{n}") for n in range(50)] for _ in range(2))
    writes = [
        *before,
        send("other"),
        store.run(store.runner.write, half_done),
        send("first"),
        *after,
    ]
    answers = await answers_together(path, writes)
    session = await store.session(person.id, person.session)
    await store.close()
    conflict, bug, duplicate = answers[50:53]
    assert isinstance(conflict, Conflict)
    assert isinstance(bug, ZeroDivisionError)
    assert duplicate.duplicate
    assert {type(answer) for answer in [*answers[:50], *answers[53:]]} == {Message}
    assert statements.count("COMMIT") <= 3
    assert session is not None
    assert (session.title, session.message_count) == ("T", 101)


async def test_a_write_that_ends_the_transaction_fails_alone(path: Path) -> None:
    """When SQLite rolls back a whole commit, its other writes are committed one by one."""
    store = SqliteStore(path)
    await store.open()
    person = Person(store)
    before, after = ([person.say(f"{n}") for n in range(5)] for _ in range(2))
    answers = await answers_together(
        path, [*before, store.run(store.runner.write, ends_the_transaction), *after]
    )
    stored = await store.messages(person.id, person.session, limit=20)
    await store.close()
    (lost,) = [answer for answer in answers if isinstance(answer, BaseException)]
    assert isinstance(lost, StoreError)
    assert "disk on fire" in lost.message
    assert sorted(m.id for m in stored) == sorted(m.id for m in answers if m is not lost)
    assert len(stored) == 10


async def test_a_full_disk_spares_what_fits(path: Path) -> None:
    """Of writes that wait together only the one that needs the space fails."""
    store = SqliteStore(path)
    await store.open()
    person = Person(store)
    await store.run(
        store.runner.write,
        lambda connection: connection.execute("PRAGMA max_page_count = 40") and None,
    )
    answers = await answers_together(
        path, [person.say("a"), person.say("x" * 1_000_000), person.say("b")]
    )
    await store.close()
    assert [type(answer) for answer in answers] == [Message, StoreError, Message]


async def test_a_lock_fails_all_who_waited_once(path: Path) -> None:
    """When another program keeps the file, a hundred waiting writers fail after one wait."""
    store = SqliteStore(path, busy_seconds=0.5)
    await store.open()
    person = Person(store)
    with held_up(path) as let_go:
        async with asyncio.timeout(25):
            answers = await asyncio.gather(
                *(person.say("x") for _ in range(100)), return_exceptions=True
            )
        let_go()
    assert all(isinstance(answer, StoreTimeout) for answer in answers)
    await person.say("x")
    await store.close()


async def test_a_long_read_delays_no_write(path: Path) -> None:
    """With every reader at work a message is committed all the same."""
    store = SqliteStore(path)
    await store.open()
    person = Person(store)
    started, go_on = Semaphore(0), Event()

    def read_for_long(connection: sqlite3.Connection) -> object:
        (count,) = connection.execute("SELECT count(*) FROM session_logs").fetchone()
        started.release()
        assert go_on.wait(PATIENCE)
        again = connection.execute("SELECT count(*) FROM session_logs").fetchone()
        return count, *again

    reads = [asyncio.create_task(store.run(store.runner.read, read_for_long)) for _ in range(10)]
    async with asyncio.timeout(PATIENCE / 2):
        for _ in range(READERS):
            await asyncio.to_thread(started.acquire)
        await person.say("x")
    go_on.set()
    first, *_, last = await asyncio.gather(*reads)
    await store.close()
    assert first == (0, 0)
    assert last == (1, 1)


async def test_a_read_lets_the_statements_of_a_write_go_first(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a write that was asked for before it, but not of one that takes long."""
    store = SqliteStore(path)
    await store.open()
    write, read = store.runner.write, store.runner.read
    has_read = Event()
    waited, _ = await asyncio.gather(
        write(lambda _: has_read.wait(10)), read(lambda _: has_read.set())
    )
    monkeypatch.setattr(runner, "WRITE_SECONDS", 10)
    order = list[str]()
    for _ in range(50):
        await asyncio.gather(
            write(lambda _: order.append("write")), read(lambda _: order.append("read"))
        )
    await store.close()
    assert waited
    assert order == 50 * ["write", "read"]


async def test_a_read_that_is_held_beside_a_write_ends_before_the_store_is_closed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is held until the statements of the write are executed, or the store closes."""
    monkeypatch.setattr(runner, "WRITE_SECONDS", 60)
    store = SqliteStore(path)
    await store.open()
    may_write = Event()
    write = asyncio.create_task(store.runner.write(lambda _: may_write.wait(10)))
    read = asyncio.create_task(store.runner.read(lambda _: "read"))
    await asyncio.sleep(0)
    closing = asyncio.create_task(store.close())
    try:
        async with asyncio.timeout(PATIENCE):
            assert await read == "read"
    finally:
        may_write.set()
    assert await write
    await closing


@pytest.mark.parametrize("opens", [True, False])
async def test_a_reader_is_started_when_the_others_are_busy(path: Path, opens: bool) -> None:
    """One is enough for one read at a time; where no further one can be opened, it reads all."""
    store = SqliteStore(path)
    await store.open()
    await store.session("nobody", str(uuid4()))
    assert len(store.runner._lanes) == 2

    def out_of_descriptors() -> sqlite3.Connection:
        raise sqlite3.OperationalError("unable to open database file")

    if not opens:
        store.runner.connect = out_of_descriptors
    found = await asyncio.gather(*(store.session("nobody", str(uuid4())) for _ in range(20)))
    assert found == [None] * 20
    assert len(store.runner._lanes) == (1 + READERS if opens else 2)
    await store.close()


async def test_searches_for_replies_run_one_at_a_time(path: Path) -> None:
    """They would delay each other, and every token; a person's own search waits for none."""
    store = SqliteStore(path)
    await store.open()
    read, running, most = store.runner.read, 0, 0

    async def counted(call: Callable[[sqlite3.Connection], Any]) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            return await read(call)
        finally:
            running -= 1

    store.runner.read = counted  # type: ignore[method-assign]  # beside the others of this store
    for distinct, at_once in ((True, 1), (False, 5)):
        await asyncio.gather(
            *(store.search("u", "gecko", limit=5, distinct=distinct) for _ in range(5))
        )
        assert most == at_once
    await store.close()


async def test_closing_finishes_what_is_under_way(path: Path) -> None:
    """Writes asked for before `close` are committed, calls after it are refused."""
    store = SqliteStore(path)
    await store.open()
    person = Person(store)
    writes = [asyncio.create_task(person.say("x")) for _ in range(300)]
    await asyncio.sleep(0)
    await store.close()
    store.check_file()  # as each write does once it is committed: SQLite has removed the log
    assert len({message.id for message in await asyncio.gather(*writes)}) == 300
    with pytest.raises(StoreUnavailable):
        await person.say("y")
    with pytest.raises(StoreUnavailable):
        await store.check()
    await store.close()


async def test_a_caller_who_stops_waiting_stops_nobody_else(path: Path) -> None:
    """Cancelling one of many waiting writers leaves the others theirs."""
    store = SqliteStore(path)
    await store.open()
    person = Person(store)
    with held_up(path) as let_go:
        writes = [asyncio.create_task(person.say("x")) for _ in range(20)]
        await asyncio.sleep(0)
        writes[7].cancel()
        let_go()
        answers = await asyncio.gather(*writes, return_exceptions=True)
    await store.close()
    assert [type(answer).__name__ for answer in answers].count("Message") == 19


async def test_a_store_that_did_not_open_can_be_closed(tmp_path: Path) -> None:
    """A failed `open` leaves no thread behind, and another one may succeed."""
    path = tmp_path / "genpy.db"
    path.mkdir()
    store = SqliteStore(path)
    with pytest.raises(StoreUnavailable):
        await store.open()
    assert store.runner._lanes == []
    await store.close()
    path.rmdir()
    await store.open()
    await Person(store).say("x")
    await store.close()


async def test_a_closed_store_refuses(path: Path) -> None:
    """A store used before `open` says so, and makes no file."""
    store = SqliteStore(path)
    with pytest.raises(StoreUnavailable):
        await store.check()
    assert not path.exists()


async def test_a_search_that_is_given_up_is_interrupted(path: Path) -> None:
    """A read whose caller stopped waiting ends, and its reader serves the next one."""
    store = SqliteStore(path)
    await store.open()
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    started = Semaphore(0)

    def read_for_ever(connection: sqlite3.Connection) -> object:
        started.release()
        return connection.execute(endless).fetchone()

    reads = [
        asyncio.create_task(store.run(store.runner.read, read_for_ever)) for _ in range(READERS)
    ]
    for _ in range(READERS):
        await asyncio.to_thread(started.acquire)
    for read in reads:
        read.cancel()
    async with asyncio.timeout(PATIENCE):
        assert await store.session("nobody", str(uuid4())) is None
    await store.close()


async def test_appending_beside_other_sessions_stays_in_order(path: Path) -> None:
    """`previous_id` never skips over a message another connection wrote."""
    async with opened(path) as one, opened(path) as two:
        user, session = "u", str(uuid4())
        last = 0
        for n in range(10):
            store = (one, two)[n % 2]
            done = await store.append(user, session, "user", f"{n}", title="")
            assert done.previous_id == last
            last = done.message.id
