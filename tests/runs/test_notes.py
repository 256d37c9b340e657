"""The notes of a memory: where each came from, forgotten ones, and moving them."""

import asyncio
from types import SimpleNamespace

import msgspec
import pytest
from support.running_server import serving
from support.scripted_model import Upstream

from genpy_server.client.http_records import RemoteRecords
from genpy_server.core.context.notes import read_notes, shown_notes
from genpy_server.core.context.turns import turns
from genpy_server.core.models import Memory
from genpy_server.errors import NotFound
from genpy_server.llm.groq import GroqLlm
from genpy_server.llm.providers import ChosenModel
from genpy_server.runs.memory import extended
from genpy_server.sessions.records import LocalRecords
from genpy_server.settings import load
from genpy_server.stores.sqlite.store import SqliteStore

SESSION = "aaaa0000-0000-4000-8000-000000000001"
SAID = ("I like tea a lot", "I moved to Ghent", "My cat is called Bob")


@pytest.fixture
async def extend(store, upstream):
    llm = GroqLlm(key=None, model="scripted", url=upstream.url)
    model = ChosenModel(llm, "")

    async def extend(memory, open_turns):
        of = {"store": store, "user_id": "ann", "session_id": SESSION, "memory": memory}
        return await extended(SimpleNamespace(**of), open_turns, model, 4_000)

    yield extend
    await llm.close()


@pytest.fixture
async def noted(store, upstream, extend):
    """A conversation of three messages with a note of each of the first two."""
    for text in SAID:
        await store.append("ann", SESSION, "user", text, title="Talk")
    said = turns(await store.messages("ann", SESSION, limit=9))
    first, second = (turn.place for turn in said[:2])
    upstream.say(f"- [{first}] likes tea\n- [{second}] lives in Ghent")
    memory = await extend(None, said[:2])
    assert memory is not None
    return said


def records(store):
    return LocalRecords(store, "ann", load({}))


async def test_each_note_names_its_message(store, upstream, noted):
    """A note is kept with the message that it came from, and shown with its beginning."""
    kept = await records(store).memory(SESSION)
    assert [(n.number, n.text, n.said) for n in kept.notes] == [
        (1, "likes tea", SAID[0]),
        (2, "lives in Ghent", SAID[1]),
    ]
    prompt = upstream.requests[-1]["body"]["messages"][1]["content"]
    assert f"[{noted[0].place}] user: {SAID[0]}" in prompt


async def test_a_note_without_a_message_is_of_the_last_one(store, upstream, extend, noted):
    """A number that no noted message has is replaced by that of the last noted message."""
    upstream.say("- [999999] has a cat")
    memory = await store.memory("ann", SESSION)
    memory = await extend(memory, noted[2:])
    assert read_notes(memory.text)[-1].message_id == noted[2].place


async def test_a_forgotten_note_stays_forgotten(store, upstream, extend, noted):
    """It is not sent, keeps its number, and is not noted again in other words."""
    kept = await records(store).change_memory(SESSION, forget=1)
    assert [note.number for note in kept.notes] == [2]
    memory = await store.memory("ann", SESSION)
    assert shown_notes(memory.text) == "- lives in Ghent"
    upstream.say(f"- [{noted[2].place}] likes tea very much\n- [{noted[2].place}] has a cat")
    memory = await extend(memory, noted[2:])
    assert shown_notes(memory.text) == "- lives in Ghent\n- has a cat"
    sent = upstream.requests[-1]["body"]["messages"][1]["content"]
    assert "likes tea" not in sent
    for number in (1, 4, 0):
        with pytest.raises(NotFound):
            await records(store).change_memory(SESSION, forget=number)


async def test_a_note_forgotten_while_another_is_written_stays_forgotten(
    store, upstream, extend, noted
):
    """An extension that began before a note was forgotten does not bring it back."""
    gate = upstream.say("- has", " a cat", paused_at=1)
    before = await store.memory("ann", SESSION)
    extending = asyncio.create_task(extend(before, noted[2:]))
    await upstream.until(lambda: len(upstream.requests) > 1)
    await records(store).change_memory(SESSION, forget=2)
    gate.set()
    memory = await extending
    assert shown_notes(memory.text) == "- likes tea\n- has a cat"


async def test_a_memory_that_is_off_is_neither_extended_nor_sent(store, upstream, extend, noted):
    """Off means no request, no new note and nothing sent; on brings the notes back."""
    kept = await records(store).change_memory(SESSION, on=False)
    assert not kept.on
    memory = await store.memory("ann", SESSION)
    asked = len(upstream.requests)
    assert await extend(memory, noted[2:]) is None
    assert len(upstream.requests) == asked
    assert shown_notes(memory.text) == ""
    kept = await records(store).change_memory(SESSION, on=True)
    assert kept.on
    assert len(kept.notes) == 2


async def test_a_memory_can_be_off_before_there_is_one(store, extend):
    """A conversation without notes can be switched off."""
    await store.append("ann", SESSION, "user", "hello", title="Talk")
    assert not (await records(store).change_memory(SESSION, on=False)).on
    assert (await records(store).memory(SESSION)).notes == ()


async def test_notes_of_older_versions_are_read(store):
    """Lines without a message are notes, and stay as they are when another is forgotten."""
    await store.append("ann", SESSION, "user", "hello", title="Talk")
    await store.extend_memory("ann", SESSION, Memory("- old one\nplain line", 1), previous=None)
    kept = await records(store).memory(SESSION)
    assert [(n.text, n.message_id) for n in kept.notes] == [("old one", None), ("plain line", None)]


@pytest.mark.parametrize("digits", [19, 30, 5_000])
async def test_a_note_with_a_number_that_is_no_id_is_read(store, digits):
    """What another program wrote in the place of an id is a part of the note's text."""
    await store.append("ann", SESSION, "user", "hello", title="Talk")
    text = f"old one [#{'9' * digits}]"
    await store.extend_memory("ann", SESSION, Memory(f"- {text}", 1), previous=None)
    kept = await records(store).memory(SESSION)
    assert [(note.text, note.message_id) for note in kept.notes] == [(text, None)]
    assert not (await records(store).change_memory(SESSION, forget=1)).notes


async def test_notes_move_with_their_conversation(store, noted, tmp_path):
    """An import has the notes with the ids of this database, forgotten ones forgotten, once."""
    mine = records(store)
    await mine.change_memory(SESSION, forget=1)
    session, kept = await mine.session(SESSION), await mine.memory(SESSION)
    messages = msgspec.to_builtins(await mine.messages(SESSION))
    other = SqliteStore(tmp_path / "other.db")
    await other.open()
    try:
        await other.append("ann", SESSION.replace("a", "b"), "user", "first here", title="x")
        theirs = records(other)
        await theirs.import_session(session, messages, kept)
        await theirs.import_session(session, messages, kept)
        moved = await theirs.memory(SESSION)
        assert [(n.text, n.said) for n in moved.notes] == [("lives in Ghent", SAID[1])]
        assert [n.text for n in moved.forgotten] == ["likes tea"]
        assert moved.notes[0].message_id != kept.notes[0].message_id
        assert moved.upto == kept.upto + 1
    finally:
        await other.close()


async def test_a_server_shows_and_changes_notes(database):
    """The HTTP API gives the notes, forgets one, switches off, and refuses a number that is none."""
    async with Upstream() as upstream, serving(database, GENPY_LLM_URL=upstream.url) as server:
        store = server.app.store
        appended = await store.append("local", SESSION, "user", "I like tea", title="Talk")
        text = f"- likes tea [#{appended.message.id}]"
        await store.extend_memory(
            "local", SESSION, Memory(text, appended.message.id), previous=None
        )
        remote = RemoteRecords(server.url)
        try:
            assert (await remote.memory(SESSION)).notes[0].said == "I like tea"
            with pytest.raises(NotFound):
                await remote.change_memory(SESSION, forget=7)
            assert (await remote.change_memory(SESSION, forget=1)).notes == ()
            assert not (await remote.change_memory(SESSION, on=False)).on
        finally:
            await remote.close()
