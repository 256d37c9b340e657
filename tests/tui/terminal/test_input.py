"""What a terminal sends is read as it was meant, and no bytes take the keys away for good."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events

from genpy_tui.terminal.input import (
    BEGIN,
    END,
    ESCAPE_SECONDS,
    PASTE_BYTES,
    PASTE_IDLE_SECONDS,
    PASTE_SECONDS,
    STRING_SECONDS,
    TerminalInput,
    Token,
)
from genpy_tui.terminal.internals import TerminalParser

LOG = b"log start\n\x1b[31merror\x1b[0m: first\nsecond\x07 line\n\x1b[201"
ANSWERS = (
    b"\x1b]11;rgb:1e1e/1e1e/1e1e\x07",
    b"\x1b]10;rgb:ffff/ffff/ffff\x1b\\",
    b"\x1b]52;c;c2VjcmV0\x07",
    b"\x1bP>|XTerm(390)\x1b\\",
    b"\x1bP1+r544e=787465726d\x1b\\",
    b"\x1b_Gi=1;OK\x1b\\",
    b"\x1b[?62;22c",
    b"\x1b[>0;276;0c",
    b"\x1b[?1u",
    b"\x1b[0n",
    b"\x1b[8;24;80t",
    b"\x1b[?997;1n",
    b"\x1b[M\x43\xa0\x30",
    b"\x1b[32;5;6M",
    b"\x1b[99999999999u",
)


def tokens(*chunks: bytes) -> list[Token]:
    """The tokens of what comes in these reads, all at one time."""
    terminal = TerminalInput()
    return [token for chunk in chunks for token in terminal.receive(chunk, 0)]


def keys(*chunks: bytes) -> list[str]:
    """The keys that Textual gets of what comes in these reads."""
    parser = TerminalParser()
    found = [event for chunk in chunks for event in parser.receive(chunk)]
    return [event.key for event in found if isinstance(event, events.Key)]


def typed(text: str) -> list[Token]:
    """A token for each character."""
    return [Token("character", character) for character in text]


@given(cuts=st.sets(st.integers(1, 200), max_size=12))
def test_a_paste_is_one_text_however_it_comes(cuts: set[int]) -> None:
    """A paste with escapes inside is one exact text, wherever the reads of it begin and end."""
    sent = b"a" + BEGIN + LOG + END + b"b"
    edges = [0, *sorted(cut for cut in cuts if cut < len(sent)), len(sent)]
    found = tokens(*(sent[a:b] for a, b in pairwise(edges)))
    assert found == [Token("character", "a"), Token("paste", LOG.decode()), *typed("b")]


@given(text=st.text(st.characters(exclude_characters="\x1b", exclude_categories=["Cs"])))
def test_any_text_is_pasted_exactly(text: str) -> None:
    """A paste holds what was copied, control characters too."""
    assert tokens(BEGIN + text.encode() + END) == [Token("paste", text)]


@given(data=st.binary(max_size=200), cuts=st.lists(st.integers(0, 200), max_size=5))
def test_after_any_bytes_keys_work_again(data: bytes, cuts: list[int]) -> None:
    """Whatever was sent, once its time is over a letter is that letter."""
    terminal, now = TerminalInput(), 0.0
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    for a, b in pairwise(edges):
        terminal.receive(data[a:b], now)
    for _ in range(3):
        now += PASTE_SECONDS
        terminal.tick(now)
    assert terminal.receive(b"q", now) == typed("q")


@given(data=st.binary(max_size=60))
def test_no_bytes_end_the_reader(data: bytes) -> None:
    """Textual's parser gets nothing that it fails at."""
    parser = TerminalParser()
    list(parser.receive(data))
    list(parser.tick())


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"caf\xe9 ", "caf\ufffd "),
        (b"\xe1z", "\ufffdz"),
        (b"\xc4\xe3\xba\xc3", "\ufffd\ufffd\ufffd"),
        (b"\x9b1m", "\ufffd1m"),
        ("né 字 👍".encode(), "né 字 👍"),
    ],
)
def test_bytes_that_are_no_utf8_are_replaced(data: bytes, text: str) -> None:
    """Each is shown as the sign for a character that could not be read."""
    terminal = TerminalInput()
    found = terminal.receive(data, 0) + terminal.tick(ESCAPE_SECONDS)
    assert "".join(token.text for token in found) == text


def test_a_character_may_come_in_two_reads() -> None:
    """Half a character waits for its other half, and only so long."""
    assert tokens(b"\xf0\x9f", b"\x91\x8d") == typed("👍")
    terminal = TerminalInput()
    assert terminal.receive(b"\xf0\x9f", 0) == []
    assert terminal.tick(ESCAPE_SECONDS) == typed("\ufffd")


@pytest.mark.parametrize("answer", ANSWERS)
def test_answers_of_the_terminal_are_no_keys(answer: bytes) -> None:
    """What the terminal says of itself is never typed, in one read or byte by byte."""
    assert keys(b"a" + answer + b"b") == ["a", "b"]
    assert keys(b"a", *(answer[n : n + 1] for n in range(len(answer))), b"b") == ["a", "b"]


def test_an_answer_without_end_is_given_up() -> None:
    """Its beginning is dropped after a bounded time, and a key that is not text ends it at once."""
    terminal = TerminalInput()
    assert terminal.receive(b"\x1b]11;rgb:1e", 0) == []
    assert terminal.tick(STRING_SECONDS) == []
    assert terminal.receive(b"x", STRING_SECONDS) == typed("x")
    assert tokens(b"\x1b]11;rgb:1e", b"\r") == typed("\r")


@pytest.mark.parametrize("late", [PASTE_IDLE_SECONDS, PASTE_SECONDS])
def test_a_paste_without_end_is_closed_by_the_clock(late: float) -> None:
    """What came of it is handed on, and keys work again."""
    terminal = TerminalInput()
    terminal.receive(BEGIN + b"half a paste", 0)
    assert terminal.tick(PASTE_IDLE_SECONDS / 2) == []
    if late == PASTE_SECONDS:
        terminal.receive(b"!", late)
    text = "half a paste!" if late == PASTE_SECONDS else "half a paste"
    assert terminal.tick(late) == [Token("paste", text)]
    assert terminal.receive(b"\x11", late) == typed("\x11")


def test_a_paste_without_end_is_closed_by_its_size() -> None:
    """What came of it is handed on, and it goes on in another."""
    terminal = TerminalInput()
    found = terminal.receive(BEGIN + b"x" * (PASTE_BYTES + 1), 0)
    found += terminal.receive(b"second\nline" + END + b"k", 0)
    assert [len(token.text) for token in found] == [PASTE_BYTES + 1, 11, 1]
    assert [token.kind for token in found] == ["paste", "paste", "character"]


def test_the_late_rest_of_a_paste_sends_nothing() -> None:
    """Lines that come after a paste was closed by the clock are pasted, not taken for keys."""
    terminal = TerminalInput()
    terminal.receive(BEGIN + b"first", 0)
    found = terminal.tick(PASTE_IDLE_SECONDS)
    found += terminal.receive(b" part\nsecond line\n" + END, 9)
    found += terminal.receive(b"\r", 9)
    assert [token.kind for token in found] == ["paste", "paste", "character"]


PASTED = "def f(x):\r\treturn 'é'\r\rprint(f(1))"


def test_lines_without_marks_are_a_paste() -> None:
    """Where nothing marks a paste, several lines in one read send nothing, nor does their rest."""
    terminal = TerminalInput()
    data = PASTED.encode()
    at = data.index("é".encode()) + 1  # within a character
    assert terminal.receive(data[:at], 0) == terminal.receive(data[at:], 0.01) == []
    assert terminal.tick(0.05) == []
    assert terminal.tick(0.05 + ESCAPE_SECONDS) == [Token("paste", PASTED)]
    assert terminal.receive(b"\r", 1) == typed("\r")


def test_an_enter_right_behind_lines_is_a_key() -> None:
    """A program that types a text and then presses enter, or another key, sends it."""
    for key in (b"\r", b"\x1b[A"):
        *pasted, last = tokens(PASTED.encode(), key)
        assert (pasted, last.text) == ([Token("paste", PASTED)], key.decode())


def test_lines_that_were_typed_before_the_start_are_keys() -> None:
    """Text that waits in the terminal before the first read is not taken for a paste."""
    found = TerminalInput().receive(PASTED.encode(), 0, early=True)
    assert {token.kind for token in found} == {"character"}


def test_a_long_line_is_pasted_and_its_enter_is_a_key() -> None:
    """What nobody types within one read is inserted at once; an enter behind it sends it."""
    assert tokens(b"x" * 300 + b"\r") == [Token("paste", "x" * 300), *typed("\r")]


@pytest.mark.parametrize(
    "data",
    [
        b"a whole line and its enter\r",
        b"yes\rno\r",
        b"typed with a mistale\x7f\x7fke\rand another",
        b"down and another line\x1b[B\rgo on",
    ],
)
def test_keys_that_were_typed_fast_are_keys(data: bytes) -> None:
    """A line with its enter, few keys, and keys that no text has in it, are typed."""
    assert all(token.kind != "paste" for token in tokens(data))


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b"\x1b[A", "up"),
        (b"\x1bOP", "f1"),
        (b"\x1b[[A", "f1"),
        (b"\x1b[1;3A", "alt+up"),
        (b"\x1bx", "alt+x"),
        ("\x1bé".encode(), "alt+é"),
        (b"\x1b\r", "alt+enter"),
        (b"\x1b[13;2u", "shift+enter"),
        (b"\x1b[13;5u", "ctrl+enter"),
        (b"\x1b[13;3u", "alt+enter"),
        (b"\x1b[27;2;13~", "shift+enter"),
        (b"\x1b[97:65;2u", "A"),
        (b"\x1b[97:65:97;2:1;65u", "A"),
        (b"\x1b[1089::99;5u", "ctrl+c"),
        (b"\x1b[1081:1049:113;6u", "ctrl+shift+q"),
        (b"\x1b[113::120;5u", "ctrl+q"),
        (b"\x1b[228::39;;228u", "ä"),
        (b"\x1b[1;5:2A", "ctrl+up"),
        (b"\x1b[3;1:1~", "delete"),
        (b"\x1b[57414;1:1u", "enter"),
        (b"\x1b[27;5;13~", "ctrl+enter"),
        (b"\n", "ctrl+j"),
        (b"\r", "enter"),
        (b"\x1b\x7f", "ctrl+w"),
    ],
)
def test_keys_are_read(data: bytes, key: str) -> None:
    """Each sequence is its key, in one read or byte by byte."""
    assert keys(data) == [key]
    assert keys(*(data[n : n + 1] for n in range(len(data)))) == [key]


@pytest.mark.parametrize(
    "data", [b"\x1b[97;1:3u", b"\x1b[9999999u", b"\x1b[1;1:3A", b"\x1b[3;5:3~", b"\x1b[99::99;5:3u"]
)
def test_a_key_that_is_let_go_is_none(data: bytes) -> None:
    """Only a key that is pressed or repeats is one."""
    assert keys(b"a" + data + b"b") == ["a", "b"]


def test_an_escape_alone_is_the_key() -> None:
    """It is one after a moment, and at once where another sequence follows."""
    terminal = TerminalInput()
    assert terminal.receive(b"\x1b", 0) == []
    assert terminal.tick(ESCAPE_SECONDS) == [Token("sequence", "\x1b")]
    assert keys(b"\x1b\x1b[A") == ["escape", "up"]
    assert keys(b"\x1ba\x1b[A") == ["alt+a", "up"]
