"""A document: streamed in any bits, it ends as the render of the whole text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpy_tui.render.lines import Line
from genpy_tui.render.markdown.document import Document

BITS = st.lists(
    st.sampled_from(
        [
            "word ",
            "*",
            "**",
            "`",
            "```",
            "\n",
            "\n\n",
            "- ",
            "1. ",
            "> ",
            "| a ",
            "|\n|---|\n",
            "# ",
            "[x](http://y) ",
            "[ref]",
            "[ref]: http://z\n",
            "中文",
            "👨‍👩‍👧",
            "e\u0301",
            "\x1b[31m",
            "    ",
            "\t",
            "\r",
            "\r\n",
            "$",
            "$$\n",
            "\\[",
            "\\]\n",
            "\\( x_1 \\)",
            "<br>",
            "<details>",
            "</details>\n",
            "<summary>a</summary>",
            "<think>\n",
            "</think>\n",
            "[^1]",
            "[^1]: note\n",
            "- [x] ",
            "「重点」",
            "\u2028",
            "\u200f",
        ]
    ),
    max_size=60,
)


def lines(document: Document, width: int) -> list[Line]:
    """Every line, with its styles."""
    return [line for part in document.parts for line in part.lines(width)]


@given(BITS, st.integers(10, 120))
def test_streamed_equals_fully_rendered(bits: list[str], width: int) -> None:
    """What is on the screen after a stream equals a render of the stored text."""
    streamed = Document()
    for bit in bits:
        streamed.feed(bit)
        lines(streamed, width)
    streamed.finish()
    whole = Document()
    whole.feed("".join(bits))
    whole.finish()
    assert lines(streamed, width) == lines(whole, width)


@given(BITS, st.integers(20, 60))
def test_no_line_is_wider_than_the_screen(bits: list[str], width: int) -> None:
    """Whatever comes, lines fit."""
    document = Document()
    document.feed("".join(bits))
    document.finish()
    assert all(line.cells <= width for line in lines(document, width))


def test_a_table_of_more_columns_than_fit_is_a_list_for_each_row() -> None:
    """No cell of a wide table is hidden: each stands beside the name of its column."""
    columns = range(14)
    rows = [
        [f"name {number}" for number in columns],
        ["---"] * len(columns),
        *([f"{row}{number} `a\\|b`" for number in columns] for row in "AB"),
    ]
    document = Document()
    for row in rows:
        document.feed(f"|{'|'.join(row)}|\n")
    document.finish()
    shown = [line.text.rstrip() for line in lines(document, 60)]
    assert shown[0] == "name 0  │ A0 a|b"
    assert shown[len(columns)].startswith("────────┼───")
    assert shown[-1] == "name 13 │ B13 a|b"


@pytest.mark.parametrize("width", [62, 80, 100])
def test_no_word_of_a_table_is_broken(width: int) -> None:
    """Words of up to 20 letters stay whole in columns or in a list for each row."""
    words = ["service", "backend", "running", "restarted", "yesterday", "internationalization"]
    document = Document()
    document.feed(f"|{'|'.join(words)}|\n|{'---|' * len(words)}\n|{'|'.join(words[::-1])}|\n")
    document.finish()
    shown = "\n".join(line.text for line in lines(document, width))
    assert all(shown.count(word) == 2 for word in words)
