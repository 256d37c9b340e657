"""Mishaps: editors that fail, conversations that are gone, words that are no command."""

import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from support.running_server import serving
from support.scripted_model import DONE, Script, Upstream, chunk
from support.scripted_server import AT, ScriptedServer
from support.terminal import terminal
from textual.events import Paste

from genpy_server.core.models import ListedSession
from genpy_server.wire import End, ErrorFrame, Rate, Send
from genpy_tui.app import GenPyApp
from genpy_tui.dialogs import leave
from genpy_tui.render.notes import notice


def listed(number: int) -> ListedSession:
    """A session of a list."""
    return ListedSession(f"s{number}", "local", f"Talk {number}", "active", AT, AT, number)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (None, "Could not write in"),
        ("import os, sys; os.remove(sys.argv[1])", "Could not write in"),
        ("import sys; open(sys.argv[1], 'wb').write(b'\\xe9')", "did not write UTF-8"),
    ],
    ids=["missing", "removes", "latin-1"],
)
async def test_a_failing_editor_costs_nothing(
    tmp_path: Path,
    server: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    script: str | None,
    told: str,
) -> None:
    """When the editor cannot be started or spoils its file, the draft stays and a notice says why."""
    command = f"{sys.executable} -c" if script else str(tmp_path / "none")
    path = tmp_path / "editor.py"
    path.write_text(script or "", encoding="utf-8")
    monkeypatch.setenv("VISUAL", f"{sys.executable} {path}" if script else command)
    monkeypatch.setattr(GenPyApp, "suspend", nullcontext)
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        tui.chat.prompt.insert("my draft")
        await tui.press("ctrl+g")
        await tui.until(lambda: any(told in notice for notice in tui.notices))
        assert tui.chat.prompt.text == "my draft"


@pytest.mark.parametrize("typed", ["/nosuch", "/Nosuch"])
async def test_what_is_no_command_is_not_sent(
    tmp_path: Path, server: ScriptedServer, typed: str
) -> None:
    """A mistyped command stays in the prompt; behind a space it is a message."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        await tui.type(typed)
        await tui.until(lambda: any("Unknown command" in notice for notice in tui.notices))
        assert tui.chat.prompt.text == typed
        tui.chat.prompt.text = f" {typed}"
        await tui.press("enter")
        assert (await server.until(Send)).text == f" {typed}"


async def test_commands_are_known_in_capitals(tmp_path: Path, server: ScriptedServer) -> None:
    """/HELP is /help."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        await tui.type("/HELP")
        await tui.shows("Keys and commands")


async def test_a_message_to_a_deleted_conversation_comes_back(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """When the server took leave for good, what is said next stays in the prompt, with a word why."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        await server.cut(1000)
        await tui.says("closed")
        await tui.type("Are you there?")
        await tui.until(lambda: any("is not sent" in notice for notice in tui.notices))
        assert tui.chat.prompt.text == "Are you there?"
        assert "waiting" not in tui.screen


async def test_what_a_person_typed_is_shown_as_typed(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """Lines, indentation and signs of a person's message stand as they were written."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        server.message("first line\nsecond line\n    indented = 1\n# a comment\n\n* star")
        await tui.until(lambda: "star" in tui.transcript)
        typed = tui.transcript.splitlines()[2:8]
        assert [line.rstrip() for line in typed] == [
            "  first line",
            "  second line",
            "      indented = 1",
            "  # a comment",
            "",
            "  * star",
        ]


async def test_older_messages_are_nothing_new(tmp_path: Path, server: ScriptedServer) -> None:
    """Lines that are loaded above are not told as new, and another conversation begins at its end."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        server.start(server.message("Tell me"))
        server.stream("\n\n".join(f"Paragraph {number}" for number in range(60)))
        await tui.shows("Paragraph 59")
        await tui.press("pageup", "pageup")
        await tui.shows("more below")
        older = [server.stored(number, f"long ago {number}") for number in range(-40, 0)]
        client = tui.chat.conversation.client
        assert client is not None
        client.transcript.older(older, None)
        tui.chat.view.reset(client.transcript)
        await tui.until(lambda: "long ago" in tui.transcript)
        assert tui.chat.view.unseen == 0
        server.stream("\n\nand more\n\nand more")
        await tui.shows("new lines")
        await tui.press("ctrl+n")
        await tui.until(lambda: "end returns" not in tui.screen)


async def test_the_lines_are_right_between_a_change_and_its_drawing(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """The screen may be drawn before what came together is, and what went takes its lines with it."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        view, client = tui.chat.view, tui.chat.conversation.client
        assert client is not None
        await tui.until(lambda: not view.pending)
        client.transcript.older([server.stored(n, f"said {n}") for n in (-3, -2, -1)], None)
        view.reset(client.transcript)
        view.stack.note(notice("And a notice."))
        assert "said" not in tui.transcript
        await tui.shows("said -1", "And a notice.")
        for name, lines in (("one", 9), ("two", 1), ("three", 50), ("four", 50)):
            view.stack.sent(name, f"{name}\n" * lines)
        await tui.shows("four")
        view.stack.withdraw("one")
        await tui.until(lambda: not view.pending)
        assert view.column.height == len(view.column.rows(0, 1_000))


async def test_an_older_day_is_named(tmp_path: Path, server: ScriptedServer) -> None:
    """A message of another day tells its day."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        server.message("Hello")
        await tui.shows(f"{AT[8:10]} Jan {AT[:4]}")


async def test_what_is_left_of_a_limit_is_shown(tmp_path: Path) -> None:
    """What the model's service says is left of its limit stands in the frame of the prompt."""
    async with (
        Upstream() as upstream,
        serving(tmp_path / "genpy.db", GENPY_LLM_URL=upstream.url) as running,
        terminal(tmp_path, server=running.url, size=(120, 30)) as tui,
    ):
        await tui.says("ready")
        upstream.script(
            Script(
                pieces=[chunk({"content": "Hello"}), chunk(finish="stop"), DONE],
                headers={"x-ratelimit-remaining-tokens": "5821"},
            )
        )
        await tui.type("Hi")
        await tui.shows(f"{upstream.models[0]} · automatic · ", " · 5,821 tokens left")


async def test_the_reason_is_shown_on_request(tmp_path: Path, server: ScriptedServer) -> None:
    """The kind of help, how sure it is and why stand in the head of the message under the cursor."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        server.start(server.message("Hello"))
        server.stream("Hi.")
        server.finish()
        await tui.shows("Hi.")
        assert "casual chat" not in tui.transcript
        await tui.press("alt+up")
        await tui.shows('◆ GenPy  casual chat · 90% sure · words: "how do" · scripted-model')
        await tui.press("escape")
        await tui.until(lambda: "casual chat" not in tui.transcript)


async def test_the_model_is_named_where_it_changes(tmp_path: Path, server: ScriptedServer) -> None:
    """A reply names its model when that is not the model of the reply before it."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        for number, model in enumerate(("one", "one", "other")):
            server.model = model
            server.message(f"Question {number}")
            server.reply(f"Answer {number}", run=f"run-{number}")
        await tui.shows("Answer 2")
        heads = [line for line in tui.transcript.split("\n") if "◆ GenPy" in line]
        assert [head.split()[2:] for head in heads] == [[], [], ["other"]]


async def test_ctrl_c_empties_the_prompt_then_offers_to_leave(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """With nothing selected it empties a prompt, which up brings back, and asks in an empty one."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        await tui.press(*"draft", "ctrl+c")
        assert tui.chat.prompt.text == ""
        await tui.press("up")
        assert tui.chat.prompt.text == "draft"
        await tui.press("ctrl+c", "ctrl+c")
        await tui.shows("Leave GenPy?")
        assert tui.app._exit is False
        await tui.press("escape")
        assert tui.chat.prompt.has_focus


@pytest.mark.parametrize("asked", ["ctrl+c", "/rate"])
async def test_what_is_typed_over_a_question_is_kept(
    tmp_path: Path, server: ScriptedServer, asked: str
) -> None:
    """Letters and pastes that are no answer to a question go into the prompt behind it."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        server.message("Hello")
        await tui.until(lambda: tui.chat.conversation.begun)
        await (tui.press(asked) if asked == "ctrl+c" else tui.type(asked))
        await tui.until(lambda: tui.app.screen is not tui.chat)
        await tui.press(*"so it", "space", "down")
        tui.app.screen.post_message(Paste("is\n" * 50))
        await tui.press("!", "escape")
        assert tui.app.screen is tui.chat
        assert tui.chat.prompt.full_text == "so it " + "is\n" * 50 + "!"


async def test_ctrl_c_copies_what_is_selected_in_the_prompt(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """It is copied exactly, a notice says so, and the prompt keeps it."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        tui.chat.prompt.insert("a\u200fdraft")
        await tui.press("shift+home", "ctrl+c")
        assert tui.app.clipboard == "a\u200fdraft" == tui.chat.prompt.text
        assert "clipboard" in tui.notices[0]


async def test_a_second_ctrl_q_leaves(tmp_path: Path, server: ScriptedServer) -> None:
    """During the question whether to leave, the key that asked it answers it."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        server.acknowledges = False
        await tui.type("never acknowledged")
        await tui.press("ctrl+q")
        await tui.shows("Leave anyway?")
        await tui.press("ctrl+q")
        await tui.until(lambda: tui.app.return_code == 0)


async def test_an_export_to_nobody_is_refused(tmp_path: Path, server: ScriptedServer) -> None:
    """A name that cannot be a file is told, and the client goes on."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        server.message("Hello")
        await tui.until(lambda: tui.chat.conversation.begun)
        server.api["/api/session/11111111-1111-4111-8111-111111111111/messages"] = {"messages": []}
        await tui.type("/export ~nobody-of-that-name/x.md")
        await tui.until(lambda: any("Not exported" in notice for notice in tui.notices))
        await tui.type(f"/export {tmp_path}/none/x.md")
        said = f"Not exported: No such file or directory: {tmp_path}/none/x.md"
        await tui.until(lambda: said in tui.notices)


async def test_after_a_deletion_the_next_row_is_chosen(
    tmp_path: Path, server: ScriptedServer
) -> None:
    """When the chosen conversation is gone from the list, its neighbour is chosen."""
    async with terminal(tmp_path, server=server.url, size=(120, 30)) as tui:
        await tui.says("ready")
        sidebar = tui.chat.list.sidebar
        sessions = [listed(number) for number in range(3)]
        sidebar.show(sessions, "")
        sidebar.highlighted = 1
        sidebar.show([sessions[0], sessions[2]], "")
        assert sidebar.highlighted == 1
        sidebar.show([sessions[0]], "")
        assert sidebar.highlighted == 0
        sidebar.show([], "")
        assert sidebar.highlighted is None


async def test_a_refused_end_lets_leave(
    tmp_path: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the server refuses the end that leaving asks for, nobody waits for its summary."""
    monkeypatch.setattr(leave, "SUMMARY_SECONDS", 600.0)
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        server.message("Hello")
        await tui.until(lambda: tui.chat.conversation.begun)
        tui.app.push_screen(leave.LeaveScreen(tui.chat))
        await tui.shows("Its summary is being written")
        await server.until(End)
        server.tell(ErrorFrame("store_timeout", "Not now.", re="end"))
        await tui.until(lambda: tui.app.screen is tui.chat)


@pytest.mark.parametrize("size", [(40, 10), (80, 12), (30, 8)])
async def test_low_windows_show_answers(
    tmp_path: Path, server: ScriptedServer, size: tuple[int, int]
) -> None:
    """However low the window is, a dialog shows answers, and the chosen one while it moves."""
    async with terminal(tmp_path, server=server.url, size=size) as tui:
        await tui.says("ready")
        server.message("Hello")
        await tui.until(lambda: tui.chat.conversation.begun)
        await tui.type("/rate")
        await tui.shows("5 of 5", "4 of 5")
        await tui.press("up")
        await tui.shows("1 of 5")
        await tui.press("enter")
        assert (await server.until(Rate)).rating == 1
