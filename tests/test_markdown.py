"""The one renderer: what Markdown becomes, and what it never becomes."""

import pytest

from genpy_server.web import markdown
from genpy_server.web.markdown import BRACKETS, finished_blocks, render

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*a* **b** ~~c~~ `d`", "<p><em>a</em> <strong>b</strong> <s>c</s> <code>d</code></p>"),
        ("a\nb  \nc", "<p>a\nb<br>\nc</p>"),
        ("3. a\n4. b", '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>'),
        ("<b>a</b>", "<p>&lt;b&gt;a&lt;/b&gt;</p>"),
        ("```\na < b\n```", "<pre><code>a &lt; b\n</code></pre>"),
        ("foo.py and www.example.org", "<p>foo.py and www.example.org</p>"),
        ("[a](/b) [c](javascript:d)", "<p>[a](/b) [c](javascript:d)</p>"),
    ],
)
def test_markdown_becomes_html(text: str, html: str):
    """Each construct becomes its element; HTML and odd addresses stay text."""
    assert render(text).strip() == html


@pytest.mark.parametrize("address", ["http://a.example", "https://a.example/?b=c", "mailto:a@b.c"])
def test_a_link_opens_elsewhere_and_tells_nothing(address: str):
    """A link gets a tab of its own, without a way back or a referrer."""
    expected = f'<a href="{address}" target="_blank" rel="noopener noreferrer">x</a>'
    assert expected in render(f"[x]({address})")


def test_an_image_is_a_link():
    """A picture is not loaded; its description links to it."""
    html = render("![a cat](https://a.example/cat.png)")
    assert "<img" not in html
    assert ">a cat</a>" in html


def test_code_is_coloured_by_classes():
    """Tokens of a known language have a class each, and none has a style."""
    html = render("```python\ndef f(): return 'x'\n```")
    assert '<pre data-language="python"><code><span class="k">def</span>' in html
    assert "style" not in html


@pytest.mark.parametrize(
    "language", ["nonsense", 'x" onload=y', "a" * 99], ids=["unknown", "hostile", "long"]
)
def test_code_of_a_strange_language_is_plain(language: str):
    """A language that nobody knows leaves the code as it is."""
    assert "<code>def f</code>" in render(f"```{language}\ndef f\n```").replace("\n", "")


def test_a_block_of_any_length_has_colours(monkeypatch: pytest.MonkeyPatch):
    """Code is coloured as far as the time for it reaches, and nothing of it is lost behind that."""
    code = "x = 1  # y\n" * 5_000
    monkeypatch.setattr(markdown, "HIGHLIGHT_SECONDS", 60.0)
    assert render(f"```python\n{code}```").count("<span") > 9_000
    monkeypatch.setattr(markdown, "HIGHLIGHT_SECONDS", 0.0)
    assert render(f"```python\n{code}```").count("# y") == 5_000


def test_headings_follow_their_message():
    """Headings stand under the message's own and leave out no level, whatever the text does."""
    html = render("# a\n### b\n## c\n# d\n###### e")
    assert [html[at + 1 : at + 3] for at in range(len(html)) if html.startswith("<h", at)] == [
        *("h3", "h4", "h4", "h3", "h4"),
    ]


def test_cells_are_aligned_by_class():
    """The alignment of a table's column is a class, since no page allows a style."""
    html = render("|a|b|\n|-:|:-:|\n|1|2|")
    assert '<td class="right">1</td>' in html
    assert '<td class="center">2</td>' in html
    assert "style" not in html


@pytest.mark.parametrize("bracket", ["[", "![", "\\["])
def test_a_paragraph_of_brackets_is_shown_as_it_is(bracket: str):
    """Where so many brackets stand that looking for links takes long, none is looked for."""
    html = render(f"[a](http://b)\n\n[c](http://d) *e* {bracket * (BRACKETS + 1)}")
    assert '<a href="http://b"' in html
    assert f"[c](http://d) *e* {bracket * 10}" in html
    few = render(f"[c](http://d) {bracket * (BRACKETS - 1)}")
    assert '<a href="http://d"' in few


def test_the_dialect_is_that_of_the_terminal():
    """Formulas, footnotes, boxes, breaks, scripts, folds and pipes in code are shown as there."""
    text = "- [x] done\n- [ ] open\n\n$a^2$ and[^1]\n\n[^1]: a *note*\n\n| a | b |\n|---|---|\n| 1<br>2 | `x|y` |"
    text += "\n\n<details>\n<summary>`A`<b>&</b></summary>\n\nx<sub><i></sub> y<sub>&</sub>\n\n</details>\n"
    html = render(text).replace("\n", "")
    for part in (
        '<li class="task">☑ done</li><li class="task">☐ open</li>',
        '<span class="math">a²</span> and<sup>1</sup>',
        '<p class="footnote"><sup>1</sup> a <em>note</em></p>',
        "<td>1<br>2</td><td><code>x|y</code></td>",
        "<p><strong>▾ A&amp;</strong></p><p>x&lt;sub&gt;&lt;i&gt;&lt;/sub&gt; y<sub>&amp;</sub></p>",
    ):
        assert part in html


def test_no_table_is_much_larger_than_its_text():
    """With a thousand columns it is text, and it ends where its short rows would need too many cells."""
    head = "\n".join(mark * 1_000 for mark in ("a|", "-|", "b|"))
    assert "<table" in render(head)
    assert "<table" not in render(head.replace("\n", "|\n"))
    html = render(head + "\nc|d" * 99)
    assert html.count("<td>") <= 11_000
    assert "<p>c|d" in html


def test_a_link_that_is_its_own_text_is_marked():
    """Paper shows the address behind a link, and not twice."""
    marked = 'class="bare"'
    assert render("https://a.example <https://b.example>").count(marked) == 2
    assert marked not in render("[a](https://a.example)")


def test_a_block_knows_the_headings_before_it():
    """Blocks that are rendered one after another have the levels that they have in the whole."""
    text = "# A\n\n## B\n\n### C\n\nx"
    blocks = finished_blocks(text)
    later = finished_blocks(text[blocks[0][0] :], blocks[0][2])
    assert "".join(html for _, html, _ in [blocks[0], *later]) + "<p>x</p>\n" == render(text)
