"""Text at the door of a database."""

from hypothesis import given
from hypothesis import strategies as st

from genpy_server.core.text import (
    storable,
    storable_tree,
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
