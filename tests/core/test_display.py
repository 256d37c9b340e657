"""What untrusted text may do to a terminal: nothing."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpy_server.core.display import one_line, visible

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]52;c;AAAA\x07", "␛]52;c;AAAA␇"),
        ("\x1b[2J", "␛[2J"),
        ("\x9b31m", "␦31m"),
        ("\x85", "␦"),
        ("safe\rsudo", "safe␍sudo"),
        ("\x00\x08\x7f", "␀␈␡"),
        ("a\u202eb\u2066c\u200fd\u061c", "a⇄b⇄c⇄d⇄"),
        ("a\u2028b\u2029", "a␤b␤"),
        ("\ud83d", "\ufffd"),
        ("a\n\tb", "a\n\tb"),
        ("Grüße, 世界 👩‍👩‍👧", "Grüße, 世界 👩‍👩‍👧"),
    ],
)
def test_what_acts_is_shown(text, shown):
    """A control character becomes a glyph; newline, tab and ordinary text stay as they are."""
    assert visible(text) == shown


@given(ANY_TEXT)
def test_nothing_that_acts_is_left(text):
    """No control, bidi control, separator or surrogate passes, and the length stays."""
    shown = visible(text)
    assert len(shown) == len(text)
    assert not [
        c
        for c in shown
        if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} - {"\n"} and c not in "\n\t"
    ]
    assert not [
        c
        for c in shown
        if unicodedata.bidirectional(c)
        in {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}
    ]


@given(ANY_TEXT, ANY_TEXT)
def test_text_may_be_cut_anywhere(head, tail):
    """Two pieces made visible are the whole made visible."""
    assert visible(head) + visible(tail) == visible(head + tail)


@given(ANY_TEXT)
def test_visible_text_stays(text):
    """Making it visible again changes nothing."""
    assert visible(visible(text)) == visible(text)


def test_one_line_is_one_line():
    """Newlines and tabs become spaces where there is room for one line alone."""
    assert one_line("  a\n\tb \u2028c\x1b[31m ") == "a b c␛[31m"
