"""How text is cut into words and terms."""

import sys
import tracemalloc
from collections import Counter
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scripts import TEXTS

from genpy_server.core.words import (
    DERIVED,
    QUERY_TERMS,
    QueryTerm,
    WordPlaces,
    is_near,
    query_words,
    search_words,
    stem,
    terms,
    unspaced,
)

ANY_TEXT = st.text(st.characters(codec=None))


def query_terms(query: str) -> list[QueryTerm]:
    """The distinct terms of a query's words."""
    asked = query_words(query)
    return [*dict.fromkeys(term for word in asked for way in word.ways for term in way)]


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
        ("ÉTÉ été", ["ete"]),
    ],
)
def test_words_of_a_query(query: str, words: list[str]) -> None:
    """Distinct words in lower case, without stop words where others remain."""
    assert search_words(query) == words


@given(ANY_TEXT)
def test_words_hold_no_operators(query: str) -> None:
    """A term holds no character with a meaning in a query language, and their number is bounded."""
    found = query_terms(query)
    forms = [form for term in found for form in term.forms]
    assert not {'"', "'", "*", ":", "\\", "(", " ", "\0"} & set("".join(forms))
    assert len(found) <= QUERY_TERMS
    assert len(set(found)) == len(found)


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Running, ran and runs", ["run", "ran", "and", "run"]),
        ("relational conversations", ["relat", "convers"]),
        ("我用Python写", ["我用", "用", "python", "写"]),
        ("天气很好", ["天气", "气很", "很好", "好"]),
        ("हिन्दी", ["हिन्दी", "~हिंदी"]),
        ("x2 3.11", ["x2", "~x", "~2", "3", "11"]),
        (
            "v2.10 userIDs2",
            ["v2", "10", "~v", "~2", "~v210", "userids2", "~user", "~ids2", "~userid", "~2", "~id"],
        ),
        (
            "\u0648\u0627\u0644\u0643\u062a\u0627\u0628",
            [
                "\u0648\u0627\u0644\u0643\u062a\u0627\u0628",
                "~\u0627\u0644\u0643\u062a\u0627\u0628",
                "~\u0643\u062a\u0627\u0628",
            ],
        ),
        ("M\xfcller 3f2b9c1d8e", ["muller", "~mueller", "3f2b9c1d8e", "~3f2b9c1"]),
        (
            "get_user_name HTTPServer",
            ["get", "user", "name", "~getusernam", "httpserver", "~http", "~server"],
        ),
        ("1,000 don't I'll", ["1", "000", "~1000", "don", "t", "~dont", "i", "ll"]),
        (
            "\u0131\u015f\u0131k \u0663\u0664 \u0e51\u0e52",
            ["\u0131s\u0131k", "~isik", "\u0663\u0664", "~34", "\u0e51\u0e52", "\u0e52", "~12"],
        ),
        ("", []),
    ],
)
def test_terms(text: str, expected: list[str]) -> None:
    """Stems of English words, pairs of characters without spaces, else whole words, with what derives."""
    expected = [term.replace("~", DERIVED) for term in expected]
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [("天气", ["天气"]), ("好", ["好"]), ("天气很", ["天气", "气很"]), ("run running", ["run"])],
)
def test_terms_of_a_query(query: str, expected: list[str]) -> None:
    """Each once; the last character of a pair is not looked for alone."""
    assert [term.key for term in query_terms(query)] == expected


@given(TEXTS | ANY_TEXT)
def test_a_text_holds_each_of_its_words(text: str) -> None:
    """Asked for with what surrounds it, without, or all at once."""
    for asked in (*text.split(), *search_words(text), text):
        places = WordPlaces(asked)
        assert places.held_in(text) == len(places.words), asked


def test_words_held_in_a_text() -> None:
    """Each word of a question counts once, in any form; a single letter does not count as the beginning of a word."""
    assert WordPlaces("cat C").held_in("two cats") == 1
    assert WordPlaces("天 天气").held_in("今天天气") == 2
    assert WordPlaces("天 气").held_in("天") == 1
    assert WordPlaces("email running").held_in("an e-mail, ran\nruns") == 2


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("caresses", "caress"), ("ponies", "poni"), ("cats", "cat"), ("feed", "feed"),
        ("agreed", "agre"), ("plastered", "plaster"), ("motoring", "motor"), ("sing", "sing"),
        ("hopping", "hop"), ("filing", "file"), ("happy", "happi"), ("sky", "sky"),
        ("vietnamization", "vietnam"), ("formaliti", "formal"), ("hopeful", "hope"),
        ("adjustment", "adjust"), ("adoption", "adopt"), ("rate", "rate"), ("controll", "control"),
        ("generalizations", "gener"), ("is", "is"),
    ],
)  # fmt: skip
def test_stems(word: str, expected: str) -> None:
    """As Porter's paper has them."""
    assert stem(word) == expected


@pytest.mark.parametrize(
    ("typed", "word", "near"),
    [
        ("pengiun", "penguin", True), ("pengin", "penguin", True), ("penguiin", "penguin", True),
        ("penguim", "penguin", True), ("penguin", "penguin", True), ("pelican", "penguin", False),
        ("abcd", "badc", False), ("penguinxx", "penguin", False), ("acb", "bca", False),
    ],
)  # fmt: skip
def test_nearness(typed: str, word: str, near: object) -> None:
    """One letter too many, missing, wrong or swapped with the next."""
    assert is_near(typed, word) is near


def test_places_of_words() -> None:
    """Each word of the query where it begins, in whatever form."""
    assert WordPlaces("café runs", 9).find("The cafés, Running") == [(4, "cafe"), (11, "run")]
    assert WordPlaces("天气", 9).find("今天天气很好") == [(2, "天气")]
    assert WordPlaces("b", 1).find("a b a b") == [(2, "b")]
    assert WordPlaces("?", 9).find("text") == []
    assert WordPlaces("name", 9).find("so getUserName() ran") == [(10, "name")]
    assert WordPlaces("plan C", 9).find("what every C needs, can C++") == [(11, "c"), (24, "c")]
    assert WordPlaces("天", 9).find("今天天气很好") == [(1, "天"), (2, "天")]


def test_a_word_that_comes_again_is_cut_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking for a question's words in many long texts takes one look at each different word."""
    places = WordPlaces("when is the dentist", 500)
    looked_at = []
    monkeypatch.setattr(WordPlaces, "_is_other", lambda _, piece: looked_at.append(piece))
    for number in range(50):
        text = "the dentist, again; " * 100 + f"x{number}"
        assert len(places.find(text)) == 100
    assert len(looked_at) < 150


@given(st.from_regex(r"[A-Za-z][a-z]{1,15}", fullmatch=True))
def test_the_term_of_a_plain_word_begins_as_it_does(word: str) -> None:
    """Which is how `WordPlaces` passes over most words of a text."""
    (term,) = terms(word)
    assert word.lower().startswith(term[:-1] or term)


def test_text_that_was_cut_is_not_kept() -> None:
    """Sentences without spaces, which hardly come again, leave nothing in memory."""
    sentences = [
        "今天" + "天气".join(map(chr, range(0x4E00 + n, 0x4E00 + n + 12))) for n in range(400)
    ]
    terms(sentences[0])
    tracemalloc.start()
    try:
        for sentence in sentences:
            terms(sentence)
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert left < 100_000


def test_numbers_are_cut_in_few_calls() -> None:
    """A number is its own term, cut to the bound, and takes few calls though it never came before."""
    numbers = [str(10**14 + number) for number in range(1000)]
    text = " ".join([*numbers, "9" * 100])
    terms("1 word")
    calls = Counter[str]()

    def count(_: FrameType, event: str, __: object) -> None:
        calls[event] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        found = terms(text)
    finally:
        sys.setprofile(before)
    assert found == [*numbers, "9" * 64]
    assert calls["call"] <= 4 * len(numbers)


def test_a_long_word_is_cut_in_one_pass() -> None:
    """A search for names such as AT&T from each of its letters on would take hours."""
    assert terms("x" * 1_000_000) == ["x" * 64]
    assert DERIVED + "att" in terms("AT&T")
