"""The page's own parser, which formats what is still being written: right at every moment, and quick."""

import re

import pytest
from pages.conftest import Call

from genpy_server.web.markdown import render

pytestmark = pytest.mark.asyncio(loop_scope="session")

GROW = """async ([source, text, step]) => {
  const { Growing } = await import(source.replace("chat.js", "markdown.js"));
  const place = document.createElement("div");
  document.body.append(place);
  const growing = new Growing(place);
  const seen = [];
  for (let at = step; at < text.length + step; at += step) {
    growing.show(text.slice(0, at), 0, at < text.length);
    seen.push(place.innerText);
  }
  growing.show(text, 0, false);
  for (const one of place.querySelectorAll(".code-head")) one.remove();
  for (const one of place.querySelectorAll("pre")) {
    const { parentElement: box } = one;
    if (box.className === "code") box.replaceWith(one);
    for (const name of one.getAttributeNames()) one.removeAttribute(name);
    one.firstChild.textContent = one.textContent;
  }
  for (const one of place.querySelectorAll(".wide")) one.replaceWith(...one.childNodes);
  for (const one of place.querySelectorAll(".many")) {
    const [first, ...more] = one.tBodies;
    for (const part of more) {
      first.append(...part.rows);
      part.remove();
    }
    one.removeAttribute("class");
  }
  const html = place.innerHTML;
  place.remove();
  return [html, seen];
}"""

TEXTS = {
    "paragraphs": "One *two* **three** `four` ~~five~~.\n\nSix_seven_eight and 2 * 3 * 4.\nNine",
    "nested emphasis": "***both*** **a *b* c** and **open",
    "code span": "`` a ` b `` and `c` and `x",
    "heading": "# One\n\ntext\n\n## Two #\nmore",
    "list": "- one\n- *two*\n  more\n- three\n\nafter",
    "ordered": "3. a\n4. b\n   - c\n   - d\n5. e",
    "quote": "> a\n> **b**\n\n[end](https://a.example)",
    "rule": "a\n\n---\n\nb",
    "fence": "Before\n\n```\nx = 1\n\n  y\n```\nafter",
    "long fence": "````md\n```\ncode\n```\n# no heading\n````\n# heading",
    "tilde fence": "~~~\n```\n~~~\nafter",
    "fence in a list": "1. Do:\n   ```\n   a\n\n   b\n   ```\n2. Then\n\n[end](https://a.example)",
    "table": "| a | b |\n|---|--:|\n| `1` | **x** |\n| 3 | 4 |\n\n[end](https://a.example)",
    "pipes in a table": "| a | b |\n|---|--:|\n| `1|2` | **x** |\n| 3 |",
    "tasks": "- [x] done\n- [ ] **open**",
    "escapes": "\\*no\\* and <b>text</b> & more",
    "hard break": "a  \nb\\\nc",
    "wide": "含**「重点」**内容",
    "levels": "### One\n\n##### Two\n\n```\n# code\n```\n\n### Three\n\nFour\n===\n",
    "gaps in a list": "1. **One**\n2. two\n\n   more\n3. [x] three\n\n[end](https://a.example)",
    "a short head": "| a |\n|---|---|\n| 1 | 2 |",
    "a list behind a table": "| a |\n|---|\n| 1 | 2 |\n- item\n",
    "addresses": "[a](https://a.example/b_(c)) <https://a.example/d_e_f>",
    "lazy": "* one\n**two** three\n* four\n\nfive\n--- six",
    "code of three ticks": "x\n```py``` y",
    "formulas": "So $x = y*z*$, \\(k*l*m\\), $$n$$ for $5 and $6.\n$$\na * b * c\n$$\n\\[d*e*\\]\nend",
    "formulas elsewhere": "其中$x$是数\n\\begin{equation*}\na*b = *c*\n\\end{equation*}\n\n| a | b |\n|---|---|\n| $|x|$ | \\(|y|\\) |\n",
    "footnotes": "One[^1] and [^b].\n[^1]: *First*,\n  more\n[^b]: second\n\n[end](https://a.example)",
}
AWKWARD = (
    "* one\n**two**\n- three\n-four\n1. five\n1.6\n#seven\n# eight #",
    "a\n---b\n\n- c\n\n\n---d\n\n+ \\(\r\n---> e\n===f\n===",
    "`\n```py*~~~1) ```x\n\n``a`\n```\ncode``` `\n~~~\n# no\n```\nafter",
    "> > 1) _\n> ---## h\n10) \n***!1**\n\n| a | b\n|-x\n\n| a | b |\n|--|-:|\n| 1|2 | 3\n*",
    "- [x] a\n  - ```\n    - b\n    ```\n\n    c\n- d\n\n[e](f [g](h) ![i][j\n$$\nk_1 * 2\n$$ \\[l\\]",
    "<div>\n<b>a\n\n</div><!--\n-->\u05e9\u05dc\u05d5\u05dd **\u300c**\u91cd**\u300d** \U0001f642*e\u0301*",
)
"""Texts in which the meaning of a line changes as it is written."""
LONG = 100_000
HOSTILE = (
    *(f"# a{' ' * LONG}b", f"# {'# ' * (LONG // 2)}x", f"a | b\n| -{' ' * LONG}x"),
    *(f"a{' ' * LONG}b", f"` {'a' * LONG}`", f"    a{' ' * LONG}b", "> " * (LONG // 2)),
    *("[" * LONG, "[a](" * (LONG // 4), "*a _b " * (LONG // 6), "`" * LONG, "a\n" * (LONG // 2)),
    *(f"|a|\n|-|\n{'`' * LONG}|", "- a\n" * (LONG // 16), f"- {'- ' * (LONG // 2)}x"),
    *("\\(" * (LONG // 2), "\\[\n" * (LONG // 3), "$" * LONG, "$a " * (LONG // 3), "[^1" * LONG),
    *(f"```js\n{'/*' * (LONG // 2)}", f"```js\n{'`' * LONG}", "<!--" * (LONG // 4), "\\" * LONG),
)
"""Texts for which a careless pattern would take hours."""


async def grown(call: Call, text: str, step: int) -> tuple[str, list[str]]:
    """The HTML of a text that came in steps, and what could be read after each."""
    html, seen = await call(GROW, text, step)
    return html, seen


def plain(html: str) -> str:
    """HTML without what only the server knows: colours, languages, breaks between blocks."""
    html = re.sub(r"</?span[^>]*>| (?:data-language|href|target|rel)=\"[^\"]*\"", "", html)
    parts = re.split(r"(<pre>.*?</pre>)", html, flags=re.DOTALL)
    return "".join(
        part if number % 2 else re.sub(r"\n*(</?(?!em|strong|s>|code|br)\w+[^>]*>)\n*", r"\1", part)
        for number, part in enumerate(parts)
    ).strip()


@pytest.mark.parametrize("name", TEXTS)
async def test_a_text_looks_as_the_server_makes_it(call: Call, name: str):
    """However it is cut into pieces, a whole text looks as its HTML from the server."""
    text = TEXTS[name]
    for step in (1, 2, 5, 1000):
        html, _ = await grown(call, text, step)
        assert plain(html) == plain(render(text)), step


LARGE = {
    "many columns": "a|" * 1_001
    + "\n"
    + "-|" * 1_001
    + "\n"
    + "b|" * 1_001
    + "\n\n[end](https://a.example)",
    "short rows": "a|" * 900
    + "\n"
    + "-|" * 900
    + "\n"
    + "b|" * 900
    + "\n"
    + "c|d\n" * 99
    + "\n[end](https://a.example)",
    "many rows": "a|" * 9
    + "\n"
    + "-|" * 9
    + "\n"
    + ("b|" * 9 + "\n") * 500
    + "\n[end](https://a.example)",
}


@pytest.mark.parametrize("name", LARGE)
async def test_a_large_table_is_laid_out_in_parts(call: Call, name: str):
    """Of a table with many cells no picture costs more than a part, and none is made again at its end."""
    text = LARGE[name]
    made = render(text)
    html, _ = await grown(call, text, 2_000)
    assert plain(html) == plain(made)
    parts = await call(PARTS, text, made)
    assert all(cells <= 2_000 for cells, _ in parts)
    assert len(parts) <= 1 or {seen for _, seen in parts} == {"auto"}


PARTS = """async ([source, text, html]) => {
  const { $body: { Body } } = await import(source);
  const place = document.body.appendChild(document.createElement("div"));
  place.className = "body";
  const body = new Body(place);
  const shown = async (entry, last) => {
    body.show({ text, blocks: [], html: null, status: "streaming", ...entry });
    while (!place.querySelector(last)) {
      await new Promise((done) => requestAnimationFrame(done));
    }
    return [...place.querySelectorAll("tbody")];
  };
  const before = await shown({}, "a");
  const after = await shown({ html, status: "done" }, "a[href]");
  if (after.some((part, at) => part !== before[at])) throw new Error("made again");
  const parts = after.map((one) => [one.rows.length * one.rows[0].cells.length,
    getComputedStyle(one).contentVisibility]);
  place.remove();
  return parts;
}"""


async def test_a_reader_sees_no_marks_while_a_text_grows(call: Call):
    """At no moment are there marks to be read in a text whose marks all have a meaning."""
    text = "A **bold** and `code` one.\n\n## Title\n\n- *item*\n- [link](https://a.example)\n\n```py\nx\n```\n"
    notes = "So \\(a_n * 2\\) and $b$[^1].\n\n$$\nc_1\n$$\n\n\\[ d \\]\n\n[^1]: Noted\n"
    _, seen = await grown(call, text + notes, 1)
    assert [state for state in seen if re.search(r"[`#\[\]\\^]|\*\*|\$\$", state)] == []


async def test_what_is_open_at_the_end_is_text(call: Call):
    """Marks that nothing closes are shown as they are once the text is complete."""
    html, _ = await grown(call, "2 **3 and `4 and [5](6", 1)
    assert plain(html) == "<p>2 **3 and `4 and [5](6</p>"


CUT = """async ([source, text]) => {
  const { Growing } = await import(source.replace("chat.js", "markdown.js"));
  const [place, wrong] = [document.createElement("div"), []];
  const growing = new Growing(place);
  for (let at = 1; at <= text.length; at += 1) {
    for (const open of at < text.length ? [true] : [true, false]) {
      const fresh = document.createElement("div");
      growing.show(text.slice(0, at), 0, open);
      new Growing(fresh).show(text.slice(0, at), 0, open);
      if (fresh.innerHTML !== place.innerHTML) wrong.push([at, place.innerHTML, fresh.innerHTML]);
    }
  }
  return wrong;
}"""


@pytest.mark.parametrize("text", [*AWKWARD, *TEXTS.values()])
async def test_where_a_text_was_cut_is_not_seen(call: Call, text: str):
    """At every character what was shown bit by bit is what the text as it is now would be at once."""
    assert await call(CUT, text) == []


GROWING = (
    *("word *more* `code` ", "*a _b ", "# a\n", "- item *n*\n", "1. a\n\n   b\n", "> - item\n"),
    *(
        "text[^1] and[^2] ",
        "two[*one*](https://a.example) ",
        "> word *more*\n",
        "```py\nx = 1\n",
        "- a\n  - b\n",
        "| a |\n|---|\n| *b* |\n",
    ),
)
MADE = """async ([source, text, step]) => {
  const { Growing } = await import(source.replace("chat.js", "markdown.js"));
  const growing = new Growing(document.createElement("div"));
  const make = document.createElement;
  let made = 0;
  document.createElement = (...given) => (made += 1, make.apply(document, given));
  try {
    growing.show(text.slice(0, -10 * step), 0, true);
    made = 0;
    for (let at = text.length - 9 * step; at <= text.length; at += step) {
      growing.show(text.slice(0, at), 0, true);
    }
  } finally {
    delete document.createElement;
  }
  return made;
}"""


async def test_new_text_costs_little_however_long_the_text_is(call: Call):
    """Ten pieces of text make as few elements at the end of a long block as of a short one."""
    for text in GROWING:
        head, line, last = text.rpartition(text.splitlines(keepends=True)[-1])
        short, long = (head + (line + last) * (chars // len(line)) for chars in (25_000, 50_000))
        few, more = [await call(MADE, one, 20) for one in (short, long)]
        assert more <= few + 100, text


async def test_no_text_holds_up_the_page(call: Call):
    """Texts of 100,000 characters made to be slow are parsed, growing and whole, before anyone gives up."""
    for text in HOSTILE:
        for open_ in (True, False):
            assert await call(PARSED, text, open_) > 0, text[:9]


async def test_what_is_printed_is_finished(call: Call):
    """What is left of a text for the next pictures is made before it is printed."""
    assert await call(PRINTED) == [False, True]


PRINTED = """async ([source]) => {
  const { $steps: { inSteps } } = await import(source);
  let done = false;
  inSteps((function* () {
    const end = performance.now() + 100;
    while (performance.now() < end) yield;
    done = true;
  })());
  const before = done;
  dispatchEvent(new Event("beforeprint"));
  return [before, done];
}"""


PARSED = """async ([source, text, open]) => {
  const { Growing } = await import(source.replace("chat.js", "markdown.js"));
  const place = document.createElement("div");
  new Growing(place).show(text, 0, open);
  return place.childNodes.length;
}"""


async def test_a_text_says_when_it_is_formatted(call: Call):
    """Who marks words in a text learns when all of it is there, however many pictures that takes."""
    assert await call(FORMATTED, "word *more* `code` " * 4_000)


FORMATTED = """async ([source, text]) => {
  const { $body: { Body } } = await import(source);
  const place = document.createElement("div");
  const formatted = new Promise((done) => place.addEventListener("formatted", done));
  new Body(place).show({ text: "", blocks: [], html: `<p>${text}</p>`, status: "done" });
  await formatted;
  return place.textContent === text;
}"""
