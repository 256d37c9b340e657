"""Converts TeX formulas to Unicode text, if that keeps their meaning."""

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pylatexenc.latex2text import LatexNodes2Text

_MAX_CHARS = 2_000
"""A longer formula is shown as its source."""
_SCRIPTS = {
    "^": str.maketrans(
        "0123456789+-=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWβδθφχ",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵝᵟᶿᵠᵡ",
    ),
    "_": str.maketrans(
        "0123456789+-=()aehijklmnoprstuvxβφχ",
        "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵩᵪ",
    ),
}

_PLAIN = (
    *("boldsymbol", "bm", "pmb", "mathit", "mathsf", "mathtt", "mathds", "Bbb"),
    *("mathop", "mathbin", "mathrel", "mathord", "textsf", "texttt", "textup", "textnormal"),
    *("mbox", "hbox", "fbox", "boxed"),
)
"""Macros that are replaced by their argument."""
_SILENT = (
    *("!", "negthinspace", "left", "right", "middle", "displaystyle", "textstyle", "limits"),
    *("nolimits", "nonumber", "notag", "hline"),
    *(size + side for size in ("big", "Big", "bigg", "Bigg") for side in ("", "l", "r", "m")),
)
"""Macros that only change the appearance; they are dropped."""
_SPACES = (
    *(",", ";", ":", "quad", "qquad", "enspace", "thinspace", "medspace", "thickspace", "space"),
)
_NAMES = (
    *("Re", "Im", "Pr", "arg", "argmax", "argmin", "cot", "csc", "deg", "det", "dim", "gcd", "hom"),
    *("ker", "lg", "sec"),
)
"""Macros that are shown as their names."""
_SYMBOLS = {
    "neg": "¬",
    "lnot": "¬",
    "land": "∧",
    "lor": "\u2228",
    "ne": "≠",
    "models": "⊨",
    "bot": "⊥",
    "implies": "⟹",
    "impliedby": "⟸",
    "iff": "⟺",
    "gets": "←",
    "leadsto": "⇝",
    "|": "‖",
    "lbrack": "[",
    "rbrack": "]",
    "lt": "<",
    "gt": ">",
    "colon": ":",
    "coloneqq": "≔",
    "triangle": "△",
    "Box": "□",
    "Diamond": "◇",
    "qed": "∎",
    "checkmark": "✓",
    "bigstar": "★",
    "degree": "°",
    "ddagger": "‡",
    "imath": "\u0131",
    "jmath": "ȷ",
    "S": "§",
    "bmod": " mod ",
}
_ACCENTS = {
    "overline": "\u0305",
    "bar": "\u0305",
    "widehat": "\u0302",
    "widetilde": "\u0303",
    "underline": "\u0332",
    "overrightarrow": "\u20d7",
    "overleftarrow": "\u20d6",
    "mathring": "\u030a",
}
"""Marks above or below each character of an argument."""
_BINOMIALS = ("binom", "tbinom", "dbinom")
_SIGNS = {"''": "″", "--": "--", "---": "---"}
"""What means a quotation mark or a dash in a text, and something else in a formula."""
_UNSUPPORTED = ("underbrace", "overbrace", "stackrel")
"""Macros that cannot be written in one line; such a formula is shown as its source."""
_ENVIRONMENTS = {
    "cases": ("{", "", ", "),
    "rcases": ("", "}", ", "),
    "Bmatrix": ("{", "}", " "),
    "vmatrix": ("|", "|", " "),
    "Vmatrix": ("‖", "‖", " "),
}
"""What is left and right of the rows of an environment, and between their cells."""
_FRACTIONS = ("frac", "tfrac", "dfrac", "cfrac")
_NO_DELIMITER = re.compile(r"\\(?:left|right)\s*\.")

_BARE = re.compile(r"(?:^|\s)[\u0300-\u036f\u20d0-\u20ff]")
"""The mark of an accent without its letter, such as `\\b` alone."""
_RELATION = re.compile("(?<=[^\n_^(])([≠≤≥≈≡≅\u223c∝∈∉⊂⊆→↦⇒⇔⟹⟺\u222a∩∧\u2228])(?=[^\n)])")
"""A sign with a space on both sides: TeX's own spaces end its macro, and do not count."""
_ATOMS = re.compile(r"(?<=[A-Za-z)\]])\d+")
"""The number of an atom or a group in a chemical formula."""
_COMMENT = re.compile(r"(?<!\\)%")
"""A comment sign in TeX, by which models mean percent."""


@lru_cache(maxsize=256)
def readable(source: str) -> str:
    """A formula (without its delimiters) as Unicode text; its source if that is not possible."""
    if len(source) > _MAX_CHARS or source.count("{") != source.count("}"):
        return source
    from pylatexenc.latexwalker import LatexWalker, LatexWalkerError  # noqa: PLC0415 - when needed

    words, reader = _reader()
    formula = _COMMENT.sub(r"\%", _NO_DELIMITER.sub("", source))
    try:
        nodes, _, _ = LatexWalker(formula, latex_context=words).get_latex_nodes()
        shown = reader.nodelist_to_text(nodes)
    except (LatexWalkerError, ValueError, TypeError, IndexError, RecursionError):
        return source
    lines = _RELATION.sub(r" \1 ", shown).split("\n")
    rows = [" ".join(line.split()) for line in lines if line.strip()]
    return source if not rows or any(map(_BARE.search, rows)) else "\n".join(rows)


@lru_cache(maxsize=1)
def _reader() -> "tuple[Any, LatexNodes2Text]":
    from pylatexenc import latex2text, latexwalker, macrospec  # noqa: PLC0415 - when needed

    words = latexwalker.get_default_latex_context_db()
    words.add_context_category(
        "formulas",
        macros=[
            *(macrospec.MacroSpec(name, "{{") for name in (*_FRACTIONS, *_BINOMIALS)),
            *(macrospec.MacroSpec(name, "{{") for name in ("overset", "underset")),
            *(macrospec.MacroSpec(name, "{") for name in (*_PLAIN, *_ACCENTS, "label", "tag")),
            *(macrospec.MacroSpec(name, "{") for name in ("color", "substack", "pmod", "ce")),
            macrospec.MacroSpec("operatorname", "*{"),
            macrospec.MacroSpec("xrightarrow", "[{"),
        ],
        specials=[
            macrospec.SpecialsSpec(mark, args_parser=macrospec.MacroStandardArgsParser("{"))
            for mark in _SCRIPTS
        ],
        prepend=True,
    )
    texts = latex2text.get_default_latex_context_db()
    text = latex2text.MacroTextSpec
    texts.add_context_category(
        "formulas",
        macros=[
            *(text(name, simplify_repl="%(1)s") for name in _PLAIN),
            *(text(name, simplify_repl="") for name in _SILENT),
            *(text(name, simplify_repl=sign) for name, sign in _SYMBOLS.items()),
            *(text(name, simplify_repl=name) for name in _NAMES),
            *(text(name, simplify_repl=_unknown) for name in _UNSUPPORTED),
            *(text(name, simplify_repl=_accented) for name in _ACCENTS),
            *(text(name, simplify_repl=_fraction) for name in _FRACTIONS),
            *(text(name, simplify_repl="C(%(1)s, %(2)s)") for name in _BINOMIALS),
            *(text(name, simplify_repl="") for name in ("label", "color")),
            text("tag", simplify_repl=" (%(1)s)"),
            text("pmod", simplify_repl=" (mod %(1)s)"),
            text("ce", simplify_repl=_chemistry),
            text("operatorname", simplify_repl="%(2)s"),
            text("overset", simplify_repl=lambda node, l2tobj: _raised(node, l2tobj, "^")),
            text("underset", simplify_repl=lambda node, l2tobj: _raised(node, l2tobj, "_")),
            text("substack", simplify_repl=_stacked),
            text("xrightarrow", simplify_repl=_arrow),
            text("mid", simplify_repl=" | "),
            text("sqrt", simplify_repl=_root),
            *(text(name, simplify_repl=" ") for name in _SPACES),
        ],
        environments=[
            latex2text.EnvironmentTextSpec(name, simplify_repl=_rows) for name in _ENVIRONMENTS
        ],
        specials=[
            *(latex2text.SpecialsTextSpec(mark, simplify_repl=_script) for mark in _SCRIPTS),
            *(
                latex2text.SpecialsTextSpec(mark, simplify_repl=sign)
                for mark, sign in _SIGNS.items()
            ),
        ],
        prepend=True,
    )
    texts.set_unknown_macro_spec(text("", simplify_repl=_unknown))
    reader = latex2text.LatexNodes2Text(
        latex_context=texts,
        math_mode="text",
        strict_latex_spaces="based-on-source",
    )
    return words, reader


def _unknown(node: Any) -> str:
    raise ValueError(node.macroname)


def _accented(node: Any, l2tobj: Any) -> str:
    mark = _ACCENTS[node.macroname]
    return "".join(f"{character}{mark}" for character in _arguments(node, l2tobj)[0])


def _chemistry(node: Any, l2tobj: Any) -> str:
    text = _arguments(node, l2tobj)[0].replace("<=>", "⇌").replace("->", "→")
    return _ATOMS.sub(lambda found: found[0].translate(_SCRIPTS["_"]), text)


def _arrow(node: Any, l2tobj: Any) -> str:
    below, above = _arguments(node, l2tobj)
    return f"─{'; '.join(filter(None, (above, below)))}→"


def _stacked(node: Any, l2tobj: Any) -> str:
    return ", ".join(line.strip() for line in _arguments(node, l2tobj)[0].split("\n"))


def _raised(node: Any, l2tobj: Any, mark: str) -> str:
    above, base = _arguments(node, l2tobj)
    return f"{base}{_scripted(above, mark)}"


def _arguments(node: Any, l2tobj: Any) -> list[str]:
    """The arguments of a macro as text; an optional one that is absent is empty."""
    nodes = node.nodeargd.argnlist if node.nodeargd is not None else []
    return ["" if one is None else l2tobj.node_to_text(one).strip() for one in nodes]


def _grouped(text: str) -> str:
    """A part in parentheses, unless it is one number or name."""
    return text if text.isalnum() or len(text) == 1 else f"({text})"


def _fraction(node: Any, l2tobj: Any) -> str:
    above, below = _arguments(node, l2tobj)
    return f"{_grouped(above)}/{_grouped(below)}"


def _root(node: Any, l2tobj: Any) -> str:
    degree, inside = _arguments(node, l2tobj)
    return f"{degree.translate(_SCRIPTS['^'])}√{_grouped(inside)}"


def _rows(node: Any, l2tobj: Any) -> str:
    """The rows of a definition by cases or a matrix, in one line."""
    left, right, between = _ENVIRONMENTS[node.environmentname]
    lines = l2tobj.nodelist_to_text(node.nodelist).split("\n")
    rows = [re.sub(r",?\s{3,}", between, line.strip()).rstrip(",;.") for line in lines]
    return f"{left} {'; '.join(filter(None, rows))} {right}".rstrip()


def _script(node: Any, l2tobj: Any) -> str:
    (text,) = _arguments(node, l2tobj)
    return _scripted(text, node.specials_chars)


def _scripted(text: str, mark: str) -> str:
    table = _SCRIPTS[mark]
    if text == "∘":
        return "°"
    if text and all(ord(character) in table for character in text):
        return text.translate(table)
    return mark + (text if len(text) == 1 else f"({text})")
