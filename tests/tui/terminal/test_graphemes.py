"""Texts of whose cells terminals have different ideas stay within their cells."""

import pytest
from rich.console import Console
from rich.segment import Segment
from textual import _compositor as compositor
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Region
from textual.strip import Strip

from genpy_tui.terminal import internals
from genpy_tui.terminal.graphemes import doubtful, parts


@pytest.mark.parametrize(
    ("text", "doubts"),
    [
        ("plain │ text, naïve, 漢字 かな 한국어 Привет", False),
        ("مرحبا سلام", False),
        ("👍🏽", True),
        ("☎️", True),
        ("1️⃣", True),
        ("नमस्ते", True),
        ("soft\u00adhyphen", True),
    ],
)
def test_what_terminals_disagree_about(text: str, doubts: bool) -> None:
    """Emoji, format characters and the scripts with spacing signs are doubtful, nothing else."""
    assert doubtful(text) is doubts


def test_parts_of_a_row() -> None:
    """What follows an emoji has its own place; letters that may be shifted stay together to a gap."""
    row = ["│ a👍🏽", "b नम ", "स्ते  end 🎉│"]
    assert [(part.number, part.text, part.placed) for part in parts(row)] == [
        (0, "│", True),
        (0, " a", True),
        (0, "👍🏽", True),
        (1, "b नम ", True),
        (2, "स्ते", False),
        (2, "end ", True),
        (2, "🎉", True),
        (2, "│", True),
    ]


def test_the_frame_beside_an_emoji_is_written_in_its_place() -> None:
    """The cells of an emoji are cleared, and what follows is put where it is counted."""
    internals.driver(LinuxDriver)
    strip = Strip([Segment("a👍🏽 │")])
    update = compositor.LayoutUpdate([[strip], [Strip([Segment("ab │")])]], Region(2, 4, 5, 2))
    out = update.render_segments(Console(color_system=None))
    assert out == (
        "\x1b[5;3H     \x1b[5;3Ha\x1b[5;4H👍🏽\x1b[5;6H \x1b[5;7H│\x1b[5;8H\x1b[6;3Hab │"
    )
