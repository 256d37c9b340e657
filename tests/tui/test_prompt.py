"""The prompt: exact text, places where the cursor may stand, and what begins a line."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textual import events
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from genpy_tui.terminal.graphemes import stops
from genpy_tui.widgets.prompt import Prompt

FAMILY, FLAGS, THUMB, KEYCAP = "👨\u200d👩\u200d👧", "🇩🇪🇫🇷", "👍🏽", "1\ufe0f\u20e3"
EXACT = [
    "שלום\u200f! (v2\u200e)",
    "Name: \u2068\u05d3\u05d5\u05d3\u2069 end",
    "page\x0ctwo",
    "one\u2028two\u2029three\x0b\x1c\x85four",
    "\x1b[31mred\x1b[0m\x07",
    "    if x:\n        return 1\n    return 2",
    "\tall:\n\techo hi",
    "\ufeffbom \U0010001b private \U0010fffd",
    "trailing  \n\n",
]


class Host(App[None]):
    """The prompt alone, and what it sent."""

    def __init__(self) -> None:
        super().__init__()
        self.prompt = Prompt()
        self.sent: list[str] = []

    def compose(self) -> ComposeResult:
        """The prompt with its menu."""
        yield self.prompt.menu
        yield self.prompt

    def on_prompt_submitted(self, message: Prompt.Submitted) -> None:
        """Keep what was sent."""
        self.sent.append(message.text)


@asynccontextmanager
async def hosted() -> AsyncIterator[tuple[Host, Pilot[None]]]:
    """The prompt with the focus."""
    app = Host()
    app.animation_level = "none"
    async with app.run_test(size=(60, 12)) as pilot:
        app.prompt.focus()
        await pilot.pause()
        yield app, pilot


@pytest.mark.parametrize("text", EXACT)
async def test_what_was_pasted_is_sent_exactly(text: str) -> None:
    """Marks of direction, control characters and indentation arrive as they were."""
    async with hosted() as (app, pilot):
        app.prompt.post_message(events.Paste(text))
        await pilot.pause()
        assert app.prompt.text == text
        await pilot.press("enter")
        assert app.sent == [text]


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r")))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_stands_in_the_prompt_exactly(text: str) -> None:
    """Whatever is written, the document gives it back, and holds nothing that acts."""
    prompt = Prompt()
    prompt.load_text(text)
    assert prompt.text == text
    assert prompt.document.line_count == text.count("\n") + 1


async def test_lines_that_end_as_elsewhere_are_lines() -> None:
    """CRLF and CR, as terminals paste them, are newlines."""
    async with hosted() as (app, pilot):
        app.prompt.post_message(events.Paste("a\r\nb\rc"))
        await pilot.pause()
        assert app.prompt.text == "a\nb\nc"


@pytest.mark.parametrize("text", ["", "   ", "\n\t\n"])
async def test_white_space_alone_is_no_message(text: str) -> None:
    """Nothing is sent of it."""
    async with hosted() as (app, pilot):
        app.prompt.load_text(text)
        await pilot.press("enter")
        assert app.sent == []


@pytest.mark.parametrize("typed", [FAMILY, "می\u200cروم", "全角\u3000空白", "a\u00a0b", "x\u200f!"])
async def test_every_character_of_a_text_can_be_typed(typed: str) -> None:
    """Joiners, marks of direction and spaces that a keyboard sends reach the message."""
    async with hosted() as (app, pilot):
        for character in typed:
            app.prompt.post_message(events.Key("typed", character))
        await pilot.press("enter")
        assert app.sent == [typed]


@pytest.mark.parametrize("picture", [FAMILY, FLAGS[:2], THUMB, KEYCAP, "e\u0301", "❤\ufe0f"])
async def test_a_picture_is_one_for_keys(picture: str) -> None:
    """Backspace, delete and the arrows take what is seen as one character whole."""
    async with hosted() as (app, pilot):
        app.prompt.insert(f"a{picture}b")
        await pilot.press("left", "left")
        assert app.prompt.cursor_location == (0, 1)
        await pilot.press("right")
        assert app.prompt.cursor_location == (0, 1 + len(picture))
        await pilot.press("backspace")
        assert app.prompt.text == "ab"
        app.prompt.insert(picture)
        await pilot.press("left", "delete")
        assert app.prompt.text == "ab"


@pytest.mark.parametrize(("text", "left"), [("กำ", "ก"), ("नि", "न"), ("ab", "a"), ("字字", "字")])
async def test_letters_are_taken_by_code_point(text: str, left: str) -> None:
    """In scripts whose signs are corrected one by one, backspace takes one."""
    async with hosted() as (app, pilot):
        app.prompt.insert(text)
        await pilot.press("backspace")
        assert app.prompt.text == left


def test_two_flags_are_two() -> None:
    """Flags in a row, and a picture beside a letter, have a stop between them."""
    assert stops(FLAGS) == [(0, 2), (2, 4)]
    assert stops(f"{THUMB}x{FAMILY}") == [(0, 2), (3, 8)]
    assert stops("क\u094d\u200dष") == []


async def test_a_paste_mark_is_one_for_keys() -> None:
    """One backspace removes it, no key leaves half of it, and undo brings it back."""
    async with hosted() as (app, pilot):
        long = "line\n" * 60
        app.prompt.insert("see ")
        app.prompt.post_message(events.Paste(long))
        await pilot.pause()
        mark = app.prompt.text
        await pilot.press("left")
        assert app.prompt.cursor_location == (0, 4)
        await pilot.press("right", "ctrl+w")
        assert app.prompt.text == "see "
        await pilot.press("ctrl+underscore")
        assert app.prompt.text == mark
        assert app.prompt.full_text == f"see {long}"
        await pilot.press("end", "backspace")
        assert app.prompt.text == "see "


@pytest.mark.parametrize("key", ["ctrl+j", "shift+enter", "ctrl+enter", "alt+enter"])
async def test_a_key_begins_a_line(key: str) -> None:
    """Every key that people know for it does, and nothing is sent."""
    async with hosted() as (app, pilot):
        await pilot.press("a", key, "b")
        assert app.prompt.text == "a\nb"
        assert app.sent == []


async def test_a_backslash_at_the_end_begins_a_line() -> None:
    """Enter behind it begins a line in its place; behind two of them it sends."""
    async with hosted() as (app, pilot):
        await pilot.press("a", "backslash", "enter", "b", "enter")
        assert app.sent == ["a\nb"]
        app.prompt.insert("a\\\\")
        await pilot.press("enter")
        assert app.sent == ["a\nb", "a\\\\"]


async def test_control_characters_are_seen_as_one_cell_each() -> None:
    """The cursor stands where the text is, and the glyph is what is shown."""
    async with hosted() as (app, pilot):
        app.prompt.insert("a\x1b\u200fb")
        await pilot.pause()
        assert app.prompt.get_line(0).plain == "a␛⇄b"
        assert app.prompt.get_column_width(0, 4) == 4
        await pilot.press("backspace", "backspace")
        assert app.prompt.text == "a\x1b"
