"""Homes for the command: an empty one, and one with conversations in it."""

import asyncio
from pathlib import Path

import pytest
from support.command_line import Genpy

from genpy_server.core.models import MessageMeta, Metrics, Session, ToolRecord
from genpy_server.stores.base import Result
from genpy_server.stores.sqlite.store import SqliteStore

ROME = "0b7e1f52-9a41-4f0e-8d55-2f6a3c1d9e01"
PYTHON = "5c2d9a17-3e80-4b6b-a1f4-77d0e2b8c302"
HOSTILE = "c9a4e6d8-1f23-4c57-9b0a-d3e5f7a91b03"
CONTROLS = "\x1b]52;c;cHduZWQ=\x07\x1b[2J\x9b31m\rsudo\u202e [bold]x[/bold] [/] \x7f"
"""What sets clipboards, clears screens, overwrites lines, reverses text and breaks Rich's markup."""


def seed(database: Path) -> None:
    """Write three conversations: one summed up and rated, one active, one full of hostile text."""
    asyncio.run(_seed(SqliteStore(database)))


async def _seed(store: SqliteStore) -> None:
    await store.open()
    asked = (
        await store.append("local", ROME, "user", "Where is a hotel in Rome?", title="Trip to Rome")
    ).message
    tool = ToolRecord(
        "search_chat_history", {"query": "hotel"}, ms=3.2, result="Nothing was found."
    )
    meta = MessageMeta(
        reply_to=asked.id, intent="casual_chat", model="m", status="done", tools=(tool,)
    )
    await store.append(
        "local", ROME, "assistant", "Near **Termini** there are many.", title="", meta=meta
    )
    await _end(store)
    await store.append(
        "local", PYTHON, "user", "How do I sort a list of numbers in Python?", title="Sorting"
    )
    for text in (f"a hostile {CONTROLS} question", f"a hostile {CONTROLS} answer"):
        role = "user" if text.endswith("question") else "assistant"
        await store.append("local", HOSTILE, role, text, title=f"bad {CONTROLS} title")
    await store.close()


async def _end(store: SqliteStore) -> Session | None:
    await store.rate("local", ROME, 4)
    ending = await store.claim_ending("local", ROME, lease_seconds=60)
    assert ending is not None
    metrics = Metrics(
        messages=2, user_messages=1, assistant_messages=1, user_words=6, assistant_words=5
    )
    said = Result(
        metrics,
        summary="You looked for a hotel in Rome. GenPy named a quarter.",
        topics=("travel", "Rome"),
        sentiment="positive",
        outcomes=("Look near Termini",),
    )
    return await store.finish_ending(ending, said)


@pytest.fixture
def empty(tmp_path):
    """The command in a home where nothing has ever been."""
    return Genpy(tmp_path)


@pytest.fixture
def genpy(tmp_path):
    """The command with three conversations that a test may change."""
    command = Genpy(tmp_path)
    seed(command.database)
    return command


@pytest.fixture(scope="session")
def kept(tmp_path_factory):
    """The command with three conversations that no test changes."""
    command = Genpy(tmp_path_factory.mktemp("kept"))
    seed(command.database)
    return command
