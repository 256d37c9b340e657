"""Selecting with the mouse: what is copied, how it looks, and where the keys go."""

from pathlib import Path

import pytest
from rich.style import Style
from support.scripted_server import ScriptedServer
from support.terminal import Terminal, terminal
from textual import events

from genpy_tui.render.palette import Palette

REPLY = """\
See src/app/main-1.py for \u200fmore words, wrapped over lines when the window is small.

```make
all:
\techo hi \x1b[31m
```

The end.
"""


def replied(server: ScriptedServer) -> None:
    """A conversation with a reply."""
    server.start(server.message("Hi"))
    server.stream(REPLY.replace("\n", "\r\n"))
    server.finish()


def place(tui: Terminal, text: str) -> tuple[int, int]:
    """Where a text begins on the screen."""
    lines = tui.screen.split("\n")
    y = next(number for number, line in enumerate(lines) if text in line)
    return lines[y].index(text), y


async def drag(tui: Terminal, start: tuple[int, int], end: tuple[int, int]) -> None:
    """Select from one cell to another."""
    await tui.pilot.mouse_down(offset=start)
    await tui.pilot.hover(offset=end)
    await tui.pilot.mouse_up(offset=end)
    await tui.pilot.pause()


async def test_what_is_selected_is_copied_exactly(server: ScriptedServer, tmp_path: Path) -> None:
    """Tabs and control characters in it are what was said, and the lines end with newlines."""
    replied(server)
    async with terminal(tmp_path, server=server.url, size=(80, 30)) as tui:
        await tui.shows("The end.")
        x, y = place(tui, "all:")
        await drag(tui, (x, y), (x + 40, y + 1))
        assert tui.app.screen.get_selected_text() == "all:\n\techo hi \x1b[31m"
        await tui.press("ctrl+c")
        assert tui.app.clipboard == "all:\n\techo hi \x1b[31m"
        assert any("what is selected" in notice for notice in tui.notices)


async def test_two_clicks_select_a_word_and_three_a_line(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """A path is one word, and a line is whole however it is wrapped."""
    replied(server)
    async with terminal(tmp_path, server=server.url, size=(50, 30)) as tui:
        await tui.shows("The end.")
        x, y = place(tui, "app/main")
        await tui.pilot.click(offset=(x + 3, y), times=2)
        assert tui.app.screen.get_selected_text() == "src/app/main-1.py"
        await tui.pilot.click(offset=(x + 3, y), times=3)
        assert tui.app.screen.get_selected_text() == REPLY.split("\n", maxsplit=1)[0]


@pytest.mark.parametrize("text", ["hello", "字"])
async def test_typing_goes_to_the_prompt(server: ScriptedServer, tmp_path: Path, text: str) -> None:
    """A click or a drag in the conversation takes no key away."""
    replied(server)
    async with terminal(tmp_path, server=server.url, size=(80, 30)) as tui:
        await tui.shows("The end.")
        x, y = place(tui, "The end.")
        await tui.pilot.click(offset=(x, y))
        await tui.press(*text)
        await drag(tui, (x, y), (x + 4, y))
        await tui.press(*text)
        assert tui.chat.prompt.text == text * 2


async def test_a_marked_message_keeps_its_keys(server: ScriptedServer, tmp_path: Path) -> None:
    """Its keys act on it; any other letter, and a paste, returns to the prompt."""
    replied(server)
    async with terminal(tmp_path, server=server.url, size=(80, 30)) as tui:
        await tui.shows("The end.")
        await tui.press("alt+up", "c")
        assert tui.app.clipboard == REPLY.replace("\n", "\r\n")
        await tui.press("w")
        assert tui.chat.prompt.text == "w"
        await tui.press("alt+up")
        tui.app.post_message(events.Paste("pasted\nlines"))
        await tui.until(lambda: tui.chat.prompt.text == "wpasted\nlines")
        assert tui.chat.prompt.has_focus


def light(style: Style, *, behind: bool) -> float:
    """The relative luminance of a colour by WCAG."""
    colour = style.bgcolor if behind else style.color
    assert colour is not None
    parts = [part / 255 for part in colour.get_truecolor()]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


async def test_selected_text_is_readable_in_every_theme(tmp_path: Path) -> None:
    """Its contrast is at least 4.5 to 1, or the terminal's own colours are reversed."""
    async with terminal(tmp_path, server="http://127.0.0.1:1") as tui:
        for name in tui.app.available_themes:
            tui.app.theme = name
            await tui.pilot.pause()
            palette = Palette(tui.app.theme_variables, tui.chat.view.rich_style)
            style = palette["code keyword"] + palette.selection()
            if not style.reverse:
                lights = light(style, behind=False), light(style, behind=True)
                assert (max(lights) + 0.05) / (min(lights) + 0.05) >= 4.5, name
