"""Markdown as models write it, as lines, and what is copied of them."""

import re
import sys

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from genpy_server.markdown.dialect import cells, parser
from genpy_server.markdown.tex import readable
from genpy_tui.render.lines import Line
from genpy_tui.render.markdown.blocks import code_blocks
from genpy_tui.render.markdown.code import named
from genpy_tui.render.markdown.document import Document

WORDS = st.text("abc`|$ \\*<>", max_size=12)


def lines(text: str, width: int = 70) -> list[Line]:
    """The lines of a text."""
    document = Document()
    document.feed(text)
    document.finish()
    return [line for part in document.parts for line in part.lines(width)]


def shown(text: str, width: int = 70) -> list[str]:
    """What is seen of the lines that are not empty."""
    return [line.text.rstrip() for line in lines(text, width) if line.text.strip()]


def copied(text: str) -> str:
    """What is copied of all of it."""
    return "\n".join(line.copied(line.lead, sys.maxsize) for line in lines(text))


def strong(text: str) -> list[str]:
    """What stands out as bold."""
    return [run.text for line in lines(text) for run in line.runs if "strong" in run.style]


@pytest.mark.parametrize(
    ("text", "bold"),
    [
        ("含**「重点」**内容、**结论。**可以", ["「重点」", "结论。"]),
        ("これは**「太字」**です", ["「太字」"]),
        ("한국어**(강조)**는", ["(강조)"]),
        ("中**“quoted”**文", ["“quoted”"]),
        ("a **b** c and 2 ** 3 ** 4", ["b"]),
        ("**bold**text", ["bold"]),
    ],
)
def test_bold_beside_wide_punctuation(text: str, bold: list[str]) -> None:
    """Emphasis begins and ends beside Chinese, Japanese and Korean characters; no stars are left."""
    assert strong(text) == bold
    assert "".join(shown(text)).count("*") == text.count(" ** ") * 2


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (r"Euler: \( e^{i\pi}+1=0 \)", ["Euler: e^(iπ)+1=0"]),
        ("so $x^2$ and $$y_1$$ in it", ["so x² and y₁ in it"]),
        ("\\[\n\\{1,2\\} \\\\ y\n\\]", ["  {1,2}", "  y"]),
        ("before\n$$\n\\frac{a+b}{c}\n= d\n$$\nafter", ["before", "  (a+b)/c", "  = d", "after"]),
        (r"\( \unknown{x} \)", [r"\unknown{x}"]),
        ("costs $5 and $10, US$3, $10-$20", ["costs $5 and $10, US$3, $10-$20"]),
        ("a $20/sq ft fee). Cost: R$ 12, 5$", ["a $20/sq ft fee). Cost: R$ 12, 5$"]),
        ("$5 or R$ 30, and $9, or 10$.", ["$5 or R$ 30, and $9, or 10$."]),
        ("$[0, 1)$ and $3 \\le 10^8$ and $2x$", ["[0, 1) and 3 ≤ 10⁸ and 2x"]),
        ("code `$x$` stays", ["code $x$ stays"]),
        (r"其中$\alpha$是参数。คือ$x$คือ. д$y$ж", ["其中α是参数。คือxคือ. дyж"]),
        (
            "价格是$5。另一个是$10元。变量$PATH和$HOME变量",
            ["价格是$5。另一个是$10元。变量$PATH和$HOME变量"],
        ),
        (
            "so\n\\begin{align}\na &= b \\\\\nc &= d\n\\end{align}\nand",
            ["so", "  a = b", "  c = d", "and"],
        ),
        ("\\begin{itemize}", ["\\begin{itemize}"]),
        ("\\begin{align}\nnever closed", ["\\begin{align} never closed"]),
        (r"never closed \(a_{b", [r"never closed (a_{b"]),
    ],
)
def test_formulas_are_read(text: str, seen: list[str]) -> None:
    """Between their delimiters they are Unicode where nothing is lost, else TeX; money is money."""
    assert shown(text) == seen


README = """```markdown
# Install
```bash
pip install x
```
- Use:
  ```py
  import x
  ```
```

Then *run* it."""


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("<https://a.example/日本?q=ü>", "https://a.example/日本?q=ü"),
        ("[https://a.example/é](https://a.example/é)", "https://a.example/é"),
        ("<me@a.example>", "me@a.example"),
        (
            "[https://a.example/é](https://b.example/é)",
            "https://a.example/é (https://b.example/%C3%A9)",
        ),
        ("<https://ä.example/é>", "https://ä.example/é (https://xn--4ca.example/%C3%A9)"),
    ],
)
def test_the_target_of_a_link_is_shown_once(text: str, seen: str) -> None:
    """A link whose text is its address does not repeat it, unless its host looks otherwise."""
    assert shown(text) == [seen]


@pytest.mark.parametrize("mark", ["\\(", "\\[", "\\[\n", "\\begin{align}\n", "$$a", "`", "|"])
def test_formulas_without_an_end_take_linear_time(mark: str) -> None:
    """A model that repeats what begins a formula or code does not stop the server for minutes."""
    text = mark * (20_000 // len(mark))
    assert parser().parse(text)
    assert len(cells(f"|{text}|a|b", 2)) == 2


@pytest.mark.parametrize("lead", ["", "1. Copy this:\n\n   ", "> "])
def test_code_within_a_block_of_markdown_stays_in_it(lead: str) -> None:
    """A README in a fence, with fences that are as long, is one block of code, as models mean it."""
    indent = lead if lead == "> " else " " * (len(lead) - lead.rfind("\n") - 1)
    text = lead + README.replace("\n", f"\n{indent}" if lead else "\n")
    (code,) = code_blocks(text)
    assert code.rstrip("\n") == "\n".join(README.split("\n")[1:9])
    assert shown(text)[-1].endswith("Then run it.")


@pytest.mark.parametrize(
    "text", [r"\( e^{i\pi}+1=0 \)", "$x^2$", r"\[ \{1,2\} \\ y \]", r"\( \unknown{x} \)"]
)
def test_the_source_of_a_formula_is_copied(text: str) -> None:
    """What is selected of a formula is its TeX, delimiters and all."""
    assert copied(f"see {text}" if text[1] != "[" else text).removeprefix("see ").strip() == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (r"\frac{a+b}{c}", "(a+b)/c"),
        (r"\sum_{i=1}^{n} x_i^2", "∑ᵢ₌₁ⁿ xᵢ²"),
        (r"\sqrt[3]{x+1} \neq \sqrt{y}", "³√(x+1) ≠ √y"),
        (r"\lim_{x \to 0} \frac{\sin x}{x}", "lim_(x → 0)(sin x)/x"),
        (r"\left.\frac{df}{dx}\right|_{x=0}", "df/dx|ₓ₌₀"),
        (r"\begin{aligned} a &= b \\ &= c \end{aligned}", "a = b\n= c"),
        (r"\begin{cases} 1, & x > 0 \\ 0 & \text{else} \end{cases}", "{ 1, x > 0; 0, else"),
        (r"\begin{vmatrix} a & b \\ c & d \end{vmatrix}", "| a b; c d |"),
        (r"90^\circ \land 50% of \overline{A}", "90° ∧ 50% of A\u0305"),
        (r"\beta \in Q, \|x\| \ne f''(x)", "β ∈ Q, ‖x‖ ≠ f″(x)"),
        (r"\Pr(A \mid B) = \gcd(\Re z, \det A)", "Pr(A | B) = gcd(Re z, det A)"),
        (r"a \equiv b \pmod{n}, a \bmod \binom{n}{k}", "a ≡ b (mod n), a mod C(n, k)"),
        (r"\widehat{y} \overrightarrow{AB} \color{red}{x}", "y\u0302A\u20d7B\u20d7x"),
        (r"\operatorname*{argmax}_x \underset{i}{\arg\max}", "argmaxₓargmaxᵢ"),
        (
            r"\sum_{\substack{i<n \\ j<m}} a \xrightarrow[b]{\Delta} \overset{n}{=}",
            "∑_(i<n, j<m) a ─Δ; b → =ⁿ",
        ),
        (r"\ce{2H2 + O2 <=> H2O -> SO4^2-}", "2H₂ + O₂ ⇌ H₂O → SO₄²-"),
        (
            r"\begin{align*} a &= b \nonumber \\ c &= \cfrac{d}{2} \tag{1} \label{d} \end{align*}",
            "a = b\nc = d/2 (1)",
        ),
        (r"\underbrace{a+b}_{c}", r"\underbrace{a+b}_{c}"),
        ("{unbalanced", "{unbalanced"),
    ],
)
def test_tex_keeps_its_meaning(source: str, text: str) -> None:
    """Groups stay together, and what has no Unicode form stays TeX."""
    assert readable(source) == text


@given(st.text(max_size=60))
def test_any_tex_is_shown(source: str) -> None:
    """Whatever stands between delimiters, something of it is seen."""
    assert bool(readable(source).strip()) == bool(source.strip())


def test_a_break_in_a_cell_begins_a_line() -> None:
    """<br> does what it does in a browser; between two spaces of a text it is talked about."""
    assert shown("| a | b |\n|---|---|\n| one<br>two<BR/>`<br>` | x |") == [
        "a    │ b",
        "─────┼──",
        "one  │ x",
        "two  │",
        "<br> │",
    ]
    assert shown("a <br> tag") == ["a <br> tag"]
    assert shown("| a <br> b |\n|---|") == ["a", "b", "─"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one<br>two <BR/>\nthree", ["one", "two", "three"]),
        ("H<sub>2</sub>O, x<sup>2n</sup>, y<sub>max Q</sub>", ["H₂O, x²ⁿ, y_(max Q)"]),
        ("<kbd>Ctrl</kbd>+<kbd>C</kbd>", ["Ctrl+C"]),
        ("<details>\n<summary>**A**</summary>\n\nx\n\n</details>\n\ny", ["▾ A", "x", "y"]),
        ("- <details open><summary>A</summary>\n  x\n  </details>", ["• ▾ A", "  x"]),
        ("> <details>\n> x\n> </details>", ["▌ x"]),
        ("Use <details> and <summary>x</summary>.", ["Use <details> and <summary>x</summary>."]),
        ("vector<int>, <b>x</b>, <sub>, `<br>`", ["vector<int>, <b>x</b>, <sub>, <br>"]),
    ],
)
def test_elements_for_which_markdown_has_no_mark(text: str, lines: list[str]) -> None:
    """Breaks, keys, scripts and folded text are shown as meant; other HTML is text."""
    assert [line.rstrip() for line in shown(text)] == lines


def test_the_source_of_a_script_is_copied() -> None:
    """What is selected of raised text is what the model wrote."""
    assert copied("x<sup>2</sup>") == "x<sup>2</sup>"


@pytest.mark.parametrize(
    ("row", "seen"),
    [
        ("| `a|b` | y |", "a|b │ y"),
        (r"| `a\|b` | y |", "a|b │ y"),
        ("| a | b | c |", "a  │ b | c"),
        ("| `a | b` |", "`a │ b`"),
        (r"| $|x|$ | \(|y|\) |", "|x| │ |y|"),
        ("| $5 | $10 | c |", "$5 │ $10 | c"),
    ],
)
def test_no_cell_is_hidden_by_a_pipe(row: str, seen: str) -> None:
    """A pipe inside code divides nothing where that would make too many cells; none is dropped."""
    assert shown(f"| ab  | d |\n|---|---|\n{row}")[2] == seen


@example(cells=["", r"$\b$"])
@given(cells=st.lists(WORDS, min_size=1, max_size=5))
def test_every_letter_of_a_row_is_shown(cells: list[str]) -> None:
    """Whatever a row holds, its letters are on the screen, in their order, but for accents in TeX."""
    row = "| x" + "|".join(cells) + " |"
    assume("$" not in row or not re.search(r"\\(?:aa|[bc](?!\$))", row))
    seen = "".join(shown(f"| h | i |\n|---|---|\n{row}", 400)[2:])
    letters = [c for c in row if c in "abc"]
    assert [c for c in seen if c in "abc"] == letters


@pytest.mark.parametrize("formula", [r"\b", r"\c", r"x+\b", r"\vec{}", r"\bar"])
def test_an_accent_without_a_letter_is_shown_as_written(formula: str) -> None:
    """A mark that stands above or below nothing is not readable: the formula stays TeX."""
    assert readable(formula) == formula
    assert readable(r"\bar{x}") == "x̅"


def test_boxes_of_tasks() -> None:
    """They are boxes in a list of bullets, and text elsewhere."""
    assert shown("- [ ] open\n- [x] done\n- [y] no box\n\n[ ] text") == [
        "☐ open",
        "☑ done",
        "• [y] no box",
        "[ ] text",
    ]


def test_footnotes_stand_where_they_were_written() -> None:
    """Their labels are raised numbers or names, one word is no link, and definitions are shown."""
    text = "See[^1] and [^n].\n\n[^1]: One.\n[^n]: https://example.org\n\nEnd"
    assert shown(text) == ["See¹ and [n].", "¹ One.", "[n] https://example.org", "End"]


@pytest.mark.parametrize(
    ("info", "names"),
    [
        ("python", ("python", "")),
        ('python title="app/main.py" hl=2', ("python", "app/main.py")),
        ("js:src/a.js", ("js", "src/a.js")),
        ("rust src/main.rs", ("rust", "src/main.rs")),
        ("{.python file=b.py}", ("python", "b.py")),
        ("sh -x something", ("sh", "")),
        ("", ("", "")),
    ],
)
def test_titles_of_fences(info: str, names: tuple[str, str]) -> None:
    """What stands behind a fence is a language and perhaps the name of a file."""
    assert named(info) == names


def test_thoughts_take_nothing_of_the_answer() -> None:
    """A fence that a model left open in its thoughts ends with them."""
    text = "<think>\nlet me\n```py\nopen\n</think>\n\nFinal **answer**."
    assert strong(text) == ["answer"]
    assert "code" in lines("text\n\n```\n</think>\n")[-1].fill


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_end_of_a_line_is_one(end: str) -> None:
    """CRLF and CR end lines of Markdown as a newline does, however the text is cut."""
    text = "Steps:\n\n```python\nx = 1\n```\n\n- one\n- two\n\n| a |\n|---|\n| 1 |\n\nEnd."
    streamed = Document()
    for character in text.replace("\n", end):
        streamed.feed(character)
    streamed.finish()
    assert [line for part in streamed.parts for line in part.lines(70)] == lines(text)


def test_tabs_and_control_characters_are_copied() -> None:
    """Code is copied with its tabs, and what is seen as a glyph as what it is."""
    text = "```make\nall:\n\techo \x1b[31m\u200f\n```"
    assert shown(text)[1:] == ["▎ all:", "▎     echo ␛[31m⇄"]
    assert copied(text).split("\n")[1:] == ["all:", "\techo \x1b[31m\u200f"]
