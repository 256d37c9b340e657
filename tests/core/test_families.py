"""Families and roles of words: the lists in the package, and how words and runs are looked up in them."""

import json
from collections import Counter
from importlib.resources import files

import pytest

from genpy_server.core.understanding.families import (
    FAMILIES,
    LONGEST_PART,
    ROLES,
    SHORTEST_STEM,
    family_of,
    folded,
    parts_of,
)

LISTED = {
    file: json.loads((files("genpy_server.core.understanding") / file).read_text(encoding="utf-8"))
    for file in (FAMILIES, ROLES)
}


@pytest.mark.parametrize(
    ("file", "script"), [(file, one) for file in LISTED for one in LISTED[file]]
)
def test_every_word_can_be_found(file, script):
    """Each word is folded, stands in one family of its script, and is neither too long nor short."""
    listed_here = LISTED[file][script]
    words = [word for listed in listed_here.values() for word in listed.split()]
    assert [word for word, times in Counter(words).items() if times > 1] == []
    assert [word for word in words if folded(word) != word] == []
    for family, listed in listed_here.items():
        assert {family_of(word, file) for word in listed.split() if word[-1] != "-"} <= {family}
    if script == "unspaced":
        assert max(map(len, words)) <= LONGEST_PART
    else:
        assert min((len(word) for word in words if word[-1] == "-"), default=9) > SHORTEST_STEM


@pytest.mark.parametrize(
    ("word", "family"),
    [
        ("printer", "device"),
        ("druckertreiber", "device"),
        ("hochzeitsrede", "genre"),
        ("\u043f\u0440\u0438\u043d\u0442\u0435\u0440\u0430", "device"),
        ("zzzq", None),
        ("7", None),
    ],
)
def test_a_word_has_the_family_of_its_longest_known_beginning(word, family):
    """A whole word counts first, then its beginnings; an unknown word has no family."""
    assert family_of(word) == family


def test_a_run_is_cut_around_known_words():
    """A run of a script without spaces is its known words and what is between, whole again."""
    run = "\u6253\u5370\u673a\u7a81\u7136\u9f98\u9750\u4e86"
    parts = parts_of(run)
    assert parts[:2] == ["\u6253\u5370\u673a", "\u7a81\u7136"]
    assert "".join(parts) == run
    assert parts_of("") == []
