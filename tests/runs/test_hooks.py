"""Hooks: called in order at five points, bounded, and harmless when they fail."""

# ruff: noqa: D102 - the methods of hooks are documented in `Hooks`

import asyncio
import re

import msgspec
import pytest
from support.raw_client import Peer
from support.running_server import serving

from genpy_server import App, ChatMessage, ChatRequest, Hooks, Message, Session, tool
from genpy_server.core.models import ToolRecord
from genpy_server.runs.hooks import HookRunner
from genpy_server.wire import End

SECRET = "the word nobody logs"


@tool(reads_only=True)
async def look() -> str:
    """Look."""
    return "seen"


class Notes(Hooks):
    """Notes what it is told."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name, self.notes = name, notes

    async def on_message(self, user_id: str, message: Message) -> None:
        self.notes.append(f"{self.name} message {user_id} {message.text}")

    async def on_context(
        self, user_id: str, session_id: str, request: ChatRequest
    ) -> ChatRequest | None:
        extra = ChatMessage("system", f"from {self.name}")
        return msgspec.structs.replace(request, messages=(extra, *request.messages))

    async def on_reply(self, user_id: str, reply: Message) -> None:
        self.notes.append(f"{self.name} reply {reply.text} {reply.meta.status}")

    async def on_session_end(self, user_id: str, session: Session) -> None:
        self.notes.append(f"{self.name} end {session.status}")

    async def on_tool(self, user_id: str, session_id: str, call: ToolRecord) -> None:
        self.notes.append(f"{self.name} tool {call.name} {call.ok}")


class Broken(Hooks):
    """Fails, or never returns."""

    async def on_message(self, user_id: str, message: Message) -> None:
        raise ValueError(SECRET)

    async def on_context(
        self, user_id: str, session_id: str, request: ChatRequest
    ) -> ChatRequest | None:
        await asyncio.Event().wait()
        return None

    async def on_reply(self, user_id: str, reply: Message) -> None:
        raise ValueError(SECRET)


async def test_hooks_are_called_in_order(database, upstream, caplog):
    """Each point reaches every hook in order; one that fails is logged by name, and nothing else is lost."""
    notes: list[str] = []
    upstream.call("look", {})
    upstream.say("Hello.")
    upstream.answer = {"title": "T", "summary": "S", "topics": [], "sentiment": "neutral"}
    own = App(tools=[look], on=[Notes("a", notes), Broken(), Notes("b", notes)])
    async with serving(
        database, own=own, limits={"hook_seconds": 0.05}, GENPY_LLM_URL=upstream.url
    ) as server:
        async with Peer(server.url, "one") as peer:
            await peer.ask("x", "Hi there")
            await peer.say(End())
            await peer.until("summary")
    assert notes == [
        "a message local Hi there",
        "b message local Hi there",
        "a tool look True",
        "b tool look True",
        "a reply Hello. done",
        "b reply Hello. done",
        "a end completed",
        "b end completed",
    ]
    replies = [one for one in upstream.requests if one["body"].get("tools")]
    assert len(replies) == 2
    for request in replies:
        assert request["body"]["messages"][0]["content"].startswith("from b\n\nfrom a\n\n")
    assert re.search(rf"Broken\.on_message failed: ValueError in {__file__}:\d+", caplog.text)
    assert "Broken.on_context failed: TimeoutError" in caplog.text
    assert "Broken.on_reply failed: ValueError" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("failure", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()])
async def test_a_hook_cannot_end_the_server(failure, caplog):
    """A hook that exits or cancels itself is logged; a run that is stopped meanwhile stops."""
    waits = asyncio.Event()

    class Leaves(Hooks):
        async def on_reply(self, user_id: str, reply: Message) -> None:
            raise failure

        async def on_session_end(self, user_id: str, session: Session) -> None:
            waits.set()
            await asyncio.Event().wait()

    runner = HookRunner([Leaves()])
    await runner.notify("on_reply", "u", Message(1, "s", "assistant", "Hi", ""))
    assert f"Leaves.on_reply failed: {type(failure).__name__}" in caplog.text
    stopped = asyncio.create_task(
        runner.notify("on_session_end", "u", Session("s", "u", "", "active", "", "", 0))
    )
    await waits.wait()
    stopped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopped


async def test_what_is_not_overridden_is_not_called():
    """A hook with one method costs nothing at the other points."""

    class OnlyReplies(Hooks):
        async def on_reply(self, user_id: str, reply: Message) -> None:
            """Do nothing."""

    runner = HookRunner([OnlyReplies()])
    assert {point: len(used) for point, used in runner._used.items() if used} == {"on_reply": 1}
    request = ChatRequest(())
    assert await runner.context("u", "s", request) is request
