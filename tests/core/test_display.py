"""What untrusted text may do to a terminal: nothing."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpy_server.core.display import escaped, one_line, protect, restore, stars, visible

ANY_TEXT = st.text(st.characters(exclude_categories=()))
JSON_TEXT = st.text(st.characters(exclude_categories=("Cs",)))
ACTING_CATEGORIES = {"Cc", "Cs", "Zl", "Zp"}
ACTING_DIRECTIONS = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}


def acts(character: str) -> bool:
    """Whether a terminal obeys it, by what Unicode says of it."""
    return character not in "\n\t" and (
        unicodedata.category(character) in ACTING_CATEGORIES
        or unicodedata.bidirectional(character) in ACTING_DIRECTIONS
    )


def is_half(character: str) -> bool:
    """Whether no text can hold it: half a character of UTF-16."""
    return unicodedata.category(character) == "Cs"


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
    assert not any(map(acts, shown))


@given(ANY_TEXT, ANY_TEXT)
def test_text_may_be_cut_anywhere(head, tail):
    """Two pieces made visible are the whole made visible."""
    assert visible(head) + visible(tail) == visible(head + tail)


@given(ANY_TEXT)
def test_visible_text_stays(text):
    """Making it visible again changes nothing."""
    assert visible(visible(text)) == visible(text)


@given(JSON_TEXT)
def test_json_keeps_its_meaning(text):
    """A JSON document without acting characters reads as the same text."""
    document = escaped(json.dumps({text: [text]}, ensure_ascii=False))
    assert not any(map(acts, document))
    assert json.loads(document) == {text: [text]}


def test_one_line_is_one_line():
    """Newlines and tabs become spaces where there is room for one line alone."""
    assert one_line("  a\n\tb \u2028c\x1b[31m ") == "a b c\x1b[31m"


@given(ANY_TEXT)
def test_what_is_protected_is_laid_out_and_restored(text):
    """Protected text has no character that acts or ends a line, and gives the exact text back."""
    shown = protect(text)
    assert not any(map(acts, shown))
    assert len(shown.splitlines()) <= text.count("\n") + 1
    assert restore(shown) == "".join("\ufffd" if is_half(c) else c for c in text)


@given(JSON_TEXT.filter(lambda text: max(text, default="") < "\U00100000"))
def test_protected_text_is_shown_as_any(text):
    """What is seen of protected text is what is seen of the text."""
    assert visible(protect(text)) == visible(text)


def test_stars_are_five():
    """A rating is five glyphs, and no rating is none."""
    assert [stars(None), stars(1), stars(5)] == ["", "★☆☆☆☆", "★★★★★"]
