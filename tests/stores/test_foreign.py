"""Rows that another program wrote: each is shown as well as it can be, and spoils no list."""

import asyncio
import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from itertools import chain
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.raw_client import Peer
from support.running_server import serving
from support.users import Person

from genpy_server.core.models import (
    Memory,
    Message,
    MessageMeta,
    Metrics,
    Session,
    SessionStatus,
    ToolRecord,
    Usage,
)
from genpy_server.runs.history import Conversation
from genpy_server.stores.base import Result
from genpy_server.stores.foreign import message_of, read, read_json, texts_of
from genpy_server.stores.sqlite.store import SqliteStore
from genpy_server.stores.supabase.store import SupabaseStore
from genpy_server.wire import Send

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
KINDS = (Session, Message, MessageMeta, Metrics)
STATUSES: tuple[SessionStatus, ...] = ("active", "completed")

NO_TOKENS = ("1.5", "1e300", "-3", '"7"', "null", "[]", "9223372036854775807", "1" + 30 * "0")
"""What may stand for a number of tokens, as JSON."""
USAGES = [f'{{"usage": {{"prompt_tokens": {n}, "completion_tokens": 2}}}}' for n in NO_TOKENS]


@pytest.mark.parametrize("kind", [MessageMeta, Metrics])
@given(value=JSON)
def test_any_value_is_read(kind, value):
    """Whatever JSON stands in a column, a value of the kind comes of it."""
    assert isinstance(read(kind, value), kind)
    assert isinstance(read_json(kind, msgspec.json.encode(value).decode()), kind)
    assert all(isinstance(text, str) for text in texts_of(value))


@given(data=st.data())
def test_fields_that_fit_are_kept(data):
    """Of a row with odd fields every other field is as it was written."""
    good = {"intent": "tutorial", "model": "m", "ms": 1.5, "status": "done"}
    name = data.draw(st.sampled_from(["tools", "usage", "run", "reply_to", "unknown"]))
    odd = data.draw(JSON.filter(lambda value: value is not None))
    meta = read(MessageMeta, good | {name: odd})
    assert (meta.intent, meta.model, meta.ms, meta.status) == ("tutorial", "m", 1.5, "done")


def test_members_that_fit_are_kept():
    """An unreadable member of a list or a mapping is left out alone; a readable part of it stays."""
    good = {"name": "search", "args": {"query": "tea"}, "result": "- tea"}
    partly = {"name": "shelf", "ms": "slow", "result": "A3"}
    meta = read(MessageMeta, {"tools": [good, {"ok": True}, 7, partly, {"name": 5}]})
    kept = (
        ToolRecord("search", {"query": "tea"}, result="- tea"),
        ToolRecord("shelf", result="A3"),
    )
    assert meta.tools == kept
    metrics = read(Metrics, {"tools": {"search": 2, "shelf": "many"}, "intents": {"code": 1.5}})
    assert (metrics.tools, metrics.intents) == ({"search": 2}, {})


def test_a_session_without_title_and_times_is_shown() -> None:
    """Required fields that cannot be read have a default; the others stay."""
    row = {
        "session_id": str(uuid4()),
        "user_id": "u",
        "title": None,
        "status": "ended",
        "summary": "s",
    }
    session = read(Session, row)
    assert (session.title, session.status, session.summary) == ("Untitled", "completed", "s")
    assert session.started_at.endswith("Z")


JSONS = [
    *("null", "-3", '"text"', '[1, null, "a", {}]', "{}", '{"total_messages": -5}'),
    '{"total_messages": 1.5, "usage": {"prompt_tokens": -1}, "model": "m", "params": {"stop": 5}}',
    '{"total_messages": 99999999999999999999999, "user_words": "7", "reply_to": "a", "usage": 5}',
    '{"total_messages": 3, "tools": [{}, {"name": 5}, 7], "intents": 5, "last_at": "yesterday"}',
    '{"total_messages": 3, "tools": {"a": "b"}, "intents": {"tutorial": -1}, "first_at": "9999-99"}',
    '{"total_messages": 3, "first_at": "infinity", "prompt_tokens": -1, "run": {}, "status": "odd"}',
    '{"model": {"a": 1}, "params": {"temperature": 99}, "system": [], "intent": [], "ms": "slow"}',
]
TEXTS = ["NULL", "''", "'rubbish'", "'\x1b[31m'"]
TIMES = ["NULL", "'2020-01-01'", "'0999-01-01'", "'2020-01-01 00:00:00'"]
NUMBERS = ["NULL", "-1", "2147483647", "-2147483648"]
UNKNOWN = ["'tool'", "''", "'ended'"]
NOT_TEXT = ["5", "1e300", "x'fffe'", "CAST(x'fffe' AS TEXT)"]

COLUMNS = {
    "sessions": {
        "JSON": "topics metrics counts settings",
        "TEXT": "title note summary sentiment ending_token ending_server hosted_by memory "
        "key_outcomes",
        "TIME": "start_time end_time created_at updated_at rated_at live_until ending_until",
        "NUMBER": "last_message_id message_count memory_upto ending_attempts",
        "CHECKED": "status",
    },
    "session_logs": {
        "JSON": "metadata",
        "TEXT": "message client_id",
        "TIME": "created_at",
        "NUMBER": "words",
        "CHECKED": "event_type",
    },
}
"""What another program may write, by the kind of the column."""
IN_SQLITE = {
    "JSON": [f"'{value}'" for value in (*JSONS, "not JSON", '{"a":', 3_000 * "[")] + NOT_TEXT,
    "TEXT": TEXTS + NOT_TEXT,
    "TIME": [*TIMES, *NOT_TEXT, "'yesterday'", "'9999-12-31T23:59:59.999999Z'", "'2020-99-01'"],
    "NUMBER": [*NUMBERS, *NOT_TEXT, "1.5", "'x'", "9223372036854775807"],
    "CHECKED": UNKNOWN,
}
IN_SUPABASE = {
    "JSON": [f"'{value}'" for value in JSONS],
    "TEXT": TEXTS,
    "TIME": [*TIMES, "'infinity'", "'-infinity'", "'0044-03-15 BC'", "'294276-01-01'"],
    "NUMBER": NUMBERS,
    "CHECKED": UNKNOWN,
}


def odd_rows(kinds: dict[str, list[str]]) -> dict[str, list[str]]:
    """The statements that fill the row of each session with odd values, every one in every column."""
    rows: dict[str, list[str]] = {str(uuid4()): [] for _ in range(max(map(len, kinds.values())))}
    columns = [
        (table, column, kinds[kind])
        for table, kind_columns in COLUMNS.items()
        for kind, names in kind_columns.items()
        for column in names.split()
    ]
    for number, (session, statements) in enumerate(rows.items()):
        where = f"session_id = '{session}'"
        for place, (table, column, values) in enumerate(columns):
            value = values[(number + place) % len(values)]
            of_reply = " AND event_type = 'ai'" if table == "session_logs" else ""
            statements.append(f"UPDATE {table} SET {column} = {value} WHERE {where}{of_reply}")
    return rows


async def two_messages(store, person: Person, session: str) -> None:
    meta = MessageMeta(intent="tutorial", usage=Usage(3, 4), tools=(ToolRecord("search"),))
    await person.say("the penguin", session=session)
    await person.say("a reply", session=session, role="assistant", meta=meta)


async def is_usable(store, user: str, session: str) -> None:
    """Everything that GenPy does with a session can be done with it."""
    opened = await store.attach(user, session, limit=9, live_seconds=60, server="s")
    assert [m.id for m in opened.messages] == sorted(m.id for m in opened.messages)
    assert len(opened.messages) == 2
    assert (await store.metrics(user, session)).messages == 2
    assert await store.search(user, "penguin", limit=9, session_id=session)
    await store.append(user, session, "user", "more", title="t", server="s", live_seconds=60)
    assert (await store.metrics(user, session)).messages == 3
    await store.touch({session: "another state"}, 60, "s")
    memory = await store.memory(user, session)
    assert await store.extend_memory(user, session, Memory("m", 1), previous=memory)
    ending = await store.claim_ending(user, session, lease_seconds=60, again=True, messages=9)
    result = Result(Metrics(3), "It was short.", title="Another", title_before="Renamed")
    assert (await store.rename(user, session, "Renamed")).title == "Renamed"
    ended = await store.finish_ending(ending, result)
    assert (ended.title, ended.summary) == ("Another", "It was short.")
    assert (await store.rate(user, session, 5)).rating == 5
    await store.delete(user, session)


async def spoil_nothing(store, person: Person, odd: dict[str, list[str]]) -> None:
    """A user's lists go on over odd sessions, and each of these can be used."""
    times = {"since": "1950-01-01T00:00:00Z", "until": "2950-01-01T00:00:00Z"}
    either = [await store.sessions(person.id, limit=999, status=one) for one in STATUSES]
    assert {session.id for session in chain(*either)} >= set(odd)
    good = str(uuid4())
    await two_messages(store, person, good)
    for asked in ({}, {"query": "t"}, times):
        found = await store.sessions(person.id, limit=999, **asked)
        assert good in {session.id for session in found}
        assert asked or {session.id for session in found} == {good, *odd}
        for session in found:
            datetime.fromisoformat(session.started_at).astimezone()
    paged: list[Session] = []
    while page := await store.sessions(
        person.id, limit=3, before=paged[-1].last_message_id if paged else None
    ):
        paged += page
    assert sorted(session.id for session in paged) == sorted([good, *odd])
    assert paged == await store.sessions(person.id, limit=999)
    hits = await store.search(person.id, "penguin", limit=999, titles=True)
    assert {hit.message.session_id for hit in hits} == {good, *odd}
    assert all(row.day > "2020" for row in await store.usage(person.id, since=times["since"]))
    await store.interrupted(9, users=[person.id])
    await store.abandoned(999, users=[person.id], never_hosted=True)
    uses = (is_usable(store, person.id, session) for session in odd)
    outcomes = await asyncio.gather(*uses, return_exceptions=True)
    failed = [
        f"{error!r:.300}\n  " + "\n  ".join(statements)
        for statements, error in zip(odd.values(), outcomes, strict=True)
        if error is not None
    ]
    assert not failed, "\n".join(failed)


async def test_what_other_programs_write_spoils_nothing_in_sqlite(tmp_path: Path) -> None:
    """Any value in any column leaves every list whole and its session in use."""
    path = tmp_path / "genpy.db"
    store = SqliteStore(path)
    await store.open()
    person, odd = Person(store), odd_rows(IN_SQLITE)
    await asyncio.gather(*(two_messages(store, person, session) for session in odd))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for statement in chain(*odd.values()):
            with suppress(sqlite3.IntegrityError):
                connection.execute(statement)
        connection.commit()
    await spoil_nothing(store, person, odd)
    await store.close()


async def test_what_other_programs_write_spoils_nothing_in_supabase(quick) -> None:
    """Any value in any column leaves every list whole and its session in use."""
    store = SupabaseStore(quick.url, quick.secret_key)
    await store.open()
    person, odd = Person(store), odd_rows(IN_SUPABASE)
    await asyncio.gather(*(two_messages(store, person, session) for session in odd))
    one = "BEGIN {}; EXCEPTION WHEN integrity_constraint_violation THEN NULL; END;"
    quick.sql(f"do $$ BEGIN {' '.join(map(one.format, chain(*odd.values())))} END $$")
    await spoil_nothing(store, person, odd)
    await store.close()


async def test_what_other_programs_change_and_remove_is_followed(tmp_path: Path) -> None:
    """It is found at once by its new words alone, and counted where it is now."""
    path = tmp_path / "genpy.db"
    store = SqliteStore(path)
    await store.open()
    person, other = Person(store), Person(store)
    said = [await person.say(text, title="Hills") for text in ("a xylophone", "one", "two", "six")]
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "UPDATE session_logs SET message = 'a wombat' WHERE id = ?", [said[0].id]
        )
        connection.execute("DELETE FROM session_logs WHERE id IN (?, ?)", [said[1].id, said[3].id])
        connection.execute("UPDATE sessions SET summary = 'About marmots'")
        connection.commit()
    (session,) = await store.sessions(person.id, limit=2)
    assert (session.message_count, session.last_message_id) == (2, said[2].id)
    assert (await store.metrics(person.id, person.session)).messages == 2
    assert await store.search(person.id, "xylophone", limit=5) == []
    assert len(await store.search(person.id, "wombat", limit=5)) == 1
    assert len(await store.search(person.id, "marmot", limit=5, titles=True)) == 1
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE sessions SET user_id = ?", [other.id])
        connection.commit()
    assert await store.search(person.id, "two hills", limit=5, titles=True) == []
    assert len(await store.search(other.id, "wombat", limit=5)) == 1
    assert len(await store.search(other.id, "hills", limit=5, titles=True)) == 1
    assert await store.search(other.id, "xylophone", limit=5) == []
    assert await store.search(person.id, "wombat hills", limit=5, titles=True) == []
    await store.delete(other.id, person.session)
    assert (await store.check()).messages == 0
    await store.close()


async def test_what_other_programs_insert_and_move_is_followed(tmp_path: Path) -> None:
    """It is found at once, and counted in its session; who knows of a message that is gone goes on."""
    path = tmp_path / "genpy.db"
    store = SqliteStore(path)
    await store.open()
    person, other = Person(store), Person(store)
    said = [await person.say(text) for text in ("a gecko", "here", "there")]
    await other.say("hello")
    with closing(sqlite3.connect(path)) as connection:
        now = "2026-01-01T00:00:00.000000Z"
        connection.execute(
            "INSERT INTO sessions (session_id, user_id, start_time, created_at, updated_at, title) "
            "VALUES ('new', ?, ?, ?, ?, 'Zebras')", [person.id, now, now, now],
        )  # fmt: skip
        connection.executemany(
            "INSERT INTO session_logs (session_id, event_type, message, created_at, uid, words) "
            "VALUES (?, 'user', 'an okapi', ?, hex(randomblob(9)), 2)",
            [("new", now), (person.session, now), (person.session, now)],
        )
        connection.execute(
            "UPDATE session_logs SET session_id = ? WHERE id = ?", [other.session, said[1].id]
        )
        connection.execute("DELETE FROM session_logs WHERE id = ?", [said[0].id])
        connection.commit()
    assert len(await store.search(person.id, "zebra okapi", limit=9, titles=True)) == 3
    assert len(await store.search(person.id, "zebra", limit=9, titles=True)) == 1
    assert (await store.check()).unindexed == 0
    assert await store.search(person.id, "gecko here", limit=9) == []
    assert len(await store.search(other.id, "here", limit=9)) == 1
    appended = await store.append(
        person.id, person.session, "user", "on", title="", known=said[2].id
    )
    for one, count in ((person, 4), (other, 2)):
        (session, *_) = await store.sessions(one.id, limit=2)
        last = (await store.messages(one.id, one.session, limit=1))[0]
        assert (session.message_count, session.last_message_id) == (count, last.id)
        assert (await store.metrics(one.id, one.session)).messages == count
    assert appended.previous_id > said[2].id
    await store.close()


async def test_what_other_programs_write_is_shown_as_well_as_it_can_be(quick) -> None:
    """A row of another program without title, and with topics and outcomes as texts, is read."""
    store = SupabaseStore(quick.url, quick.secret_key)
    await store.open()
    person = Person(store)
    odd = str(uuid4())
    quick.sql(f"""
        insert into sessions (session_id, user_id, status, title, topics, metrics, key_outcomes, sentiment)
          values ('{odd}', '{person.id}', 'ended', null, '"ice"', '[3]', 'A plan.', 'great');
        insert into session_logs (session_id, event_type, message, metadata)
          values ('{odd}', 'ai', 'hi', '{{"tools": 5, "intent": "tutorial"}}');
    """)
    (session,) = await store.sessions(person.id, limit=9)
    (message,) = await store.messages(person.id, odd, limit=9)
    await store.close()
    assert (session.title, session.status, session.sentiment) == ("Untitled", "completed", "great")
    assert (session.topics, session.outcomes, session.metrics) == (("ice",), ("A plan.",), None)
    assert (message.text, message.meta.intent, message.meta.tools) == ("hi", "tutorial", ())


LINKS = [
    ("user", {"reply_to": 1}, (None, None)),
    ("user", {"replaces": 1}, (None, 1)),
    ("user", {"replaces": 2**40}, (None, None)),
    ("ai", {"replaces": 1}, (None, None)),
    ("ai", {"reply_to": 1, "replaces": "x"}, (1, None)),
    *(("ai", {"reply_to": odd}, (None, None)) for odd in (0, -1, 2**62, 2**80, 1.5, "1", [1])),
]
"""Metadata of another program: kind of the message, fields, and reply_to and replaces as read."""


async def test_a_message_is_linked_to_earlier_ones_alone(tmp_path: Path) -> None:
    """A link to what cannot be answered or replaced is none, so that it hides no message."""
    path = tmp_path / "genpy.db"
    store = SqliteStore(path)
    await store.open()
    person = Person(store)
    said = [await person.say(f"message {number}") for number in range(len(LINKS) + 1)][1:]
    with closing(sqlite3.connect(path)) as connection:
        for message, (kind, meta, _) in zip(said, LINKS, strict=True):
            connection.execute(
                "UPDATE session_logs SET event_type = ?, metadata = ? WHERE id = ?",
                (kind, msgspec.json.encode(meta).decode(), message.id),
            )
        connection.commit()
    read_back = (await store.messages(person.id, person.session, limit=99))[1:]
    of_supabase = [
        message_of({**msgspec.to_builtins(message), "meta": meta})
        for message, (_, meta, _) in zip(read_back, LINKS, strict=True)
    ]
    for messages in (read_back, of_supabase):
        links = [(message.meta.reply_to, message.meta.replaces) for message in messages]
        assert links == [right for *_, right in LINKS]
    await store.close()


async def test_older_messages_are_known_whatever_their_count_is(tmp_path: Path) -> None:
    """A live conversation offers what is before its window, also where a session counts nothing."""
    store = SqliteStore(tmp_path / "genpy.db")
    await store.open()
    person = Person(store)
    for number in range(4):
        await person.say(f"message {number}")
    for window, older in ((3, True), (4, False)):
        conversation = Conversation(store, person.id, person.session, window, 1000)
        opened = await store.attach(
            person.id, person.session, limit=window + 1, live_seconds=9, server="s"
        )
        miscounted = msgspec.structs.replace(opened.session, message_count=0 if older else 99)
        conversation.begin(msgspec.structs.replace(opened, session=miscounted))
        assert (conversation.older, len(conversation.messages)) == (older, window)
    await store.close()


async def test_a_live_conversation_holds_so_much_text(tmp_path: Path) -> None:
    """Long messages leave memory before their count would let them; the last question stays."""
    store = SqliteStore(tmp_path / "genpy.db")
    await store.open()
    person = Person(store)
    conversation = Conversation(store, person.id, person.session, 100, 250)
    said = [await person.say(f"{number:0100}") for number in range(20)]
    for message in said:
        conversation.add(message)
        held = conversation.messages
        assert held[-1] == message
        assert len(held) >= min(2, message.id - said[0].id + 1)
        assert sum(len(one.text) for one in held) <= 300
    assert conversation.older
    assert await conversation.after(0) == said
    opened = await store.attach(person.id, person.session, limit=101, live_seconds=9, server="s")
    conversation.begin(opened)
    assert (conversation.older, conversation.messages) == (False, said)
    conversation.trim()
    assert (conversation.older, conversation.messages) == (True, said[-2:])
    assert await conversation.before(5) == said[-5:-2]
    assert await conversation.before(2) == []
    question = msgspec.structs.replace(said[-1], id=98, role="user", text="x" * 1000)
    conversation.add(question)
    conversation.add(msgspec.structs.replace(question, id=99, role="assistant"))
    assert [message.id for message in conversation.messages] == [98, 99]
    assert conversation.question == question
    await store.close()


async def test_odd_tokens_count_nothing_in_sqlite(tmp_path: Path) -> None:
    """A reply whose usage cannot be counted leaves the rest of it and all others counted."""
    path = tmp_path / "genpy.db"
    store = SqliteStore(path)
    await store.open()
    person = Person(store)
    for _ in USAGES:
        await person.say("hi", role="user")
        await person.say("x", role="assistant")
    with closing(sqlite3.connect(path)) as connection:
        for number, usage in enumerate(USAGES):
            connection.execute(
                "UPDATE session_logs SET metadata = ? WHERE id = ?", (usage, 2 * number + 2)
            )
        connection.execute("UPDATE sessions SET counts = NULL")
        connection.commit()
    await only_right_tokens_count(store, person)
    await store.close()


async def test_odd_tokens_count_nothing_in_supabase(quick) -> None:
    """Another program's reply is inserted whatever its usage is, and counted as far as it can be."""
    store = SupabaseStore(quick.url, quick.secret_key)
    await store.open()
    person = Person(store)
    await person.say("hello")
    values = ", ".join(f"('{person.session}', 'ai', 'x', '{usage}')" for usage in USAGES)
    insert = "insert into session_logs (session_id, event_type, message, metadata) values"
    quick.sql(f"{insert} {values}")
    await only_right_tokens_count(store, person)
    quick.sql(f"update sessions set counts = null where session_id = '{person.session}'")
    await only_right_tokens_count(store, person)
    await store.close()


async def only_right_tokens_count(store, person: Person) -> None:
    metrics = await store.metrics(person.id, person.session)
    (row,) = await store.usage(person.id, since="2020-01-01T00:00:00+00:00")
    right = (0, 2 * len(USAGES))
    assert (metrics.prompt_tokens, metrics.completion_tokens) == right
    assert (row.prompt_tokens, row.completion_tokens, row.replies) == (*right, len(USAGES))


@pytest.mark.parametrize("replaced", [False, True], ids=["removed", "replaced"])
async def test_a_file_that_is_not_there_any_more_acknowledges_nothing(
    tmp_path: Path, *, replaced: bool
) -> None:
    """Messages to a database that was taken away are refused, and accepted once it is back."""
    path, aside = tmp_path / "genpy.db", tmp_path / "aside.db"
    async with serving(path) as server, Peer(server.url, "one") as peer:
        await peer.ask("a", "hello")
        path.rename(aside)
        if replaced:
            path.write_bytes(b"")
        await peer.say(Send("b", "lost?"))
        error = await peer.until("error")
        assert (error["re"], error["code"], error["retryable"]) == ("b", "store_unavailable", True)
        assert [ack["id"] for ack in peer.of("ack")] == ["a"]
        aside.rename(path)
        await peer.say(Send("b", "lost?"))
        await peer.until("ack", lambda f: f["id"] == "b")
        await peer.until("run_finished")
