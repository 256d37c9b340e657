"""`genpy learn`: what corrections teach, with figures of what was held out."""

import asyncio
import re
from uuid import uuid4

from genpy_server.core.models import MessageMeta
from genpy_server.stores.sqlite.store import SqliteStore


def release_notes(genpy, count: int) -> None:
    """Conversations whose person corrected the mode, and one that they left as it was."""

    async def work(store):
        await store.open()
        for number in range(count):
            said = await store.append(
                "local", str(uuid4()), "user", f"Write the release notes of 2.{number}", title="R"
            )
            meta = MessageMeta(
                reply_to=said.message.id,
                intent="tutorial",
                intent_score=1.0,
                intent_corrected_from="code_assistant",
            )
            await store.append(
                "local", said.message.session_id, "assistant", "ok", title="", meta=meta
            )
        await store.close()

    asyncio.run(work(SqliteStore(genpy.database)))


def test_corrections_are_learned(genpy):
    """`learn` shows figures of what was held out, and later messages of the kind follow it."""
    release_notes(genpy, 6)
    ran = genpy("learn")
    assert re.search(r"Your corrections +6 +0% +100%", ran.out)
    assert "Learned in" in ran.out
    explained = genpy("explain", "Now the release notes for 3.0", "--json").json
    assert explained["intent"]["name"] == "tutorial"
    assert "corrections" in explained["intent"]["reason"]
    assert "removed" in genpy("learn", "--forget").out
    assert "Nothing was learned" in genpy("learn", "--forget").out


def test_what_does_not_help_is_not_kept(genpy):
    """One correction alone can prove nothing: the figures say so, and nothing changes."""
    release_notes(genpy, 1)
    ran = genpy("learn", "--json")
    assert ran.json["kept"] is False
    assert "Nothing was learned" in genpy("learn", "--forget").out


def test_without_corrections_there_is_nothing_to_learn(genpy):
    """`learn` says how a mode is corrected."""
    assert "/retry MODE" in genpy("learn").out
