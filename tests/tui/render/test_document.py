"""A document: streamed in any bits, it ends as the render of the whole text."""

from hypothesis import given
from hypothesis import strategies as st

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


def lines(document: Document, width: int) -> list[object]:
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
    """Whatever comes, lines fit, but for tables of more columns than fit."""
    document = Document()
    document.feed("".join(bits).replace("|", "/"))
    document.finish()
    assert all(line.cells <= width for line in lines(document, width))
