"""Text at the door of a database: what can be stored, and which words of a query to look for."""

import re
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

QUERY_WORDS = 48
"""Distinct words of a query that are looked for; a whole message may be the query."""

# Patterns are compiled when first needed: every command imports this module.
_WORD = r"[^\W_]+"
UNSPACED = (
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"  # kana, Han, Hangul
    "\U00020000-\U0003ffff]+"
)

STOP_WORDS = frozenset(
    """
    a about am an and any are aren as at be been being but by can could couldn d did didn do does
    doesn doing don for from get give got had hadn has hasn have haven having he her hers him his
    how i if in into is isn it its just let like ll m me mine more most my no nor not of on or our
    ours out over please re s said say shall she should shouldn so some such t tell than that the
    their theirs them then there these they this those to too us ve very was wasn we were weren what
    when where which while who whom whose why will with won would wouldn you your yours
    """.split()  # noqa: SIM905 - a list of so many is harder to read
)
"""English words that say nothing about what is looked for, and the pieces of "don't" and "I'll"."""


def storable(text: str) -> str:
    """`text` without what no database takes: NUL and lone surrogates become U+FFFD."""
    text = text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        # Two surrogates that belong together become the character they stand for.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def storable_tree(value: Any) -> Any:
    """The same for every string in a value of JSON's kinds."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable_tree(key): storable_tree(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable_tree(item) for item in value]
    return value


def storable_value(value: T) -> T:
    """The same for an argument of a store: a text, a struct, or a value of JSON's kinds."""
    if isinstance(value, msgspec.Struct):
        try:
            if b"\\u0000" not in msgspec.json.encode(value):
                return value
        except UnicodeEncodeError:
            pass
        return msgspec.convert(storable_tree(msgspec.to_builtins(value)), type(value))
    clean: T = storable_tree(value) if isinstance(value, str | dict | list) else value
    return clean


def search_words(query: str) -> list[str]:
    """The distinct words of a query, lower case, in order; none when it holds no word.

    English stop words are left out when other words remain. Any punctuation separates words, so
    a word never holds a character with a meaning in a query language.
    """
    words = list(dict.fromkeys(re.findall(_WORD, storable(query).lower())))
    telling = [word for word in words if word not in STOP_WORDS]
    return (telling or words)[:QUERY_WORDS]


def unspaced(text: str) -> str | None:
    """The characters of scripts without spaces between words, with spaces; None without any.

    An index that splits at spaces sees a Chinese sentence as one word; in this form it finds a
    part of it, when the words of a query are given in the same form, as a phrase.
    """
    runs = [] if text.isascii() else re.findall(UNSPACED, text)
    return "  ".join(" ".join(run) for run in runs) or None
