"""Columns that line up and excerpts that fit, whatever the text."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpy_cli.commands.sessions_list import COLUMNS
from genpy_cli.excerpt import excerpt
from genpy_cli.grid import GAP, cell_width, cut, fitted, lines
from genpy_server.core.display import age, one_line

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
TEXT = st.text(max_size=120).map(one_line)
TITLES = st.text("ab 世界é👍", max_size=90)


@given(TEXT, st.integers(1, 60))
def test_a_cut_text_fits(text, width):
    """A text is cut to a width in cells, and one that fits stays as it is."""
    short = cut(text, width)
    assert cell_width(short) <= width
    assert short == text or short.endswith("…")
    assert (short == text) == (cell_width(text) <= width)


@given(TEXT, st.integers(1, 60))
def test_a_fitted_text_fills(text, width):
    """A fitted text has exactly its width, on either side."""
    assert cell_width(fitted(text, width)) == cell_width(fitted(text, width, right=True)) == width


def test_wide_characters_have_two_cells():
    """Chinese takes two cells a character, a combining accent none."""
    assert cell_width("世界") == 4
    assert cell_width("e\u0301") == 1
    assert cut("世界世界", 4) == "世…"


@given(st.lists(st.tuples(TITLES, TITLES), min_size=1, max_size=5), st.sampled_from([80, 100, 200]))
def test_a_list_fits_and_lines_up(texts, width):
    """The list of sessions is never wider than the terminal, and its columns begin at one place."""
    rows = [
        ("0b7e1f52", title, "✓ completed", "04 May 2026", "1200", "★★★★☆", summary)
        for title, summary in texts
    ]
    shown = [GAP.join(cells) for cells in lines(COLUMNS, rows, width)]
    assert {cell_width(line.rstrip()) <= width for line in shown} == {True}
    assert len({cell_width(line) for line in shown}) == 1


@given(TEXT, st.integers(40, 100))
def test_an_excerpt_fits(text, width):
    """An excerpt is one line that fits, whose marked pieces are what was looked for."""
    pieces = excerpt(f"{text} Needle {text}", ["needle"], width)
    assert cell_width("".join(piece.text for piece in pieces)) <= width
    assert {piece.text.lower() for piece in pieces if piece.found} <= {"needle"}


def test_an_excerpt_shows_what_was_found():
    """What was looked for is in the excerpt, however far behind it stands."""
    pieces = excerpt("word " * 500 + "the needle is here", ["needle"], 60)
    assert "".join(piece.text for piece in pieces).startswith("…")
    assert [piece.text for piece in pieces if piece.found] == ["needle"]


@pytest.mark.parametrize(
    ("ago", "shown"),
    [
        (timedelta(seconds=-30), "now"),
        (timedelta(seconds=59), "now"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=47), "1 d"),
        (timedelta(days=6, hours=23), "6 d"),
        (timedelta(days=30), "04 Apr 2026"),
    ],
    ids=str,
)
def test_ages(ago, shown):
    """An age is the largest whole unit, and a date after a week; a clock ahead is now."""
    assert age((NOW - ago).isoformat(), NOW) == shown
