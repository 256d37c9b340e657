"""Rows that another program wrote: each is shown as well as it can be, and spoils no list."""

import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.raw_client import Peer
from support.running_server import serving
from support.users import Person

from genpy_server.core.models import Message, MessageMeta, Metrics, Session
from genpy_server.stores.foreign import read, read_json, texts_of
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
ODD = ('{"run": 5, "intent": "tutorial", "tools": "none"}', "not JSON", "[1, 2]", "null", '{"a":')

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


@pytest.mark.parametrize("odd", ODD)
async def test_odd_rows_spoil_no_list_in_sqlite(tmp_path: Path, odd: str) -> None:
    """Sessions, messages, search and metrics go on over columns that hold anything."""
    path = tmp_path / "genpy.db"
    store = SqliteStore(path)
    await store.open()
    person = Person(store)
    await person.say("the penguin", meta=MessageMeta(intent="tutorial"))
    await person.say("a reply", role="assistant", meta=MessageMeta(intent="tutorial"))
    other = str(uuid4())
    await person.say("hello", session=other)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "UPDATE sessions SET topics = ?, key_outcomes = ?, metrics = ? WHERE session_id = ?",
            (odd, odd, odd, person.session),
        )
        connection.execute(
            "UPDATE session_logs SET metadata = ? WHERE session_id = ?", (odd, person.session)
        )
        connection.commit()
    assert {s.id for s in await store.sessions(person.id, limit=9)} == {person.session, other}
    assert [m.text for m in await store.messages(person.id, person.session, limit=9)] == [
        "the penguin",
        "a reply",
    ]
    assert len(await store.search(person.id, "penguin", limit=9)) == 1
    assert (await store.metrics(person.id, person.session)).messages == 2
    assert await person.complete()
    await store.close()


async def test_odd_rows_spoil_no_list_in_supabase(supabase) -> None:
    """A row of another program without title and with odd JSON is listed and read."""
    store = SupabaseStore(supabase.url, supabase.secret_key)
    await store.open()
    person = Person(store)
    await person.say("hello")
    odd = str(uuid4())
    supabase.sql(f"""
        insert into sessions (session_id, user_id, status, title, topics, metrics, key_outcomes, sentiment)
          values ('{odd}', '{person.id}', 'ended', null, '"ice"', '[3]', 'A plan.', 'great');
        insert into session_logs (session_id, event_type, message, metadata)
          values ('{odd}', 'ai', 'hi', '{{"tools": 5, "intent": "tutorial"}}');
    """)
    sessions = {session.id: session for session in await store.sessions(person.id, limit=9)}
    (message,) = await store.messages(person.id, odd, limit=9)
    await store.close()
    assert set(sessions) == {person.session, odd}
    assert (sessions[odd].title, sessions[odd].outcomes) == ("Untitled", ("A plan.",))
    assert sessions[odd].topics == ("ice",)
    assert (message.text, message.meta.intent, message.meta.tools) == ("hi", "tutorial", ())


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


async def test_odd_tokens_count_nothing_in_supabase(supabase) -> None:
    """Another program's reply is inserted whatever its usage is, and counted as far as it can be."""
    store = SupabaseStore(supabase.url, supabase.secret_key)
    await store.open()
    person = Person(store)
    await person.say("hello")
    values = ", ".join(f"('{person.session}', 'ai', 'x', '{usage}')" for usage in USAGES)
    insert = "insert into session_logs (session_id, event_type, message, metadata) values"
    supabase.sql(f"{insert} {values}")
    await only_right_tokens_count(store, person)
    supabase.sql(f"update sessions set counts = null where session_id = '{person.session}'")
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
        await peer.say(Send("a", "hello"))
        await peer.until("run_finished")
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
