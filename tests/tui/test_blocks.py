"""Reading: the view follows or stays, the cursor, copying, tools, links, selecting."""

import re
from functools import partial
from itertools import accumulate, takewhile
from pathlib import Path

import pytest
from support.scripted_server import SESSION, ScriptedServer
from support.terminal import Terminal, terminal
from textual.widgets import OptionList

from genpy_server.wire import ToolFinished, ToolStarted
from genpy_tui.commands import COMMANDS
from genpy_tui.widgets.prompt import PLACEHOLDERS

LONG = "\n\n".join(f"Paragraph number {number} of many." for number in range(60))


async def talk(tui: Terminal, server: ScriptedServer, text: str) -> None:
    """One turn whose reply is on the screen."""
    await server.attach()
    server.message("Tell me")
    server.reply(text)
    last = text.rsplit(maxsplit=1)[-1]
    await tui.until(lambda: "Tell me" in tui.transcript and last in tui.transcript)
    await tui.says("ready")


def paragraphs(tui: Terminal) -> list[str]:
    """The numbered paragraphs on the screen."""
    return re.findall(r"Paragraph number \d+", tui.screen)


def written_keys(tui: Terminal) -> list[str]:
    """The keys in the last line of the screen, each with what it does."""
    return re.split(" {2,}", tui.screen.splitlines()[-1].strip())


async def test_the_view_follows_the_end(server: ScriptedServer, tmp_path: Path) -> None:
    """While nobody scrolls, the newest line is on the screen."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        server.start(server.message("Tell me"))
        for number in range(40):
            server.stream(f"Line {number}\n\n")
        await tui.shows("Line 39")


async def test_what_is_read_stays_while_more_arrives(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """Scrolled up, the text stays where it is, the new is counted, and end returns to it."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        server.start(server.message("Tell me"))
        server.stream(LONG)
        await tui.shows("Paragraph number 59")
        await tui.press("pageup", "pageup")
        await tui.shows("more below")
        before = paragraphs(tui)
        server.stream("\n\nAnd then\n\n- more\n- more\n- more")
        await tui.shows("new lines")
        assert paragraphs(tui)[:6] == before[:6]
        await tui.press("end")
        await tui.shows("• more")
        await tui.until(lambda: "new lines" not in tui.screen)


async def test_a_resize_keeps_the_place(server: ScriptedServer, tmp_path: Path) -> None:
    """Another width wraps again; the paragraph that was on top stays there."""
    words = "\n\n".join(f"P{number} " + "several words in a row " * 12 for number in range(40))
    async with terminal(tmp_path, server=server.url, size=(100, 30)) as tui:
        await talk(tui, server, words)
        await tui.press("pageup", "pageup", "pageup")
        top = next(line for line in tui.screen.split("\n") if " P" in line).split()[0]
        await tui.pilot.resize_terminal(60, 20)
        await tui.shows(top)
        for width in (140, 41, 99, 80):
            await tui.pilot.resize_terminal(width, 24)
        await tui.shows(top)


async def test_copy_says_only_what_is_known(server: ScriptedServer, tmp_path: Path) -> None:
    """C hands the message to the terminal, and does not claim that it arrived."""
    async with terminal(tmp_path, server=server.url) as tui:
        await talk(tui, server, "Some *words* here")
        await tui.press("alt+up", "c")
        assert tui.app.clipboard == "Some *words* here"
        assert "if your terminal allows it" in tui.notices[-1]


async def test_code_is_copied_block_by_block(server: ScriptedServer, tmp_path: Path) -> None:
    """Y copies the first block of code, pressed again the next."""
    text = "One:\n\n```python\nprint(1)\n```\n\n1. two\n\n   ```\n   two\n   ```\n\nend"
    async with terminal(tmp_path, server=server.url) as tui:
        await talk(tui, server, text)
        await tui.press("alt+up", "y")
        assert tui.app.clipboard == "print(1)"
        await tui.press("y")
        assert tui.app.clipboard == "two"
        assert "code 2 of 2" in tui.notices[-1]


async def test_a_tool_is_expanded(server: ScriptedServer, tmp_path: Path) -> None:
    """A tool is one line; expanded it shows its arguments and its result, cut with a count."""
    result = "\n".join(f"- entry {number}" for number in range(100))
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        server.start(server.message("Look"))
        server.emit(ToolStarted(0, "run-1", "call", "search_chat_history", {"query": "Rome"}))
        server.emit(ToolFinished(0, "run-1", "call", ok=True, ms=3.0, result=result))
        server.stream("Found it.")
        server.finish()
        await tui.shows("▸ search_chat_history", "Found it.")
        assert "entry 1" not in tui.transcript
        await tui.press("alt+up", "x")
        await tui.until(lambda: '"query": "Rome"' in tui.transcript)
        assert "• entry 23" in tui.transcript
        assert "… 76 more lines" in tui.transcript
        await tui.press("x")
        await tui.until(lambda: "entry 1" not in tui.transcript)


async def test_quote_puts_it_into_the_prompt(server: ScriptedServer, tmp_path: Path) -> None:
    """Q quotes the message in the prompt."""
    async with terminal(tmp_path, server=server.url) as tui:
        await talk(tui, server, "first\nsecond")
        await tui.press("alt+up", "q")
        assert tui.chat.prompt.text == "> first\n> second\n\n"
        assert tui.chat.prompt.has_focus


async def test_an_own_message_is_edited(server: ScriptedServer, tmp_path: Path) -> None:
    """E puts an own message back into the prompt."""
    async with terminal(tmp_path, server=server.url) as tui:
        await talk(tui, server, "Answer")
        await tui.press("alt+up", "alt+up", "e")
        assert tui.chat.prompt.text == "Tell me"


async def test_a_link_is_opened_only_when_confirmed(
    server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A click on a link asks, with its whole target; only then a browser opens it."""
    opened: list[str] = []
    async with terminal(tmp_path, server=server.url) as tui:
        monkeypatch.setattr(tui.app, "open_url", opened.append)
        await talk(tui, server, "See [this page](https://example.org/a) now")
        row = next(n for n, line in enumerate(tui.screen.split("\n")) if "this page" in line)
        column = tui.screen.split("\n")[row].index("this page")
        await tui.pilot.click(offset=(column + 1, row))
        await tui.shows("Open this link?", "https://example.org/a")
        assert opened == []
        await tui.press("enter")
        await tui.until(lambda: opened == ["https://example.org/a"])


@pytest.mark.parametrize("target", ["ssh://host", "mailto:a@b.c", "ftp://host/file"])
async def test_other_addresses_are_never_opened(
    server: ScriptedServer, tmp_path: Path, target: str
) -> None:
    """Only http and https are offered to the browser."""
    async with terminal(tmp_path, server=server.url) as tui:
        await talk(tui, server, f"See <{target}> now")
        row = next(n for n, line in enumerate(tui.screen.split("\n")) if target in line)
        await tui.pilot.click(offset=(tui.screen.split("\n")[row].index(target) + 1, row))
        await tui.until(lambda: tui.notices)
        assert "Only web addresses are opened" in tui.notices[-1]


async def test_selected_text_is_unwrapped_and_bare(server: ScriptedServer, tmp_path: Path) -> None:
    """What is selected with the mouse is the text: no bars, no line breaks that only wrapped."""
    text = "> " + "word " * 30 + "\n\n```python\nx = 1\n```\n\nend"
    async with terminal(tmp_path, server=server.url, size=(60, 30)) as tui:
        await talk(tui, server, text)
        tui.app.screen.text_select_all()
        selected = tui.app.screen.get_selected_text()
        assert selected is not None
        assert " ".join(["word"] * 30) in selected
        assert "\nx = 1\n" in selected
        assert "▎" not in selected


async def drag(tui: Terminal, start: str, end: str) -> None:
    """Drag the mouse from the beginning of one text on the screen to the end of another."""
    lines = tui.screen.split("\n")

    def place(text: str, shift: int) -> tuple[int, int]:
        row = next(n for n, line in enumerate(lines) if text in line)
        return lines[row].index(text) + shift, row

    await tui.pilot.mouse_down(offset=place(start, 0))
    await tui.pilot.hover(offset=place(end, 0))
    await tui.pilot.hover(offset=place(end, len(end)))
    await tui.pilot.mouse_up(offset=place(end, len(end)))


async def test_what_the_mouse_selects_is_copied(server: ScriptedServer, tmp_path: Path) -> None:
    """A drag over the transcript selects from letter to letter, and ctrl+c copies just that."""
    async with terminal(tmp_path, server=server.url, size=(60, 30)) as tui:
        await talk(tui, server, "Alpha beta gamma.\n\nDelta epsilon zeta.")
        await drag(tui, "beta", "epsilon")
        await tui.press("ctrl+c")
        assert tui.app.clipboard == "beta gamma.\n\nDelta epsilon"
        assert "what is selected" in tui.notices[-1]
        assert "if your terminal allows it" in tui.notices[-1]


async def test_a_drag_over_wrapped_lines_is_one_line(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """Lines that only wrapped are copied as the one line they are."""
    async with terminal(tmp_path, server=server.url, size=(50, 30)) as tui:
        await talk(tui, server, "first " + "word " * 20 + "last")
        await drag(tui, "first", "last")
        await tui.press("ctrl+c")
        assert tui.app.clipboard == "first " + "word " * 20 + "last"


async def test_a_click_ends_the_selection(server: ScriptedServer, tmp_path: Path) -> None:
    """After a click nothing is selected, and ctrl+c copies nothing of the transcript."""
    async with terminal(tmp_path, server=server.url, size=(60, 30)) as tui:
        await talk(tui, server, "Alpha beta gamma.")
        await drag(tui, "Alpha", "beta")
        assert tui.app.screen.get_selected_text() == "Alpha beta"
        await tui.pilot.click(offset=(30, 12))
        assert not tui.app.screen.get_selected_text()
        await tui.press("ctrl+c")
        assert tui.app.clipboard == ""


async def test_older_messages_come_while_scrolling_up(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """Scrolling to the top loads the page before, and what was seen does not move."""
    page = [
        {"id": n, "session_id": SESSION, "role": "user", "text": f"Old {n}", "at": "2026-01-01"}
        for n in range(1, 101)
    ]
    server.api[f"/api/session/{SESSION}/messages"] = {"messages": page}
    server.before = 101
    for number in range(101, 131):
        server.log.append(server.stored(number, f"New {number}"))
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.shows("New 130")
        await tui.press("ctrl+home")
        await tui.until(lambda: "Old 1" in tui.transcript)
        await tui.shows("New 101")
        await tui.press("ctrl+home")
        await tui.shows("Old 1")


async def test_the_cursor_returns_to_the_prompt(server: ScriptedServer, tmp_path: Path) -> None:
    """alt+down past the last block goes back to writing."""
    async with terminal(tmp_path, server=server.url) as tui:
        await talk(tui, server, "Answer")
        await tui.press("alt+up")
        assert tui.chat.view.has_focus
        await tui.press("alt+down")
        assert tui.chat.prompt.has_focus


def placeholder(tui: Terminal) -> str:
    """What the empty prompt says."""
    return next(iter(re.findall(r"│ (Ask .*?) *│", tui.screen)), "")


def words_in_frame(tui: Terminal) -> str:
    """The text inside a dialog, as one line."""
    return " ".join(" ".join(line.strip("│ ") for line in tui.screen.splitlines()).split())


async def test_f1_shows_every_command(server: ScriptedServer, tmp_path: Path) -> None:
    """Help lists the keys and slash commands of the one table, each whole at any width."""
    async with terminal(tmp_path, server=server.url, size=(120, 100)) as tui:
        await tui.press("f1")
        await tui.shows(
            "Keys and commands", "/export FILE", "Copy its code", "/set NAME VALUE Show"
        )
        for width in (44, 36):
            await tui.pilot.resize_terminal(width, 300)
            await tui.until(
                lambda: all(command.help in words_in_frame(tui) for command in COMMANDS)
            )
        await tui.press("escape")
        await tui.until(lambda: not tui.app.screen.query(OptionList).filter(".dialog"))


async def test_the_footer_has_the_keys_that_do_something(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """Of the marked message only what can be edited, expanded and answered again is offered."""
    async with terminal(tmp_path, server=server.url, size=(160, 24)) as tui:
        await talk(tui, server, "One")
        server.message("And more")
        server.reply("Two", run="run-2")
        await tui.shows("Two")
        await tui.says("ready")
        able = {"x Expand", "r Retry", "e Edit"}
        for shown in ({"r Retry"}, {"r Retry", "e Edit"}, set[str]()):
            await tui.press("alt+up")
            await tui.until(partial(lambda shown: able & {*written_keys(tui)} == shown, shown))
        await tui.press("e")
        await tui.until(lambda: "can be edited" in " ".join(tui.notices))


async def test_a_notice_of_before_covers_no_dialog(server: ScriptedServer, tmp_path: Path) -> None:
    """A dialog shows the notices that came while it was open, and the chat again those of before."""
    async with terminal(tmp_path, server=server.url, notifications=True) as tui:
        await tui.says("ready")
        tui.app.notify("This was before.", timeout=600)
        await tui.shows("This was before.")
        await tui.press("f1")
        await tui.shows("Keys and commands")
        tui.app.notify("This is of now.", timeout=600)
        await tui.shows("This is of now.")
        assert "This was before." not in tui.screen
        await tui.press("escape")
        await tui.shows("This was before.", "This is of now.")


async def test_hints_are_never_cut(server: ScriptedServer, tmp_path: Path) -> None:
    """The last line has each key with its whole name or not at all; so has the empty prompt its hint."""
    async with terminal(tmp_path, server=server.url, size=(160, 24)) as tui:
        await talk(tui, server, "One")
        await tui.press("alt+up")
        await tui.shows("c Copy ", "^q Quit")
        whole = written_keys(tui)
        for width in (80, 40, 23, 160):
            await tui.pilot.resize_terminal(width, 24)
            ends = accumulate(len(key) + 2 for key in whole)
            fits = whole[: sum(1 for _ in takewhile(width.__ge__, ends))]
            await tui.until(partial(lambda fits: written_keys(tui) == fits, fits))
            hint = "Ask anything" + {40: " · / for commands", 23: ""}.get(
                width, PLACEHOLDERS[0][12:]
            )
            await tui.until(partial(lambda hint: placeholder(tui) == hint, hint))
        assert fits == whole
