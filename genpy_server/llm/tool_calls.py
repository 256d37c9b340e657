"""Assembles tool calls from the pieces in which services send them.

Services number pieces by `index`, by `id`, by neither, or give each piece a new one of both. So the
content of a piece decides which call it belongs to: a name begins a call, unless it is the name of
the call before it and the arguments of that call are incomplete.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

from genpy_server.core.models import ToolCall, ToolSpec
from genpy_server.llm import lenient_json
from genpy_server.llm.field_names import ARGUMENTS, CALL_IDS, CALL_NAMES, first
from genpy_server.llm.lenient_json import objects

MAX_CALLS = 64
"""The most calls of one reply; further ones are ignored."""
PARALLEL = "multi_tool_use.parallel"
"""The name of a tool that some models invent for several calls at once."""
ARGUMENT_CHARS = 1_000_000
"""The most characters of the arguments of one call."""

_NAME = re.compile(r"[\w./:-]*")
_PARTS = re.compile(r"__|[^\w-]+")
"""What separates the parts of a name with a prefix or with more behind it."""
_NAMED = re.compile(r"""\s*[({]?\s*["']?(\w+)["']?\s*[:=]""")
"""The name of the first argument, with or without a bracket before it."""
_PLAIN_CHARS = 200
"""A text of at most so many characters that is not JSON is read as the value of the only argument."""
_NO_PYTHON = (ValueError, TypeError, SyntaxError, AttributeError, RecursionError, MemoryError)
"""What reading calls in Python raises where there are none."""


class CallPiece(NamedTuple):
    """A tool call or a piece of one; fields that a service leaves out are empty."""

    number: int | None
    """Its `index`."""
    id: str
    name: str
    arguments: str


def call_pieces(rows: Iterable[Any]) -> list[CallPiece]:
    """The pieces of one chunk, whatever types their fields have."""
    found: list[CallPiece] = []
    for row in rows:
        if isinstance(row, str):
            row = _plain(row)  # noqa: PLW2901 - calls encoded as text
        if isinstance(row, list):
            found += call_pieces(row)
        elif (piece := call_piece(row)) is not None:
            found.append(piece)
    return found


def call_piece(row: Any) -> CallPiece | None:
    """The call or the piece of one that an object is; None if it is none."""
    if not isinstance(row, dict):
        return None
    named = row.get("function")
    function = named if isinstance(named, dict) else row
    index = row.get("index")
    if isinstance(index, str) and index.isdecimal():
        index = int(index)
    name = first(function, CALL_NAMES) or named
    call_id = next((row[key] for key in CALL_IDS if row.get(key) is not None), None)
    arguments = next((function[key] for key in ARGUMENTS if key in function), None)
    if arguments is not None and not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    piece = CallPiece(
        index if isinstance(index, int) and not isinstance(index, bool) else None,
        "" if call_id is None else str(call_id),
        name if isinstance(name, str) else "",
        arguments or "",
    )
    return piece if piece.id or piece.name or piece.arguments else None


class _Call:
    def __init__(self, piece: CallPiece) -> None:
        self.id = piece.id
        self.name = piece.name
        self.arguments = [piece.arguments]

    @property
    def text(self) -> str:
        return "".join(self.arguments)

    @property
    def complete(self) -> bool:
        try:
            return isinstance(json.loads(self.text, strict=False), dict | list | str)
        except (ValueError, RecursionError):
            return False

    def repeats(self, other: "_Call") -> bool:
        own_id = self.id and other.id and self.id != other.id
        return self.name == other.name and not own_id and self.text in ("", other.text)

    def add(self, piece: CallPiece) -> None:
        self.id = self.id or piece.id
        if piece.name and piece.name != self.name:
            self.name += piece.name
        if (
            piece.arguments[:1] == "{"
            and len(text := self.text) > 1
            and piece.arguments.startswith(text)
        ):
            self.arguments = []  # each piece repeats those before
        if sum(map(len, self.arguments)) < ARGUMENT_CHARS:
            self.arguments.append(piece.arguments)


class CallCollector:
    """Assembles tool calls, in the order of their first pieces."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}

    def add(self, piece: CallPiece) -> None:
        """Add a piece to its call."""
        call = self._call_of(piece)
        if call is not None:
            call.add(piece)
        elif len(self._calls) < MAX_CALLS:
            call = _Call(piece)
            self._calls.append(call)
        if call is not None and piece.number is not None:
            self._by_index[piece.number] = call

    def _call_of(self, piece: CallPiece) -> _Call | None:
        """The call that a piece continues; None if it begins one."""
        if not self._calls:
            return None
        call = self._calls[-1]
        if piece.number is not None:
            call = self._by_index.get(piece.number, call if not piece.name else None) or call
            if piece.name and piece.number not in self._by_index:
                return None
        elif piece.id:
            call = next((c for c in self._calls if c.id == piece.id), call)
        if not piece.name:
            return call
        other_id = bool(piece.id and call.id and piece.id != call.id)
        if piece.name == call.name:
            begins = piece.arguments[:1] in ("", "{", "[")
            return None if call.complete and begins else call
        if not call.name:
            return None if call.complete and other_id else call
        # Another name is the second half of the same call's name, or begins another call.
        same = not other_id and (piece.number is not None or bool(piece.id))
        return call if same and not call.text else None

    def calls(self, tools: Sequence[ToolSpec]) -> list[ToolCall]:
        """The calls, with names and arguments adapted to `tools`; each id is unique.

        A call that only repeats the one before it, or its name, is left out.
        """
        made: list[ToolCall] = []
        used: set[str] = set()
        before: _Call | None = None
        for call in self._calls:
            name = tool_name(call.name, tools)
            if not name or (before is not None and call.repeats(before)):
                continue
            before = call
            if name == PARALLEL:
                made += _parallel(call.text, tools)
                continue
            behind = re.search(r"\w\s*([({](?!\s*[)}]).+)", call.name, re.DOTALL)
            arguments = call.text if call.text.strip() or not behind else behind[1]
            for text in _several(arguments):
                call_id = call.id if call.id and call.id not in used else f"call_{uuid4().hex[:12]}"
                used.add(call_id)
                made.append(ToolCall(call_id, name, arguments_text(text, name, tools)))
        return made[:MAX_CALLS]


def _parallel(text: str, tools: Sequence[ToolSpec]) -> list[ToolCall]:
    """The calls inside a call of a tool that only some models know."""
    collector = CallCollector()
    for found in objects(text):
        for use in found.get("tool_uses") or ():
            if isinstance(use, dict):
                piece = call_piece({**use, "name": use.get("recipient_name")})
                collector.add(piece) if piece else None
    return collector.calls(tools)


def _several(text: str) -> list[str]:
    """The arguments of each call, if a service put those of several calls into one."""
    if "}" not in text[:-1] or _plain(text) is not None:
        return [text]
    rest = text.strip()
    found: list[str] = []
    while rest:
        try:
            value, end = lenient_json.first(rest, 0)
        except ValueError:
            return [text]
        if not isinstance(value, dict):
            return [text]
        if value and rest[:end] not in found:
            found.append(rest[:end])
        rest = rest[end:].lstrip()
    return found or [text]


def tool_name(name: str, tools: Sequence[ToolSpec]) -> str:
    """The offered tool that a name means, as `functions.NAME`, in other case or with text after it."""
    written = _NAME.match(name.strip("\"'` \n"))
    plain = written.group() if written else ""
    names = {_key(tool.name): tool.name for tool in tools}
    found = (names.get(_key(one)) for one in (plain, *_PARTS.split(name), name))
    return next(filter(None, found), plain or name.strip())


def _key(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())


def arguments_text(text: str, name: str, tools: Sequence[ToolSpec]) -> str:
    """Arguments as the JSON text of an object if they can be read as one, else unchanged.

    They may be empty, encoded twice, or given by position instead of by name.
    """
    value: Any = text
    for _ in range(3):  # encoded once, twice, and once more
        if not isinstance(value, str):
            break
        if value.strip().lower() in {"", "null", "none", "undefined"}:
            return "{}"
        try:
            value = json.loads(value, strict=False)
        except (ValueError, RecursionError):
            value = next((found for found in objects(value, whole_strings=True) if found), value)
            break
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        (value,) = value
    if value == [] or isinstance(value, bool):  # as some services write an empty object
        return "{}"
    spec = next((tool for tool in tools if tool.name == name), None)
    schemas = spec.parameters.get("properties", {}) if spec else {}
    fields = list(schemas)
    if isinstance(value, str) and (named := _NAMED.match(value)) and named[1] in fields:
        inside = value.strip().strip("(){}")
        value = python_arguments(f"({inside})") or next(objects(f"{{{inside}}}", whole=True), value)
    if not isinstance(value, dict):
        values = value if isinstance(value, list) else [value]
        plain = text[:1] not in "{[<" and len(text) <= _PLAIN_CHARS and "\n" not in text
        if (value == text and not plain) or not fields or len(values) > len(fields):
            return text
        value = dict(zip(fields, values, strict=False))
    elif not value.keys() & set(fields):
        inner = [held for held in value.values() if isinstance(held, dict)]
        if len(inner) == 1 and inner[0].keys() & set(fields):
            (value,) = inner
    value = {key: _typed(held, schemas.get(key)) for key, held in value.items()}
    if value == _plain(text):
        return text
    return json.dumps(value, ensure_ascii=False)


def _typed(value: Any, schema: Any) -> Any:
    """A value that was written as text though its schema takes none."""
    found = _plain(value) if isinstance(value, str) and not _takes_text(schema) else None
    return value if found is None else found


def _takes_text(schema: Any) -> bool:
    if not isinstance(schema, dict):
        return True
    options = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    named = schema.get("type", () if options else "string")
    return "string" in named or any(map(_takes_text, options))


def python_arguments(text: str) -> dict[str, object]:
    """The named arguments of a call in Python syntax; `text` begins after the function's name."""
    match = re.match(r"(?:\.call)?(\(.*?\))[\s\])`]*(?:$|<|\n)", text, re.DOTALL)
    calls = python_calls(f"f{match[1]}") if match else []
    return calls[0][2] if calls else {}


def python_calls(text: str) -> list[tuple[str, list[object], dict[str, object]]]:
    """The name, and the arguments by position and by name, of each call in a text that is Python."""
    import ast  # noqa: PLC0415 - for few models

    found = []
    try:
        nodes: list[Any] = [row.value for row in ast.parse(text.strip()).body]  # type: ignore[attr-defined]  # any other raises
        while nodes:
            node = nodes.pop(0)
            if isinstance(node, ast.List | ast.Tuple):
                nodes = [*node.elts, *nodes]
                continue
            name = ast.unparse(node.func)
            if name == "print":
                nodes = [*node.args, *nodes]
                continue
            named = {
                one.arg: one.value.id
                if isinstance(one.value, ast.Name)
                else ast.literal_eval(one.value)
                for one in node.keywords
                if one.arg
            }
            found.append((name, list(map(ast.literal_eval, node.args)), named))
    except _NO_PYTHON:
        return []
    return found


def _plain(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
