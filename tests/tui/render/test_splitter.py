"""The splitter: pieces do not depend on how the text arrived, and lose nothing of it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from genpy_server.markdown.dialect import parser
from genpy_tui.render.markdown.blocks import Env, render
from genpy_tui.render.markdown.splitter import HARD, MAX_CHARS, MAX_LINES, Fragment, Splitter

LINES = st.sampled_from(
    [
        "",
        "",
        "word and *more* words",
        "# Heading",
        "Setext",
        "---",
        "===",
        "- item",
        "  continued",
        "* star",
        "1. one",
        "2. two",
        "   deep",
        "    code",
        "```python",
        "```",
        "~~~",
        "  ```",
        "> quote",
        "| a | b |",
        "|---|---|",
        "| 1 | 2 |",
        "[ref]: https://example.org",
        "a [ref] link",
        "<div>",
        "\ttab",
        "      - nested",
        "$$",
        "$$ x + y",
        "x $$",
        "x $$ y $$",
        "  $$",
        "  x \\] y",
        "$$ z $$",
        "\\[ x",
        "\\]",
        "[^1]: note",
        "- [ ] task",
        "| `a|b` | c |",
        "-     code in an item",
        "-\tafter a tab",
        "\t\t- two tabs",
        "  - - nested twice",
        "- # heading in an item",
        "-",
        "   - three",
        "  > quote in an item",
        ">     code in a quote",
        "> ```",
        "> - list in a quote",
        "> | a | b |",
        "- | a | b |",
        "  |-|-|",
        "10. ten",
        "--",
        '"title"',
        "[two]:",
    ]
)
DOCUMENTS = st.lists(LINES, max_size=30).map("\n".join)


def pieces(text: str, cuts: list[int] = []) -> list[Fragment]:  # noqa: B006 - never changed
    """The pieces of a text that arrives cut at these places."""
    splitter = Splitter()
    at = 0
    for cut in sorted({min(cut, len(text)) for cut in cuts} | {len(text)}):
        splitter.feed(text[at:cut])
        splitter.tail()
        at = cut
    splitter.finish()
    return splitter.closed


@given(DOCUMENTS, st.lists(st.integers(0, 400), max_size=12))
def test_pieces_do_not_depend_on_how_the_text_arrived(text: str, cuts: list[int]) -> None:
    """A text gives the same pieces in one go and in any bits."""
    assert pieces(text, cuts) == pieces(text)


@given(DOCUMENTS)
def test_the_tail_of_a_whole_text_is_what_finishing_closes(text: str) -> None:
    """What is shown of an open text is what is shown once it has ended."""
    splitter = Splitter()
    splitter.feed(text)
    shown = lines_of(splitter.closed + splitter.tail())
    splitter.finish()
    assert shown == lines_of(splitter.closed)


def lines_of(found: list[Fragment]) -> list[str]:
    """What is shown of pieces, without blank lines."""
    env: Env = {}
    lines = [line.text for piece in found for line in render(piece, 40, env)]
    return [line for line in lines if line.strip()]


def outline(text: str, env: Env) -> list[tuple[str, str, str, bool]]:
    """Block tokens of a text: type, tag, content, and whether a list is tight."""
    return [
        ("code", token.info.strip(), token.content.rstrip(), False)
        if token.type in {"fence", "code_block"}
        else (token.type, token.tag, token.content, token.hidden)
        for token in parser().parse(text, env)
    ]


@example(["| a | b |", "|---|---|", "2. two", "\ttab"])
@example(["| a | b |", "---", "| a | b |"])
@example(["$$", "```", "", "x $$"])
@example(["-", "word", "---"])
@example(["-", "", "  ```", "word"])
@example(["> quote", "-", "  ```", "word"])
@example(["-     code in an item", "word", "10. ten"])
@example(["- # heading in an item", "word", "10. ten"])
@example([">     code in a quote", "word", "10. ten"])
@example(["  - - nested twice", "    ```", "  - three", "word"])
@example(["-\tafter a tab", "", "\ttab"])
@example(["  ```", "\t\t- two tabs"])
@example(["> | a | b |", "|---|---|"])
@example(["[ref]: https://example.org", "10. ten", "", "2. two"])
@example(["[two]:", "--", '"title"'])
@example(["[^1]: note", "-"])
@example(["  $$", "---", "\ttab", "", "      - nested"])
@given(st.lists(LINES, max_size=25))
def test_pieces_hold_the_blocks_that_commonmark_finds(lines: list[str]) -> None:
    """Parsing pieces one by one finds what parsing the whole text finds."""
    text = "\n".join(lines)
    found: list[tuple[str, str, str, bool]] = []
    env: Env = {}
    for piece in pieces(text):
        if piece.kind == "code":
            found.append(("code", piece.language, piece.source.rstrip(), False))
        else:
            found += outline(piece.source, env)
    assert found == outline(text, {})


@pytest.mark.parametrize(
    "text",
    [
        "```python\n" + "\n".join(f"line_{n} = {n}" for n in range(2_000)) + "\n```\n",
        "\n".join(f"- item number {n} with some words" for n in range(2_000)),
        "1. top\n" + "\n".join(f"   - nested {n} with some words" for n in range(2_000)),
        "| a | b |\n|---|---|\n" + "\n".join(f"| {n} | value {n} |" for n in range(2_000)),
        "word " * 20_000,
        "x" * 100_000,
        "\n".join("> quoted words here" for _ in range(2_000)),
        "1. a\n   ```\n" + "\n".join(f"   line {n}" for n in range(2_000)) + "\n   ```\n2. b",
        "- " + "word " * 20_000,
        "```\n" + "x" * 100_000,
        "word\n" * (MAX_LINES + 1) + "|-|\n| a |\n" * 200,
        "- item\n" + "word\n" * 2_000,
    ],
    ids=[
        *("fence", "list", "nested", "table", "paragraph", "line", "quote", "inner", "item"),
        *("code", "delimiter", "lazy"),
    ],
)
def test_no_piece_is_large(text: str) -> None:
    """A block of any size is cut into pieces of a bounded size, of which none is lost."""
    found = pieces(text)
    assert len(found) > 10
    for piece in found:
        assert len(piece.lines) <= HARD * MAX_LINES + 2
        assert len(piece.source) <= (HARD + 3) * MAX_CHARS
    shown = "".join(line.text for piece in found for line in render(piece, 100))
    for word in ("1999", "1234") if "1234" in text else ():
        assert word in shown
