"""Talking: sending, stopping, and what happens while the connection is away."""

from pathlib import Path

from support import running_server
from support.scripted_server import ScriptedServer
from support.terminal import terminal
from textual.events import Paste

from genpy_server.core.modes import ListedMode
from genpy_server.wire import (
    PARAMETER_LEFT_OUT,
    Cancel,
    ErrorFrame,
    Notice,
    Retry,
    Send,
    Set,
    ToolFinished,
    ToolStarted,
)


async def test_a_message_is_sent_and_its_reply_shown(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """Enter sends; the reply appears with its Markdown rendered."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        await tui.says("ready")
        await tui.type("Hello")
        sent = await server.until(Send)
        assert sent.text == "Hello"
        server.reply("Good **day**\n\n- one\n- two")
        await tui.shows("› You", "◆ GenPy", "Good day", "• one", "• two")
        await tui.says("ready")


async def test_escape_stops_and_keeps(server: ScriptedServer, tmp_path: Path) -> None:
    """Esc asks the server to stop; what came stays, marked as stopped."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        server.start(server.message("Count"))
        server.stream("One, two, ")
        await tui.says("replying")
        await tui.press("escape")
        await server.until(Cancel)
        await tui.says("stopping")
        server.finish(status="stopped")
        await tui.shows("One, two,", "■ stopped")
        await tui.says("ready")


async def test_what_is_typed_offline_is_sent_once(server: ScriptedServer, tmp_path: Path) -> None:
    """A message typed while the connection is away is sent exactly once when it is back."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        await tui.says("ready")
        await server.vanish()
        await tui.says("reconnecting")
        await tui.type("Are you there?")
        await tui.shows("Are you there?", "waiting to be sent")
        await tui.says("1 waiting to be sent")
        server.refusing = False
        await server.attach(2)
        await tui.says("ready")
        server.reply("Yes.")
        await tui.shows("Yes.")
        assert tui.screen.count("Are you there?") == 1
        assert "waiting" not in tui.screen
        assert len([frame for frame in server.received if isinstance(frame, Send)]) == 1


async def test_notices_of_one_kind_are_all_shown(server: ScriptedServer, tmp_path: Path) -> None:
    """Each of several refused parameters is seen; a time to wait replaces the one before it."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        server.start(server.message("Hello"))
        for name in ("temperature 0.2", "seed 5", "seed 5"):
            server.emit(Notice(0, PARAMETER_LEFT_OUT, f"m does not take {name}."))
        await tui.shows("take temperature 0.2.", "take seed 5.")
        for seconds in (30, 20):
            server.emit(Notice(0, "llm_rate_limited", f"In {seconds} s.", float(seconds)))
        await tui.shows("In 20 s.")
        assert (tui.screen.count("seed 5"), tui.screen.count("In 30 s.")) == (1, 0)


async def test_a_refused_message_comes_back(server: ScriptedServer, tmp_path: Path) -> None:
    """A message the server refuses is in the prompt again, with the reason in a notice."""
    server.acknowledges = False
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        await tui.type("x" * 30)
        sent = await server.until(Send)
        server.tell(ErrorFrame("too_large", "That is too long.", re=sent.id))
        await tui.until(lambda: tui.chat.prompt.text == "x" * 30)
        await tui.until(lambda: tui.notices == ["Not sent: That is too long."])
        await tui.until(lambda: "x" * 30 not in tui.transcript)


async def test_a_refused_message_leaves_a_draft_alone(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """A message that is refused while something else is written is recalled by up."""
    server.acknowledges = False
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        await tui.type("x" * 30)
        sent = await server.until(Send)
        tui.chat.prompt.insert("a draft")
        server.tell(ErrorFrame("too_large", "That is too long.", re=sent.id))
        await tui.until(lambda: tui.notices)
        assert tui.notices == ["Not sent: That is too long. Up brings it back."]
        assert tui.chat.prompt.text == "a draft"
        await tui.press("up")
        assert tui.chat.prompt.text == "x" * 30
        await tui.press("down")
        assert tui.chat.prompt.text == "a draft"


async def test_what_a_deleted_conversation_did_not_take_comes_back(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """A message that waits when the conversation is closed for ever returns to the prompt."""
    server.acknowledges = False
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        await tui.type("Do not lose me")
        await server.until(Send)
        await server.cut(1000)
        await tui.until(lambda: tui.chat.prompt.text == "Do not lose me")


async def test_a_rate_limit_counts_down(server: ScriptedServer, tmp_path: Path) -> None:
    """A rate limit of the model is shown with the seconds left."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        server.start(server.message("Hi"))
        server.emit(Notice(0, "llm_rate_limited", "The model is busy.", 30.0))
        await tui.shows("The model is busy.")
        await tui.says("rate limited goes on in")


async def test_the_states_of_a_reply_are_words(server: ScriptedServer, tmp_path: Path) -> None:
    """Thinking, asking a tool, replying and ready are told one after the other."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        server.start(server.message("Hi"))
        await tui.says("thinking")
        server.emit(ToolStarted(0, "run-1", "call", "get_session_stats", {"days": 3}))
        await tui.says("asking get_session_stats")
        await tui.shows("▸ get_session_stats(days=3)", "… running")
        server.emit(ToolFinished(0, "run-1", "call", ok=True, ms=12.0, result="**4** messages"))
        server.stream("You said four things.")
        await tui.says("replying")
        await tui.shows("✓ 12 ms")
        for call, ms, shown in (
            ("slow", 30_230.0, "✓ 30 s"),
            ("slower", 200_000.0, "✓ 3 min 20 s"),
        ):
            server.emit(ToolStarted(0, "run-1", call, "get_session_stats"))
            server.emit(ToolFinished(0, "run-1", call, ok=True, ms=ms))
            await tui.shows(shown)
        server.finish()
        await tui.says("ready")


async def test_retry_asks_for_another_reply(server: ScriptedServer, tmp_path: Path) -> None:
    """ctrl+r runs the last message again, and the new reply stands in the place of the old."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        server.message("Hi")
        server.reply("First answer")
        await tui.shows("First answer")
        await tui.press("ctrl+r")
        await server.until(Retry)
        server.reply("Second answer", run="run-2")
        await tui.shows("Second answer")
        await tui.until(lambda: "First answer" not in tui.screen)


async def test_another_mode_for_the_next_messages(server: ScriptedServer, tmp_path: Path) -> None:
    """/mode chooses the mode of every next message, until the choice is left to the server again."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        await tui.says("ready")
        await tui.type("/mode tut")
        await tui.shows("scripted-model · Tutorial")
        await tui.type("Generators")
        assert (await server.until(Send)).intent == "tutorial"
        await tui.type("And then?")
        assert (await server.until(Send, 2)).intent == "tutorial"
        await tui.type("/mode automatic")
        await tui.shows("scripted-model · automatic")
        await tui.type("Thanks")
        assert (await server.until(Send, 3)).intent is None


async def test_a_chat_begins_with_a_model_and_instructions(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """What --model and --system give is set for the first conversation alone, before it is used."""
    async with terminal(tmp_path, server=server.url, model="two/b", system="In rhymes.") as tui:
        given = await server.until(Set)
        assert (given.model, given.system) == ("two/b", "In rhymes.")
        await tui.says("ready")
        await tui.press("ctrl+n")
        await tui.says("ready")
        await tui.type("Hello")
        await server.until(Send)
        assert sum(isinstance(frame, Set) for frame in server.received) == 1


async def test_modes_are_those_of_the_server(server: ScriptedServer, tmp_path: Path) -> None:
    """A server's mode is chosen by its label; an earlier choice that it does not have is reported and reset."""
    server.modes = (ListedMode("sql_review", "SQL review"),)
    async with terminal(tmp_path, server=server.url, mode="tutorial") as tui:
        await tui.shows("✗ Unknown mode: tutorial. Choose one of SQL review, automatic.")
        await tui.shows("scripted-model · automatic")
        await tui.type("/mode sql review")
        await tui.shows("scripted-model · SQL review")
        await tui.type("/mode code assistant")
        assert (await server.until(Send)).text == "/mode code assistant"


async def test_the_last_turn_can_be_run_with_another_intent(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """f5 offers to answer again as something else."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        server.message("Hi")
        server.reply("Hello")
        await tui.shows("Hello")
        await tui.press("f5")
        await tui.shows("Which mode?", "Answer again as: Tutorial")
        await tui.press("down", "down", "enter")
        assert (await server.until(Retry)).intent == "tutorial"


async def test_up_recalls_and_down_returns(server: ScriptedServer, tmp_path: Path) -> None:
    """Up goes through what was sent; down comes back to what was being written."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        await tui.says("ready")
        await tui.type("one")
        await tui.type("two")
        tui.chat.prompt.insert("draft")
        await tui.press("up")
        assert tui.chat.prompt.text == "two"
        await tui.press("up")
        assert tui.chat.prompt.text == "one"
        await tui.press("down", "down")
        assert tui.chat.prompt.text == "draft"


async def test_ctrl_j_makes_a_line_and_the_prompt_grows(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """ctrl+j adds a line; the prompt is as high as its text, at most ten lines."""
    async with terminal(tmp_path, server=server.url) as tui:
        assert tui.chat.prompt.size.height == 1
        await tui.press("a", "ctrl+j", "b")
        assert tui.chat.prompt.text == "a\nb"
        await tui.until(lambda: tui.chat.prompt.size.height == 2)
        await tui.press(*["ctrl+j"] * 20)
        await tui.until(lambda: tui.chat.prompt.size.height == 10)


async def test_a_text_that_the_server_refuses_is_announced(tmp_path: Path) -> None:
    """Before it is sent, the prompt says that a text is longer than a message may be."""
    async with (
        running_server.serving(tmp_path / "genpy.db", limits={"message_chars": 1_000}) as running,
        terminal(tmp_path, server=running.url) as tui,
    ):
        await tui.says("ready")
        tui.chat.prompt.insert("x" * 1_001)
        await tui.shows("too long to send: 1,001 characters, at most 1,000")
        await tui.press("backspace")
        await tui.shows("enter sends")


async def test_a_large_paste_is_sent_whole(server: ScriptedServer, tmp_path: Path) -> None:
    """A large paste stands as a short mark in the prompt, and is sent as it was."""
    text = "\n".join(f"line {number}" for number in range(5_000))
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        await tui.says("ready")
        await tui.chat.prompt._on_paste(Paste(text.replace("\n", "\r")))
        assert tui.chat.prompt.text == "[pasted text 1: 5,000 lines]"
        tui.chat.prompt.insert(" What is wrong?")
        whole = tui.chat.prompt.full_text
        await tui.press("ctrl+c", "up")
        assert tui.chat.prompt.text == "[pasted text 1: 5,000 lines] What is wrong?"
        assert tui.chat.prompt.full_text == whole
        await tui.press(*["backspace"] * len(" What is wrong?"))
        await tui.press("enter")
        assert (await server.until(Send)).text == text


async def test_a_draft_survives_recall(server: ScriptedServer, tmp_path: Path) -> None:
    """A draft comes back although what was recalled was changed, and after that was sent."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        await tui.says("ready")
        await tui.type("one")
        await tui.type("two")
        tui.chat.prompt.insert("draft")
        await tui.press("up", "!", "up", "?")
        assert tui.chat.prompt.text == "one?"
        await tui.press("down")
        assert tui.chat.prompt.text == "two!"
        await tui.press("down")
        assert tui.chat.prompt.text == "draft"
        await tui.press("up", "enter")
        assert (await server.until(Send, 3)).text == "two!"
        assert tui.chat.prompt.text == "draft"
