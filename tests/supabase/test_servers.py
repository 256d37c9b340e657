"""Several servers on one database, and many people at once."""

import asyncio
from collections import Counter
from pathlib import Path
from uuid import uuid4

from support.conditions import eventually
from support.raw_client import Peer
from support.running_server import ServerProcess, serving
from support.scripted_model import Upstream
from support.supabase_stack import Stack

from genpy_server.stores.supabase.store import SupabaseStore
from genpy_server.wire import Send

SESSIONS = 50
PEOPLE = 40
DRAFT = {"summary": "S.", "topics": ["t"], "sentiment": "neutral", "outcomes": []}


def _settings(stack: Stack, model: Upstream) -> dict[str, str]:
    return {
        "SUPABASE_URL": stack.url,
        "SUPABASE_KEY": stack.secret_key,
        "GENPY_LLM_URL": model.url,
        "GENPY_RECALL": "off",
    }


async def test_two_servers_end_each_session_once(quick: Stack, tmp_path: Path) -> None:
    """Two processes that find the same sessions left behind summarise each exactly once."""
    store = SupabaseStore(quick.url, quick.secret_key)
    await store.open()
    user = f"user-{uuid4()}"
    names = [f"conversation {number} of {user}" for number in range(SESSIONS)]
    await asyncio.gather(
        *(
            store.append(user, str(uuid4()), "user", name, title=name, live_seconds=0.01)
            for name in names
        )
    )
    async with Upstream() as model:
        model.answer = DRAFT
        settings = _settings(quick, model) | {"GENPY_GRACE_SECONDS": "0.6", "GENPY_USER": user}
        servers = [ServerProcess(tmp_path / "unused.db", **settings) for _ in range(2)]
        await asyncio.gather(*(server.start() for server in servers))

        async def all_completed() -> bool:
            return not await store.sessions(user, limit=1, status="active")

        await eventually(all_completed)
        assert [await server.stop() for server in servers] == [0, 0]
        asked = Counter(
            name
            for request in model.requests
            for name in names
            if request["body"] and f'{name}"' in str(request["body"]).replace("\\n", '"')
        )
    sessions = await store.sessions(user, limit=SESSIONS + 1)
    await store.close()
    assert len(sessions) == SESSIONS
    assert {session.summary for session in sessions} == {"S."}
    assert sum(asked.values()) == SESSIONS
    assert set(asked.values()) == {1}


async def test_a_conversation_goes_on_on_another_server(quick: Stack, tmp_path: Path) -> None:
    """Its history is there, and the first server learns what was said on the second."""
    session = str(uuid4())
    async with Upstream() as model:
        model.say("Answer.")
        settings = _settings(quick, model)
        async with (
            serving(tmp_path / "a.db", **settings) as first,
            serving(tmp_path / "b.db", **settings) as second,
            Peer(first.url, session) as one,
        ):
            await one.ask("1", "begun on the first")
            async with Peer(second.url, session) as two:
                shown = [(await two.until("message"))["text"] for _ in range(2)]
                await two.ask("2", "gone on on the second")
                again = Send("1", "begun on the first")
                await two.say(again)
                ack = await two.until("ack", lambda frame: frame["id"] == "1")
            await one.ask("3", "back on the first")
            kept = await first.app.store.messages("local", session, limit=10)
    assert shown == ["begun on the first", "Answer."]
    assert ack["duplicate"]
    on_the_second = [message.text for message in kept[2:4]]
    said = [frame["text"] for frame in one.of("message")]
    assert said == ["begun on the first", *on_the_second, "back on the first"]
    assert len(kept) == 6
    seen = model.requests[-1]["body"]["messages"]
    assert "gone on on the second" in str(seen)


async def test_many_sessions_talk_at_once(quick: Stack, tmp_path: Path) -> None:
    """Each gets its acknowledgements and replies, and each message is stored once."""
    async with Upstream() as model:
        model.say("Answer.")
        limits = {"sockets_per_user": PEOPLE, "runs_per_user": PEOPLE, "messages_per_minute": 1_000}
        settings = _settings(quick, model)
        async with serving(tmp_path / "unused.db", limits=limits, **settings) as server:

            async def talk(session: str) -> list[str]:
                async with Peer(server.url, session) as peer:
                    for number in range(2):
                        finished = await peer.ask(f"m{number}", f"{number} in {session}")
                        assert finished["status"] == "done"
                        assert finished["message_id"]
                kept = await server.app.store.messages("local", session, limit=10)
                return [message.text for message in kept]

            sessions = [str(uuid4()) for _ in range(PEOPLE)]
            talks = await asyncio.gather(*(talk(session) for session in sessions))
    for session, texts in zip(sessions, talks, strict=True):
        assert texts == [f"0 in {session}", "Answer.", f"1 in {session}", "Answer."]
