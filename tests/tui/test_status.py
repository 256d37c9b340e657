"""States that words and glyphs tell: what was missed, what failed, and a server that is newer."""

from pathlib import Path

import pytest
from support.scripted_server import ScriptedServer
from support.terminal import Terminal, terminal

from genpy_server.wire import (
    REPLY_WAITS,
    ErrorFrame,
    Notice,
    Ready,
    Retry,
    Send,
    SessionEvent,
    SettingsEvent,
)
from genpy_tui.chat.receiver import newer


class Ahead(ScriptedServer):
    """A server whose log goes on for as many events as a test says, before it sends them."""

    more = 0
    version = ""

    def _ready(self, *, complete: bool) -> Ready:
        ready = super()._ready(complete=complete)
        ready.seq += self.more
        ready.server = self.version
        return ready


def status(tui: Terminal) -> str:
    """The status line as it is seen."""
    return tui.screen.split("\n")[0]


async def test_what_was_missed_is_told_as_replaying(tmp_path: Path) -> None:
    """After a cut the state is replaying until the last event that was missed has come."""
    async with Ahead().running() as server, terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        server.start(server.message("Go on"))
        server.stream("One ")
        await tui.says("replying")
        server.more = 3
        await server.cut()
        await tui.says("replaying 3 still to come")
        await tui.until(lambda: "» replaying" in status(tui))
        await server.attach(2)
        server.stream("two ")
        await tui.says("replaying 2 still to come")
        server.stream("three ")
        server.stream("four")
        await tui.says("replying")
        await tui.shows("One two three four")


async def test_a_conversation_open_on_another_server_says_so(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """The state names it while another server hosts the conversation too, and no longer."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        server.emit(SessionEvent(0, "Rome", "active", elsewhere=True))
        await tui.says("ready also open on another server")
        server.emit(SessionEvent(0, "Lyon", "active"))
        await tui.says("ready")


async def test_a_reply_that_failed_can_be_tried_again(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """After a failed reply the state says server error and the key, until something is said."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        server.start(server.message("Go on"))
        server.emit(ErrorFrame("llm_unavailable", "The model did not answer.", run="run-1"))
        server.finish(status="error")
        await tui.says("server error ctrl+r tries again")
        await tui.until(lambda: "✗ server error" in status(tui))
        await tui.press("ctrl+r")
        await server.until(Retry)
        server.reply("Here it is.", run="run-2")
        await tui.says("ready")


async def test_a_retry_that_is_refused_says_why(server: ScriptedServer, tmp_path: Path) -> None:
    """A retry that the server cannot do is a server error with the server's sentence."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        server.message("Hi")
        server.reply("Hello")
        await tui.shows("Hello")
        await tui.press("ctrl+r")
        await server.until(Retry)
        server.tell(
            ErrorFrame("store_timeout", "The database is slow.", retryable=True, re="retry")
        )
        await tui.says("server error The database is slow.")
        await tui.shows("✗ The database is slow.")
        server.reply("Hello again", run="run-2")
        await tui.says("ready")


async def test_a_message_that_failed_for_now_says_why(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """A message that the server could not keep tells the reason until it is kept."""
    server.acknowledges = False
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        await tui.says("ready")
        await tui.type("Keep this")
        sent = await server.until(Send)
        server.tell(
            ErrorFrame(
                "store_unavailable", "No database.", retryable=True, re=sent.id, retry_after=0.1
            )
        )
        await tui.says("server error No database.")
        await tui.shows("Keep this", "waiting to be sent", "✗ No database.")
        await server.until(Send, 2)
        server.message("Keep this", client_id=sent.id)
        await tui.says("ready")
        await tui.until(lambda: "waiting to be sent" not in tui.screen)


async def test_another_request_that_failed_says_why(server: ScriptedServer, tmp_path: Path) -> None:
    """A rating that the server cannot keep shows its sentence, and the state stays ready."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        server.message("Hi")
        server.reply("Hello")
        await tui.shows("Hello")
        await tui.type("/rate 4")
        server.tell(ErrorFrame("store_timeout", "The database is slow.", retryable=True, re="rate"))
        await tui.shows("✗ The database is slow.")
        await tui.says("ready")


async def test_a_stopped_wait_is_no_limit(server: ScriptedServer, tmp_path: Path) -> None:
    """A countdown and its notice end with the reply that waited for it."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        server.start(server.message("Hi"))
        server.emit(Notice(0, "llm_rate_limited", "The model is busy.", 30.0))
        await tui.says("rate limited goes on in")
        await tui.shows("The model is busy.")
        server.finish(status="stopped")
        await tui.says("ready")
        await tui.until(lambda: "The model is busy." not in tui.transcript)


async def test_a_reply_that_waits_for_the_database_says_so(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """The state and a notice say it until the reply goes on, or is stopped."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        for run in ("run-1", "run-2"):
            server.start(server.message("Go on"), run=run)
            server.stream("One ", run)
            await tui.says("replying")
            server.emit(Notice(0, REPLY_WAITS, "The disk is full."))
            await tui.says("waiting for the database")
            await tui.shows("! The disk is full.")
            if run == "run-1":
                server.stream("two")
                await tui.says("replying")
                await tui.until(lambda: "The disk is full." not in tui.transcript)
            server.finish(run, "stopped")
            await tui.says("ready")
            await tui.until(lambda: "The disk is full." not in tui.transcript)


async def test_a_newer_server_is_told_once(tmp_path: Path) -> None:
    """A server of a newer version says so, once, with both versions."""
    async with Ahead().running() as server:
        server.version = "99.0.0"
        async with terminal(tmp_path, server=server.url) as tui:
            await tui.shows("This server (99.0.0) is newer than this client")
            await server.cut()
            await server.attach(2)
            await tui.says("ready")
            assert tui.transcript.count("is newer than") == 1


@pytest.mark.parametrize(
    ("server", "client", "expected"),
    [
        ("0.2.0", "0.1.0", True),
        ("0.10.0", "0.9.0", True),
        ("0.1.0", "0.1.0", False),
        ("0.1.0", "0.1.1", False),
        ("", "0.1.0", False),
        ("next", "0.1.0", False),
    ],
)
def test_versions_are_compared_by_number(server: str, client: str, *, expected: bool) -> None:
    """A version is newer by its numbers, and what is not a version is never newer."""
    assert newer(server, client) is expected


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ("", " automatic"),
        ("offline", " no model · automatic"),
        ("m-1", " m-1 · automatic"),
        ("m" * 85, f" {'m' * 85}"),
    ],
)
async def test_the_prompt_names_the_model(tmp_path: Path, model: str, named: str) -> None:
    """The border names the model, says that there is none, and is silent until the server knows one.

    What does not fit beside the model's name is left out.
    """
    server = ScriptedServer()
    server.model = model
    async with server.running(), terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        await tui.shows(f"─{named} ─")
        server.emit(SettingsEvent(0, default_model="m-2"))
        await tui.shows("─ m-2 · automatic ─")
