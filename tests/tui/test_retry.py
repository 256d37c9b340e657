"""Answering again: the last turn, whatever became of its reply, and no other."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.scripted_server import ScriptedServer
from support.terminal import Terminal, terminal

from genpy_server.wire import Retry, Send

ONLY = "Only the last message can be answered again; q quotes this one."


def retries(server: ScriptedServer) -> list[Retry]:
    """What was asked to be answered again."""
    return [frame for frame in server.received if isinstance(frame, Retry)]


def done(server: ScriptedServer) -> None:
    """A reply that came to its end."""
    server.reply("Second answer")


def stopped(server: ScriptedServer) -> None:
    """A reply that was stopped."""
    server.start(2, "run-2")
    server.stream("Second answ", "run-2")
    server.finish("run-2", "stopped")


def failed(server: ScriptedServer) -> None:
    """A reply that failed before its first word."""
    server.start(2, "run-2")
    server.finish("run-2", "error")


def lost(server: ScriptedServer) -> None:
    """A message that has no reply at all."""


async def two_turns(
    tui: Terminal, server: ScriptedServer, last: Callable[[ScriptedServer], None]
) -> None:
    """One turn that is done, and a second one."""
    await server.attach()
    server.message("First")
    server.reply("First answer")
    server.message("Second")
    last(server)
    await tui.until(lambda: "First answer" in tui.transcript and "Second" in tui.transcript)
    await tui.until(
        lambda: (
            tui.chat.conversation.client is not None
            and tui.chat.conversation.client.transcript.seq == len(server.log)
        )
    )


@pytest.mark.parametrize("last", [done, stopped, failed, lost])
async def test_the_last_turn_is_answered_again_whatever_became_of_it(
    server: ScriptedServer, tmp_path: Path, last: Callable[[ScriptedServer], None]
) -> None:
    """ctrl+r, r on any block of the last turn, and /retry with a mode ask for another reply."""
    async with terminal(tmp_path, server=server.url) as tui:
        await two_turns(tui, server, last)
        await tui.press("ctrl+r")
        await server.until(Retry, 1)
        await tui.press("alt+up", "r")
        await server.until(Retry, 2)
        await tui.type("/retry Code  Assistant")
        assert (await server.until(Retry, 3)).intent == "code_assistant"


@pytest.mark.parametrize("last", [done, stopped, failed, lost])
async def test_the_mode_of_the_last_turn_is_changed_whatever_became_of_it(
    server: ScriptedServer, tmp_path: Path, last: Callable[[ScriptedServer], None]
) -> None:
    """F5, and i on a block of the last turn, offer to answer it again in another mode."""
    async with terminal(tmp_path, server=server.url) as tui:
        await two_turns(tui, server, last)
        await tui.press("f5")
        await tui.shows("Answer again as: Tutorial")
        await tui.press("escape")
        await tui.until(lambda: tui.app.screen is tui.chat)
        await tui.press("alt+up", "i")
        await tui.shows("Answer again as: Technical support")
        await tui.press("enter")
        assert (await server.until(Retry)).intent in {"casual_chat", "code_assistant"}


@pytest.mark.parametrize("key", ["r", "i"])
async def test_an_earlier_turn_is_not_answered_again(
    server: ScriptedServer, tmp_path: Path, key: str
) -> None:
    """R and i on a block before the last turn say what can be done instead."""
    async with terminal(tmp_path, server=server.url) as tui:
        await two_turns(tui, server, lost)
        await tui.press("alt+up", "alt+up", key)
        await tui.until(lambda: ONLY in tui.notices)
        assert retries(server) == []


async def test_nothing_and_what_runs_are_not_answered_again(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """Without a message, and while a reply is being written, ctrl+r says so."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        await tui.press("ctrl+r")
        await tui.until(lambda: "Nothing to answer again: no message was sent." in tui.notices)
        server.start(server.message("Go on"))
        server.stream("Half")
        await tui.says("replying")
        await tui.shows("Half")
        await tui.press("ctrl+r")
        await tui.until(lambda: "A reply is being written; esc stops it." in tui.notices)
        tui.app.clear_notifications()
        await tui.press("alt+up", "i")
        await tui.until(lambda: "A reply is being written; esc stops it." in tui.notices)
        assert retries(server) == []


async def test_a_message_on_its_way_is_answered_first(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """While a message is not sent, ctrl+r says that it is answered once it is."""
    server.acknowledges = False
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        await tui.type("Hello")
        await server.until(Send)
        await tui.press("ctrl+r")
        await tui.until(lambda: any("answered once it is" in said for said in tui.notices))
        assert retries(server) == []


async def test_a_retry_waits_for_the_connection(server: ScriptedServer, tmp_path: Path) -> None:
    """A retry while the connection is away is asked for once it is back, and says so."""
    async with terminal(tmp_path, server=server.url) as tui:
        await two_turns(tui, server, done)
        await server.vanish()
        await tui.says("reconnecting")
        await tui.press("ctrl+r")
        await tui.until(lambda: any("connection is back" in said for said in tui.notices))
        server.refusing = False
        await server.until(Retry)


@pytest.mark.parametrize("command", ["/mode poetry", "/retry [bold]poetry"])
async def test_an_unknown_mode_says_which_there_are(
    server: ScriptedServer, tmp_path: Path, command: str
) -> None:
    """A mode that does not exist is answered by those that do."""
    async with terminal(tmp_path, server=server.url) as tui:
        await two_turns(tui, server, done)
        await tui.type(command)
        await tui.until(lambda: any("Technical support" in said for said in tui.notices))
        assert retries(server) == []
