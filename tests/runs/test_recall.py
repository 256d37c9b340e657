"""What a turn recalls of what was said before."""

from collections.abc import AsyncIterator
from pathlib import Path
from threading import get_ident
from uuid import uuid4

import pytest
from support.running_server import configure

from genpy_server.core.models import ChatMessage, Hit, Message, MessageMeta, Role, Session
from genpy_server.core.words import WordPlaces
from genpy_server.llm.base import ChatRequest
from genpy_server.llm.offline import OfflineLlm
from genpy_server.llm.providers import Providers
from genpy_server.modes import own_modes
from genpy_server.runs.context import Chat, RunRequest
from genpy_server.runs.tool_access import ToolAccess
from genpy_server.stores.sqlite.store import SqliteStore
from genpy_server.tools import chat_history
from genpy_server.tools.base import ToolContext
from genpy_server.tools.registry import ToolRegistry

MANY = 240
"""Messages of one kind."""
AT = "2026-01-01T00:00:00+00:00"
FACT = "Once upon a time we called the new gecko Kofi, and it suits him well"


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    """A chat whose user said some things over and over, and another one once."""
    settings = configure(tmp_path / "genpy.db")
    store = SqliteStore(settings.database)
    await store.open()
    said = [f"The gecko woke me at {n}" for n in range(MANY)]
    said += ["A gecko woke me"] * MANY
    said += [f"The street {n} has a name" for n in range(3 * MANY)]
    said[9:9] = [FACT, "Well chosen!"]
    session = Session(str(uuid4()), "local", "Pets", "completed", AT, AT, 1)
    rows = [
        {
            "id": n,
            "session_id": session.id,
            "role": "user",
            "text": text,
            "at": AT,
            "uid": str(uuid4()),
        }
        for n, text in enumerate(said, start=1)
    ]
    await store.import_session(session, rows)
    tools = ToolAccess(store, ToolRegistry())
    yield Chat(store, Providers(settings), settings, own_modes(), tools)
    await store.close()


async def recalled(chat: Chat, text: str) -> tuple[Hit, ...]:
    """What is recalled for a question, after which the same is asked once more."""
    session = str(uuid4())
    asked = await chat.store.append("local", session, "user", text, title="Now")
    await chat.store.append("local", session, "user", text, title="Now")
    request = RunRequest(user_id="local", session_id=session, question=asked.message)
    return (
        await chat.context(request, chat.plan(request, chat.intent(request), chat.models.default))
    ).recalled


async def test_what_was_said_once_is_recalled_among_much_that_is_alike(chat: Chat) -> None:
    """A remark made more often than there are candidates leaves a place for the fact."""
    hits = await recalled(chat, "What is the name of our gecko?")
    shown = [m.text for hit in hits for m in (hit.before, hit.message, hit.after) if m]
    assert {FACT, "Well chosen!"} <= {*shown}
    texts = [hit.message.text for hit in hits]
    assert len(set(texts)) == len(texts)


async def test_what_was_edited_away_is_not_recalled(chat: Chat) -> None:
    """A replaced message and its replies take no place, not even beside another one."""
    session = str(uuid4())

    async def said(role: Role, text: str, meta: MessageMeta = MessageMeta()) -> Message:
        appended = await chat.store.append("local", session, role, text, title="Now", meta=meta)
        return appended.message

    first = await said("user", "An iguana named Ida")
    old = await said("user", "An iguana named Olaf")
    reply = await said("assistant", "Olaf the iguana!", MessageMeta(reply_to=old.id))
    question = await said("user", "Which iguana is it?", MessageMeta(replaces=old.id))
    request = RunRequest(
        user_id="local",
        session_id=session,
        question=question,
        history=(first, old, reply),
    )
    (hit,) = await chat._recall(request)
    assert (hit.message, hit.before, hit.after) == (first, None, None)


async def test_a_question_recalls_neither_itself_nor_what_came_later(chat: Chat) -> None:
    """Only messages before the question are recalled, and only those beside a hit are shown."""
    question = "What is the name of our gecko?"
    assert question not in [hit.message.text for hit in await recalled(chat, question)]
    session = str(uuid4())
    await chat.store.append("local", session, "user", "My dog is called Rex", title="Now")
    asked = await chat.store.append("local", session, "user", "What is my dog called?", title="Now")
    request = RunRequest(user_id="local", session_id=session, question=asked.message)
    (hit, *_) = await chat._recall(request)
    assert (hit.message.text, hit.after) == ("My dog is called Rex", None)


async def test_without_a_model_what_was_just_said_is_recalled(chat: Chat) -> None:
    """Nothing is sent, so that what the window holds is recalled as well."""
    session = str(uuid4())
    told = await chat.store.append("local", session, "user", "My dog is called Rex", title="Now")
    asked = await chat.store.append("local", session, "user", "What is my dog called?", title="Now")
    request = RunRequest(
        user_id="local",
        session_id=session,
        question=asked.message,
        history=(told.message,),
    )
    built = await chat.context(
        request, chat.plan(request, chat.intent(request), chat.models.default)
    )
    assert told.message in [hit.message for hit in built.recalled]


async def test_long_messages_are_cut_into_words_beside_the_event_loop(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for the excerpts of a reply, nor by a search, nor without a model."""
    found = str(uuid4())
    for n in range(3):
        text = f"{n} " + "some words of the axolotl " * 1_500
        await chat.store.append("local", found, "user", text, title="Long")
    threads = set[int]()
    missing = WordPlaces.__missing__

    def look(places: WordPlaces, token: str) -> list[tuple[int, str]]:
        threads.add(get_ident())
        return missing(places, token)

    monkeypatch.setattr(WordPlaces, "__missing__", look)
    question = "What are the words of the axolotl?"
    hits = await recalled(chat, question)
    assert hits
    context = ToolContext(chat.store, "local", found)
    await chat_history.ask(context, chat_history.HistoryRequest("axolotl"))
    asked = ChatRequest((ChatMessage("user", question),), recalled=hits, question=question)
    assert [event async for event in OfflineLlm().stream(asked)]
    assert threads
    assert get_ident() not in threads


@pytest.mark.parametrize("text", ["thanks a lot", "My gecko is fine", "why?"])
async def test_nothing_is_recalled_where_nothing_is_asked(chat: Chat, text: str) -> None:
    """Thanks, statements and follow-ups bring no excerpts."""
    assert await recalled(chat, text) == ()
