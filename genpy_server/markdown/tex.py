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

_PLAIN = ("operatorname", "boldsymbol", "bm", "mathit", "mathsf", "mathtt", "mbox", "boxed")
"""Macros that are replaced by their argument."""
_SILENT = (
    *("!", "left", "right", "displaystyle", "textstyle", "limits", "nolimits"),
    *(size + side for size in ("big", "Big", "bigg", "Bigg") for side in ("", "l", "r", "m")),
)
"""Macros that only change the appearance; they are dropped."""
_SYMBOLS = {"neg": "¬", "lnot": "¬", "land": "∧", "lor": "\u2228", "implies": "⟹", "iff": "⟺"}
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
_NO_DELIMITER = re.compile(r"\\(?:left|right)\s*\.")

_BARE = re.compile(r"(?:^|\s)[\u0300-\u036f\u20d0-\u20ff]")
"""The mark of an accent without its letter, such as `\\b` alone."""
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
    rows = [" ".join(line.split()) for line in shown.split("\n") if line.strip()]
    return source if not rows or any(map(_BARE.search, rows)) else "\n".join(rows)


@lru_cache(maxsize=1)
def _reader() -> "tuple[Any, LatexNodes2Text]":
    from pylatexenc import latex2text, latexwalker, macrospec  # noqa: PLC0415 - when needed

    words = latexwalker.get_default_latex_context_db()
    words.add_context_category(
        "formulas",
        macros=[
            *(macrospec.MacroSpec(name, "{{") for name in ("tfrac", "dfrac")),
            *(macrospec.MacroSpec(name, "{") for name in _PLAIN),
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
            *(text(name, simplify_repl=_unknown) for name in _UNSUPPORTED),
            *(text(name, simplify_repl=_line_above) for name in ("overline", "bar")),
            *(text(name, simplify_repl=_fraction) for name in ("frac", "tfrac", "dfrac")),
            text("sqrt", simplify_repl=_root),
            *(text(name, simplify_repl=" ") for name in (",", ";", ":", "quad", "qquad")),
        ],
        environments=[
            latex2text.EnvironmentTextSpec(name, simplify_repl=_rows) for name in _ENVIRONMENTS
        ],
        specials=[latex2text.SpecialsTextSpec(mark, simplify_repl=_script) for mark in _SCRIPTS],
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


def _line_above(node: Any, l2tobj: Any) -> str:
    return "".join(f"{character}\u0305" for character in _arguments(node, l2tobj)[0])


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
    mark: str = node.specials_chars
    table = _SCRIPTS[mark]
    (text,) = _arguments(node, l2tobj)
    if text == "∘":
        return "°"
    if text and all(ord(character) in table for character in text):
        return text.translate(table)
    return mark + (text if len(text) == 1 else f"({text})")
