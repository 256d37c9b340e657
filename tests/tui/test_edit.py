"""Editing the last message: it is sent again in the place of what was said before."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from support import running_server
from support.scripted_model import Upstream
from support.scripted_server import ScriptedServer
from support.terminal import Terminal, terminal

from genpy_server.wire import ErrorFrame, Send

MARK = "✎ editing your last message"


@asynccontextmanager
async def spoken(tmp_path: Path, *replies: str) -> AsyncIterator[tuple[Terminal, Upstream]]:
    """A terminal on a real server with a model, and one turn of a conversation."""
    async with Upstream() as upstream:
        for reply in replies:
            upstream.say(reply)
        async with (
            running_server.serving(tmp_path / "genpy.db", GENPY_LLM_URL=upstream.url) as running,
            terminal(tmp_path, server=running.url, session="talk", size=(120, 34)) as tui,
        ):
            await tui.says("ready")
            await tui.type("Tell me of teapots\nand of cups")
            await tui.until(lambda: replies[0] in tui.transcript)
            await tui.says("ready")
            yield tui, upstream


async def test_the_last_message_is_sent_again(tmp_path: Path) -> None:
    """/edit and enter replace the last message; the old turn stays folded, marked as edited."""
    async with spoken(tmp_path, "About teapots.", "About kettles.") as (tui, upstream):
        await tui.type("/edit")
        await tui.shows(MARK, "esc cancels")
        assert tui.chat.prompt.text == "Tell me of teapots\nand of cups"
        tui.chat.prompt.text = ""
        await tui.type("Tell me of kettles")
        await tui.until(lambda: "About kettles." in tui.transcript)
        await tui.says("ready")
        await tui.until(lambda: tui.transcript.count("edited") == 2)
        assert MARK not in tui.screen
        assert "▸ Tell me of teapots and of cups" in tui.transcript
        assert "▸ About teapots." in tui.transcript
        asked = str(upstream.requests[-1])
        assert "kettles" in asked
        assert "teapots" not in asked


async def test_the_key_on_the_block_edits_it(tmp_path: Path) -> None:
    """E on the last own message edits it; esc leaves it and gives back what was being written."""
    async with spoken(tmp_path, "About teapots.") as (tui, _):
        await tui.press(*"draft")
        await tui.press("alt+up", "alt+up", "e")
        await tui.shows(MARK)
        assert tui.chat.prompt.text == "Tell me of teapots\nand of cups"
        assert tui.chat.prompt.has_focus
        await tui.press("escape")
        await tui.until(lambda: MARK not in tui.screen)
        assert tui.chat.prompt.text == "draft"
        await tui.press("up")
        assert tui.chat.prompt.text == "Tell me of teapots\nand of cups"
        await tui.press("down")
        assert tui.chat.prompt.text == "draft"


async def test_the_draft_is_back_after_the_edit(tmp_path: Path) -> None:
    """What was being written before an edit stands in the prompt again when the edit is sent."""
    async with spoken(tmp_path, "About teapots.", "About more.") as (tui, _):
        await tui.press(*"draft")
        await tui.press("alt+up", "alt+up", "e")
        await tui.shows(MARK)
        await tui.press("!", "enter")
        await tui.until(lambda: tui.chat.prompt.text == "draft")
        await tui.until(lambda: "and of cups!" in tui.transcript)


async def test_only_the_last_own_message_is_edited(tmp_path: Path) -> None:
    """E on an earlier message or on a reply says what can be edited instead."""
    async with spoken(tmp_path, "About teapots.", "About kettles.") as (tui, _):
        await tui.type("Tell me of kettles")
        await tui.until(lambda: "About kettles." in tui.transcript)
        await tui.says("ready")
        await tui.press("alt+up", "e")
        await tui.until(lambda: "Only your own messages can be edited." in tui.notices)
        await tui.press("alt+up", "alt+up", "alt+up", "e")
        await tui.until(lambda: any("Only your last message" in said for said in tui.notices))
        assert MARK not in tui.screen


async def test_what_was_edited_away_unfolds(tmp_path: Path) -> None:
    """X on a folded message shows all of it, again folds it, and so does a click."""
    async with spoken(tmp_path, "About teapots.", "About kettles.") as (tui, _):
        await tui.type("/edit")
        await tui.shows(MARK)
        await tui.press("!", "enter")
        await tui.until(lambda: "About kettles." in tui.transcript)
        await tui.until(lambda: "▸ Tell me" in tui.transcript)
        await tui.says("ready")
        await tui.press("alt+up", "alt+up", "alt+up", "alt+up", "x")
        await tui.until(lambda: "▸ Tell me" not in tui.transcript)
        assert "\n  Tell me of teapots\n  and of cups\n" in tui.transcript
        assert tui.transcript.count("edited") == 2
        await tui.press("x")
        await tui.until(lambda: "▸ Tell me of teapots and of cups" in tui.transcript)
        lines = tui.screen.split("\n")
        row = next(n for n, line in enumerate(lines) if "▸ About teapots." in line)
        await tui.pilot.click(offset=(lines[row].index("▸") + 3, row))
        await tui.until(lambda: "▸ About teapots." not in tui.transcript)


async def test_an_edit_stays_an_edit_at_the_next_start(tmp_path: Path) -> None:
    """A conversation that is opened later shows what was edited away, folded."""
    async with spoken(tmp_path, "About teapots.", "About kettles.") as (tui, _):
        await tui.type("/edit")
        await tui.shows(MARK)
        await tui.press("!", "enter")
        await tui.until(lambda: "About kettles." in tui.transcript)
        await tui.says("ready")
        async with terminal(tmp_path, server=tui.app.server, session="talk") as later:
            await later.until(lambda: later.transcript.count("edited") == 2)
            assert "▸ About teapots." in later.transcript


async def test_another_message_meanwhile_ends_the_edit(tmp_path: Path) -> None:
    """When another terminal says something first, the edit becomes a new message, and says so."""
    async with spoken(tmp_path, "About teapots.", "About kettles.", "Third.") as (tui, _):
        await tui.type("/edit")
        await tui.shows(MARK)
        async with terminal(tmp_path, server=tui.app.server, session="talk") as other:
            await other.says("ready")
            await other.type("Tell me of kettles")
            await tui.until(lambda: any("sent as a new one" in said for said in tui.notices))
            await tui.until(lambda: MARK not in tui.screen)
            assert tui.chat.prompt.text.startswith("Tell me of teapots")
            await tui.until(lambda: "About kettles." in tui.transcript)
            await tui.press("enter")
            await tui.until(lambda: "Third." in tui.transcript)
            assert "edited" not in tui.transcript


async def test_a_reply_in_progress_is_stopped_by_the_edit(tmp_path: Path) -> None:
    """An edit in mid-reply sends, stops what is being written, and is answered instead."""
    async with Upstream() as upstream:
        upstream.say("One ", "two", paused_at=1)
        upstream.say("Another answer.")
        async with (
            running_server.serving(tmp_path / "genpy.db", GENPY_LLM_URL=upstream.url) as running,
            terminal(tmp_path, server=running.url, session="talk") as tui,
        ):
            await tui.says("ready")
            await tui.type("Count")
            await tui.says("replying")
            await tui.type("/edit")
            await tui.shows(MARK)
            await tui.press("escape")
            await tui.until(lambda: MARK not in tui.screen)
            await tui.says("replying")
            await tui.type("/edit")
            await tui.shows(MARK)
            await tui.press("!", "enter")
            await tui.until(lambda: "Another answer." in tui.transcript)
            await tui.says("ready")
            assert tui.transcript.count("edited") == 2


async def test_what_cannot_be_edited_yet_says_so(server: ScriptedServer, tmp_path: Path) -> None:
    """Without a message there is nothing to edit, and one on its way is edited when it is kept."""
    server.acknowledges = False
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        await tui.type("/edit")
        await tui.until(lambda: "Nothing to edit: no message was sent." in tui.notices)
        await tui.type("Hello")
        await server.until(Send)
        await tui.type("/edit")
        await tui.until(lambda: any("not sent yet" in said for said in tui.notices))


async def test_a_refused_edit_says_why(server: ScriptedServer, tmp_path: Path) -> None:
    """An edit that the server refuses stays on the screen with the reason."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        server.message("Hi")
        server.reply("Hello")
        await tui.shows("Hello")
        await tui.says("ready")
        await tui.type("/edit")
        await tui.shows(MARK)
        server.acknowledges = False
        await tui.press("!", "enter")
        sent = await server.until(Send)
        assert (sent.text, sent.replaces) == ("Hi!", 1)
        server.tell(ErrorFrame("conflict", "It is another one.", re=sent.id))
        await tui.until(lambda: tui.notices == ["Not sent: It is another one."])
        assert tui.chat.prompt.text == "Hi!"
