"""What conversations hold never acts on a terminal, whichever command shows it."""

import json
import os
import re
import unicodedata

import pytest

HOSTILE = "c9a4e6d8-1f23-4c57-9b0a-d3e5f7a91b03"
EVERY_VIEW = (
    ("sessions", "list"),
    ("sessions", "list", "--json"),
    ("sessions", "show", HOSTILE),
    ("sessions", "show", HOSTILE, "--json"),
    ("sessions", "export", HOSTILE),
    ("sessions", "export", "--all"),
    ("sessions", "rename", HOSTILE, "worse \x1b[2J \x9b \u202e title"),
    ("summary", HOSTILE),
    ("summary", HOSTILE, "--json"),
    ("search", "hostile"),
    ("search", "hostile", "--json"),
    ("rate", HOSTILE, "1"),
    ("rate", HOSTILE, "1", "--json"),
    ("sessions", "delete", HOSTILE, "--yes"),
)


def acting(text: str) -> set[str]:
    """The characters of a text that a terminal obeys."""
    return {
        c
        for c in text
        if (unicodedata.category(c) == "Cc" and c not in "\n\t") or c in "\u202e\u2066\u2028"
    }


@pytest.mark.parametrize(
    "words", [words for words in EVERY_VIEW if {"--json", "--all"} & {*words}], ids=" ".join
)
def test_nothing_acts_in_json(genpy, words):
    """No escape or control character of a conversation stands in JSON as it is."""
    ran = genpy(*words)
    assert acting(ran.out + ran.err) == set()
    json.loads(ran.out)


@pytest.mark.parametrize("words", [EVERY_VIEW[2], EVERY_VIEW[4]], ids=" ".join)
def test_a_pipe_gets_the_exact_text(genpy, words):
    """What is piped is what was said, character for character."""
    assert "\x1b]52;c;cHduZWQ=\x07\x1b[2J" in genpy(*words).out


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("words", EVERY_VIEW, ids=" ".join)
def test_nothing_acts_on_a_terminal(genpy, words):
    """A terminal is sent styles of ours alone: no clipboard, title, cursor or bidi control."""
    shown = re.sub(r"\x1b\[[\d;]*m", "", genpy.typed(*words).out.replace("\r\n", "\n"))
    assert acting(shown) == set()


def test_json_loses_nothing(genpy):
    """A program reads exactly what was said, control characters and all."""
    messages = genpy("sessions", "show", HOSTILE, "--json").json["messages"]
    assert "\x1b]52;c;cHduZWQ=\x07\x1b[2J\x9b31m\rsudo\u202e [bold]x" in messages[0]["text"]


def test_an_error_is_harmless(genpy):
    """What was typed wrongly is repeated without what would act."""
    for words in (
        ("summary", "\x1b[2J\x9b"),
        ("--\x1b[2J",),
        ("rate", "last", "\x1b[2J"),
    ):
        ran = genpy.run(*words)
        assert acting(ran.err) == set(), words
