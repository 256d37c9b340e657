"""What a terminal sends is read as it was meant, pastes above all."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from textual import events

from genpy_tui.terminal.paste import BEGIN, END, PasteParser

LOG = "log start\n\x1b[31merror\x1b[0m: first\nsecond\x07 line\n\x1b[201"


def read(*chunks: str) -> list[events.Event]:
    """The events of what comes in these reads."""
    parser = PasteParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


@given(cuts=st.sets(st.integers(1, 200), max_size=12))
def test_a_paste_is_one_text_however_it_comes(cuts: set[int]) -> None:
    """A paste with escapes inside is one event, wherever the reads of it begin and end."""
    sent = f"a{BEGIN}{LOG}{END}b"
    edges = [0, *sorted(cut for cut in cuts if cut < len(sent)), len(sent)]
    found = read(*(sent[a:b] for a, b in pairwise(edges)))
    pastes = [event for event in found if isinstance(event, events.Paste)]
    keys = [event.key for event in found if isinstance(event, events.Key)]
    assert [paste.text for paste in pastes] == [LOG.replace("\x1b", "\u241b")]
    assert keys == ["a", "b"]


def test_keys_are_read_as_before() -> None:
    """Escape sequences outside of a paste are keys."""
    keys = [event.key for event in read("\x1b[A", "x", "\x1bOP") if isinstance(event, events.Key)]
    assert keys == ["up", "x", "f1"]
