"""Structured answers: the schema that is requested, and a lenient reader of the answer.

Models put text around the JSON, leave fields out or write them in other shapes. All fields that fit
are read; an answer is refused only if none does.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from html import unescape
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from genpy_server.errors import LlmBadOutput
from genpy_server.llm import lenient_json
from genpy_server.llm.field_names import PHRASES, first
from genpy_server.llm.lenient_json import objects
from genpy_server.llm.reply_text import OPENINGS, THINK_END

T = TypeVar("T")

ANSWER_CHARS = 400_000
"""Characters of an answer that are read."""
WORD_CHARS = 12
"""A longer text is more than a word, in languages without spaces too."""
MAX_DEPTH = 6
"""How deep inside other objects the answer may be."""

_ENDS = {THINK_END, *(end for ends in OPENINGS.values() for end in ends.split("  "))}
_THOUGHT = re.compile("|".join(map(re.escape, _ENDS)), re.IGNORECASE)
_CURLY = re.compile(r"\{\s*[\u201c\u201d\u201e]")
_CURLY_QUOTES = str.maketrans("\u201c\u201d\u201e", '"""')
_ENTITIES = re.compile(r"\{\s*&(quot|#34);")
_OPEN = re.compile(r'\s*"\w+"\s*:')
"""An object without its first bracket."""
_ESCAPED = re.compile(r"\s*\{\s*\\\"")
_SCHEMA_TYPES = {"string", "array", "object", "number", "integer", "boolean"}
_NOTHING = {"none", "n/a", "na", "null", "nothing", "-", "no outcomes", "unknown", "...", "…"}
"""Items of a list that mean that it is empty."""
_LINES = re.compile(r"\s*[;|\n•]\s*")
_COMMAS = re.compile(r"\s*[,\u3001\uff0c]\s*|\s+/\s+|\s+(?=#\w)")
_MARKER = re.compile(r"^(?:(?:[-*•]|\d+[.)])\s+|#(?=\w))")
_PHRASE_WORDS = 4
"""The most words of an item between commas; if one is longer, the line is a sentence, not a list."""
_LABELS = (
    *("name", "text", "title", "topic", "label", "value", "outcome", "description", "content"),
    *("overall", "overview"),
)
_ALIASES = PHRASES.pairs("fields")
WORDS = {
    mood: tuple(PHRASES.sections[mood][0].split()) for mood in ("positive", "negative", "neutral")
}
"""The values of a choice in other languages."""


def strict_schema(kind: type) -> dict[str, Any]:
    """The JSON schema of a msgspec type without references, with exactly its fields, all required."""
    (root,), components = msgspec.json.schema_components([kind])
    schema = _strict(root, components)
    assert isinstance(schema, dict)  # noqa: S101 - a schema of a struct is an object
    return schema


def _strict(node: Any, components: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_strict(item, components) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _strict(components[node["$ref"].rsplit("/", 1)[1]], components)
    own = {"title", "default", "properties"}
    strict = {k: _strict(v, components) for k, v in node.items() if k not in own}
    if "properties" in node:
        fields = {name: _strict(one, components) for name, one in node["properties"].items()}
        strict |= {"properties": fields, "required": [*fields], "additionalProperties": False}
    return strict


def in_words(kind: type) -> str:
    """An instruction to answer with JSON of the type, for services without structured output."""
    schema = msgspec.json.encode(strict_schema(kind)).decode()
    return f"Answer with nothing but JSON of this schema:\n{schema}"


def read(answer: str, kind: type[T]) -> T:
    """Read an answer as `kind`; raises `LlmBadOutput` if none of its fields is found."""
    answer = _plain(answer[:ANSWER_CHARS])
    last = _THOUGHT.split(answer)[-1]
    for text in dict.fromkeys((last, answer)):
        every = [
            next(filter(None, (_fitted(one, kind) for one in _candidates(found, 0))), {})
            for found in objects(f"{{{text}" if _OPEN.match(text) else text)
        ]
        values: dict[str, Any] = {}
        for new in sorted(
            every, key=lambda new: -sum(map(bool, new.values()))
        ):  # a model may repeat the schema first
            values = {name: values.get(name) or value for name, value in new.items()} or values
        values = values or _fitted(_labelled(last, kind), kind) or {}
        if values:
            return kind(**values)
    raise LlmBadOutput("The model's answer is not in the form asked for. Try again.")


def _plain(answer: str) -> str:
    """An answer with plain quotation marks, if it was encoded as a string or has other ones."""
    if answer.lstrip()[:2] in {'"{', '"\\'}:
        with suppress(ValueError):
            answer = str(json.loads(answer))
    if _ESCAPED.match(answer):
        answer = answer.replace('\\"', '"')
    if _ENTITIES.search(answer):
        answer = unescape(answer)
    return answer.translate(_CURLY_QUOTES) if _CURLY.search(answer) else answer


def _labelled(text: str, kind: type) -> dict[str, Any]:
    """The texts after the names of the fields in an answer that is not JSON."""
    names = "|".join(name.replace("_", "[ _]") for name in get_type_hints(kind))
    label = rf"(?im)(?:^[\s#*_>|\-\d.]*(?:key )?|<)({names})\b[*_]*(?:[ \t]*[:\uff1a>=|][*_]*|[ \t*_]*\n)"
    found = list(re.finditer(label, text))
    ends = [*(match.start() for match in found[1:]), len(text)][: len(found)]
    return {
        match[1].lower(): _untagged(text[match.end() : end])
        for match, end in zip(found, ends, strict=True)
    }


def _untagged(text: str) -> Any:
    """A text without tags and emphasis, on a line of its own what stood in tags; JSON as its value."""
    text = re.sub(r"<\w+>|[*_#]{2,}", "", re.sub(r"</[\w ]+>", "\n", text)).strip("| \t\r\n")
    try:
        return json.loads(text)
    except ValueError:
        return text


def _candidates(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    """An object, and then those inside it; one may be encoded as text."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = list(objects(value, whole=True))
    if isinstance(value, dict):
        yield value
        inside: Any = value.values()
    else:
        inside = value if isinstance(value, list) else ()
    if depth < MAX_DEPTH:
        for item in inside:
            yield from _candidates(item, depth + 1)


def _fitted(found: dict[str, Any], kind: type) -> dict[str, Any] | None:
    """The values of the fields that fit; None if all are empty."""
    named: dict[str, Any] = {}
    for key, value in found.items():
        plain = re.sub(r"[\W_]", "", str(key)).lower()
        named.setdefault(_ALIASES.get(plain, plain), value)
    hints = get_type_hints(kind)
    keys = {name: _key(named, name.replace("_", "").lower()) for name in hints}
    values = {name: _shaped(_stated(named.get(keys[name] or "")), hints[name]) for name in hints}
    others = [value for key, value in named.items() if key not in keys.values()]
    known = sum(map(bool, keys.values()))
    strange = known < min(len(others), len(hints) / 2)
    if strange and named.get("type") not in _SCHEMA_TYPES:
        _fill(values, hints, others)
    return values if any(values.values()) else None


def _key(named: dict[str, Any], name: str) -> str | None:
    """The key of a field, which may be longer than its name, or its singular."""
    stem = name.removesuffix("s")
    return name if name in named else next((key for key in named if stem in key), None)


def _stated(value: Any) -> Any:
    """A value, or what stands in place of one in a repeated schema."""
    if isinstance(value, dict) and value.get("type") in _SCHEMA_TYPES:
        items = value.get("items")
        items = items if isinstance(items, list) else None
        return value.get("value", value.get("text", items))
    return value


def _fill(values: dict[str, Any], hints: dict[str, Any], others: list[Any]) -> None:
    """Give values of unknown names, as those in another language, to the empty fields they fit.

    The longest text comes first, as the first field is the most important. It takes both a text of
    more than a word and a list to tell an answer from other objects.
    """
    texts = [value for value in others if isinstance(value, str)]
    lists = [value for value in others if isinstance(value, list)]
    says = any(values.values()) or any(" " in t or len(t) > WORD_CHARS for t in texts)
    if not (says and lists) or any(text in hints for text in texts):
        return
    free = [name for name in hints if not values[name]]
    for value in [*sorted(texts, key=lambda text: -len(text.split())), *lists]:
        for name in free:
            is_list = get_origin(hints[name]) in (list, tuple)
            shaped = _shaped(value, hints[name]) if is_list is isinstance(value, list) else None
            if shaped or (is_list and shaped is not None):
                values[name] = shaped
                free.remove(name)
                break


def _shaped(value: Any, wanted: Any) -> Any:
    """A value in the type of a field; empty if it does not fit."""
    options = [part for part in get_args(wanted) if part is not type(None)]
    if get_origin(wanted) in (list, tuple):
        return _items(value)
    choices = next((get_args(o) for o in (wanted, *options) if get_origin(o) is Literal), ())
    if choices:
        return _choice(_text(value), choices)
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, dict):
        return _text(first(value, _LABELS))
    if isinstance(value, list):
        return " ".join(filter(None, map(_text, value)))
    return ""


def _items(value: Any) -> list[str]:
    if isinstance(value, str) and value.startswith("["):
        value = lenient_json.value_of(value)
    if isinstance(value, str):
        lines = [_MARKER.sub("", line).strip() for line in _LINES.split(value)]
        if len(lines) == 1:
            phrases = [_MARKER.sub("", phrase) for phrase in _COMMAS.split(lines[0])]
            lines = phrases if all(len(p.split()) <= _PHRASE_WORDS for p in phrases) else lines
        return [line for line in lines if line and line.lower() not in _NOTHING]
    if isinstance(value, dict):
        label = _text(value)
        if not label and all(isinstance(weight, int | float) for weight in value.values()):
            return list(map(str, value))
        return [label] if label else [item for inner in value.values() for item in _items(inner)]
    if isinstance(value, list):
        texts = (_MARKER.sub("", _text(str(i) if type(i) in {int, float} else i)) for i in value)
        return [text for text in texts if text and text.lower() not in _NOTHING]
    return []


def _choice(text: str, choices: tuple[str, ...]) -> str | None:
    """The choice that a text names; None if it names none or several."""
    lowered = text.lower()
    if lowered in choices:
        return lowered
    named = [
        choice
        for choice in choices
        if any(
            re.search(rf"\b(?<!not )(?<!non-){word}", lowered)
            for word in WORDS.get(choice, (choice,))
        )
    ]
    return named[0] if len(named) == 1 else None
