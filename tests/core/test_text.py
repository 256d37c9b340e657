"""Text at the door of a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpy_server.core.text import (
    QUERY_WORDS,
    search_words,
    storable,
    storable_tree,
    unspaced,
)

ANY_TEXT = st.text(st.characters(codec=None))


@given(ANY_TEXT)
def test_storable_text_can_be_encoded_and_holds_no_nul(text: str) -> None:
    """Any text becomes one that a database takes, and stays so."""
    kept = storable(text)
    kept.encode()
    assert "\0" not in kept
    assert storable(kept) == kept


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_ordinary_text_is_left_alone(text: str) -> None:
    """What can be stored is stored as it is."""
    assert storable(text) == text


def test_a_tree_is_cleaned_to_the_last_string() -> None:
    """Keys, items and nested strings are cleaned; other values stay."""
    tree = {"a\0": ["\ud800", ("x", 1, None, True, 2.5)]}
    assert storable_tree(tree) == {"a\ufffd": ["\ufffd", ["x", 1, None, True, 2.5]]}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", []),
        ("?! 🙂 _", []),
        ("Did I mention Python?", ["mention", "python"]),
        ("what is the", ["what", "is", "the"]),
        ("don't don't", ["don", "t"]),
        ("don't panic", ["panic"]),
        ("O'Brien snake_case C++ 3.11", ["o", "brien", "snake", "case", "c", "3", "11"]),
        ('"x" OR y*', ["x", "y"]),
        ("ÉTÉ été", ["été"]),
    ],
)
def test_words_of_a_query(query: str, words: list[str]) -> None:
    """Distinct words in lower case, without stop words where others remain."""
    assert search_words(query) == words


@given(ANY_TEXT)
def test_words_hold_no_operators(query: str) -> None:
    """A word is made of letters and digits, and there is a bound to their number."""
    words = search_words(query)
    assert all(word.replace("\u0307", "").isalnum() for word in words)  # "İ".lower() has a mark
    assert len(words) <= QUERY_WORDS
    assert len(set(words)) == len(words)


@pytest.mark.parametrize(
    ("text", "spaced"),
    [
        ("plain", None),
        ("Ünï 🙂", None),
        ("今天 sunny 很好", "今 天  很 好"),
        ("ひらカタ한국", "ひ ら カ タ 한 국"),
        ("ไทย", "ไ ท ย"),
    ],
)
def test_scripts_without_spaces_are_spaced(text: str, spaced: str | None) -> None:
    """Only characters of such scripts are kept, each on its own."""
    assert unspaced(text) == spaced
