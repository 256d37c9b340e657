"""Separates a streamed text from reasoning between tags, tool calls written as text, and control marks.

Many models write `<think>…</think>` before their answer, some write a tool call as text, and some
servers pass on the marks of a chat template, such as `</s>` and `<|im_end|>`, after which some models
write the next turn of the person. Such a mark counts if it ends the reply, or is on a line of its own.
Text that only looks like one of them stays unchanged, as do tags in code (between backticks).
"""

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from string import ascii_uppercase
from typing import Any, NamedTuple

from genpy_server.core.models import ToolSpec
from genpy_server.llm.field_names import CALL_NAMES, CALL_PARTS, PHRASES, first
from genpy_server.llm.lenient_json import objects
from genpy_server.llm.tool_calls import (
    CallPiece,
    call_piece,
    python_arguments,
    python_calls,
    tool_name,
)

END_MARKS = tuple(PHRASES.sections["end marks"])
TURN_MARKS = tuple(PHRASES.sections["turn marks"])
REPLY_MARKS = tuple(PHRASES.sections["reply marks"])
"""Tokens that end a turn, begin another one, and begin the reply, in lower case."""

FOLDED = {**{ord(c): c.lower() for c in ascii_uppercase}, 0xFF5C: "|", 0x2581: "_"}
"""Makes letters small and bars plain, for `str.translate`; the text keeps its length."""
_END = f"(?:{'|'.join(map(re.escape, END_MARKS))})"
_ENDS = re.compile(rf"(?:{_END}\s*)+")
_TWO = re.compile(rf"{_END}\s*{_END}", re.IGNORECASE)
_LAST = re.compile(rf"(?:{_END}\s*)+$")
_STRUCK = "<s>"
"""HTML's, which `</s>` ends."""
_LONGEST = max(map(len, (*END_MARKS, *TURN_MARKS)))
_UNFINISHED = re.compile(r"[\w,:;=+&|/\\(\[{\"'`\u2013\u2014\u2018\u201c\u201e\u00ab<-]\s+$")
"""The end of a line in the middle of a sentence."""

THINK, THINK_END = "<think>", "</think>"
_BRACKETS = ("<{}>", "[{}]", "<|{}|>", "\u25c1{}\u25b7", "&lt;{}&gt;", "<{} ", "<{}/")
_NAMES = PHRASES.sections["reasoning names"]
_NAMED_ENDS = "  ".join(f"</{name}>" for name in _NAMES)
OPENINGS = {
    bracket.format(name): f"{(bracket if bracket[-1] not in ' /' else '<{}>').format(f'/{name}')}"
    f"  {_NAMED_ENDS}"
    for bracket in _BRACKETS
    for name in _NAMES
} | PHRASES.pairs("reasoning")
"""The tags around reasoning at the start of a reply, whose ends models confuse; later in a reply, only
`THINK` counts."""
LONE_ENDS = tuple(PHRASES.sections["lone ends"])
ANALYSIS = "analysis"
"""Begins reasoning where a server leaves out the marks of a channel: then no space follows."""
WRAPPERS = ("<answer>", "<response>", "<output>", "<final>", "<final_answer>", "<solution>")
"""Tags around the reply behind reasoning, unless others follow: then it is XML."""
NEXT_MESSAGES = ("<|start|>assistant", "<|end|><|start|>assistant")
"""Marks between two messages of one reply, before the channel of the second."""
CHANNEL = "<|channel|>"
CALLS = PHRASES.pairs("calls")
"""The tags around tool calls, in lower case; with an empty end, to the end of the reply."""
CALL_STARTS = (*PHRASES.sections["call starts"], "action:\n```json", "tool_code\nprint(")
"""Other beginnings of a reply that is a tool call, in lower case."""
NAMED_STARTS = ("action: {}", "\u273ffunction\u273f: {}", "call:{}")
"""Such beginnings with the name of a tool."""
JSON_STARTS = ("```json", "json", "[", "{", "<")
"""Beginnings of calls in JSON or in a tag."""
HELD_CHARS = 20_000
"""The most characters that are held back until it is clear whether they are a call or reasoning."""

_BEGUN = re.compile(
    r'(?:```(?:json)?)?[\s\[]*\{\s*(?:"(\w*)(?:(")\s*(?::\s*(?:"([^"]*)("?))?)?)?)?'
)
_FUNCTION = re.compile(
    r"<(?:function[=/]|invoke name=)\"?([^>\"\s]+)\"?>(.*?)(?:</function>|</invoke>|$)", re.DOTALL
)
_PARAMETER = re.compile(
    r"<parameter(?:=| name=)\"?([^>\"\s]+)\"?[^>]*>\s*(.*?)\s*(?:</|(?=<parameter)|$)"
    r"|<arg_key>(.*?)</arg_key>\s*<arg_value>(.*?)</arg_value>",
    re.DOTALL,
)
_FIELD = re.compile(r"<(\w+)>\s*([^<]*?)\s*</\1>")
_CALL_TAG = re.compile(
    r"(?i)[<\[][|\w:-]*(?:tool|function|call|action|invoke)[\w|:-]*[>\]]\s*(?:[<\[{`]|\w*(?:\(|$))"
    r"|[<\[][|\w:-]{0,30}$"
)
"""The beginning of a reply with a tag that may be around a call, or of the tag."""
_PYTHON_BEGUN = re.compile(r"\[\s*([a-zA-Z_]\w*)(\()?(?(2)|$)")
"""The beginning of a list of calls in Python."""
_PREFIX = re.compile(r"\]<\]minimax\[>\[|(?<=<)(/?)(?:\uff5cDSML\uff5c|steptml:|antml:)")
"""Marks of some models before tags, and prefixes to their names."""
_OPTION = re.compile(r"(?<=\s)--(\w+)\s")
"""The name of an argument as on a command line."""
_ESCAPED = re.compile(r'<escape>|<\|"\|>')
"""Marks of some models for quotation marks."""
_NEXT = tuple(f"{mark}{CHANNEL}" for mark in NEXT_MESSAGES)
_SENTENCE = re.compile(r"[A-Z\"'(\d]")
ATTRIBUTE_CHARS = 500
"""A tag whose attributes have more characters is text."""
_BETWEEN = 80
"""The most characters between the name of a tool and its arguments."""
_BRACKET = re.compile(r"[<\[\]]")
"""The first character of every tag and mark."""


class Marks(NamedTuple):
    """The marks at a place of a text."""

    text: str
    """End marks, with the white space after them."""
    turn: bool
    """Whether another turn begins after them."""
    open: bool
    """Whether more text is needed to decide."""

    def are_control(self, line: str, before: str) -> bool:
        """Whether they are control tokens and not part of the message.

        `line` is the text before them on their line, `before` the last non-empty line above.
        """
        if not line.strip():
            return not before.rstrip().endswith(":")
        sure = self.turn or _TWO.match(self.text) or not _UNFINISHED.search(line)
        return bool(self.text and sure)


def without_ends(text: str) -> str:
    """A text without the end marks behind it."""
    last = _LAST.search(text.translate(FOLDED))
    return text[: last.start()] if last else text


def marks_at(text: str, place: int) -> Marks | None:
    """The marks at a place of a text, also incomplete ones; None without any."""
    ends = _ENDS.match(text[place:].translate(FOLDED))
    place, start = place + (ends.end() if ends else 0), place
    found = text[start:place]
    rest = text[place : place + _LONGEST].translate(FOLDED)
    turn = rest.startswith(TURN_MARKS)
    begun = not turn and any(m.startswith(rest) for m in (*END_MARKS, *TURN_MARKS, _STRUCK))
    if not (found or turn or begun or rest.startswith(_STRUCK)):
        return None
    alone = turn and rest.rstrip() in TURN_MARKS and len(text) - place <= _LONGEST
    return Marks(found, turn, begun or alone)


class _Beginnings(NamedTuple):
    """How replies begin that are reasoning or calls of these tools."""

    names: frozenset[str]
    starts: tuple[str, ...]
    """Beginnings of calls without a tag."""
    python_starts: tuple[str, ...]
    calls: dict[str, str]
    """The tags around calls, with their ends."""
    longest: int
    """Characters of the longest tag or mark."""
    firsts: frozenset[str]
    """The first characters of all of them."""


@lru_cache(16)
def _beginnings(tools: tuple[str, ...]) -> _Beginnings:
    names = frozenset(tools)
    named = (start.format(name.lower()) for start in NAMED_STARTS for name in names)
    starts = (*CALL_STARTS, *named)
    python_starts = tuple(f"{name.lower()}(" for name in names)
    tags = [name.lower() for name in names if not name.isalpha()]  # such as <b> is HTML
    calls = CALLS | {f"<{name}>": f"</{name}>" for name in tags} if tools else {}
    marks = (*OPENINGS, *REPLY_MARKS, *calls)
    known = (*marks, *WRAPPERS, *starts, *python_starts, *JSON_STARTS)
    firsts = frozenset(mark[0] for mark in known)
    return _Beginnings(names, starts, python_starts, calls, max(map(len, marks)), firsts)


class ReplyText:
    """Splits the text of one reply while it streams; `calls` are the tool calls in it.

    `opened`: the model's template opens the reasoning, so that the text has only its end.
    """

    def __init__(self, tools: Sequence[ToolSpec] = (), *, opened: bool = False) -> None:
        self.calls: list[CallPiece] = []
        self.end_only = False
        """Whether the text had the end of reasoning, but not its beginning."""
        self.ended_at: int | None = None
        """Where it ended, in characters of the text of the last `feed` or `finish`."""
        self.over = False
        """Whether the model began another turn, which is not part of the reply."""
        self._tools = tools
        begins = _beginnings(tuple(tool.name for tool in tools))
        self._names, self._calls = begins.names, begins.calls
        self._starts, self._python_starts = begins.starts, begins.python_starts
        self._longest, self._firsts = begins.longest, begins.firsts
        self._step = ReplyText._reasoning if opened else ReplyText._start
        """What continues; False if more text is needed. Not bound, so that nothing refers to itself."""
        self._tag, self._ends = THINK, list(LONE_ENDS)
        self._opened = opened
        self._unsure = opened
        """Whether reasoning that does not end is the reply."""
        self._reasoned: list[str] = []
        self._wrapper: tuple[str, ...] = ()
        """The closing tag around the reply, if there is one."""
        self._joint = ""
        self._held = ""
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._trim = False
        self._plain = False
        """Whether text without a tag is passed on unchanged."""
        self._unchecked: list[str] = []
        self._line = ""
        self._before = ""
        self._fence = False
        self._shows_marks = False
        """Whether a mark was kept as text; then all later ones are, too."""

    def passes(self, text: str) -> bool:
        """Whether a piece can be passed on unchanged; a fast path for most pieces."""
        if self._plain and "<" not in text and "[" not in text and "]" not in text:
            self._unchecked.append(text)
            return True
        return False

    def feed(self, text: str, *, last: bool = False) -> tuple[str, str]:
        """Add a piece of the text; returns the text and the reasoning that can be passed on now.

        `last`: the reply is complete, so that nothing is held back.
        """
        self._held += text
        while self._held and not self.over and self._step(self, last=last):
            pass
        if last and self._step is ReplyText._reasoning and self._unsure:
            self._held = "".join(self._reasoned)  # the model answered without reasoning
            self._step = ReplyText._start if self._opened else ReplyText._text
            self._trim = False
            self._reasoned, self._opened, self._unsure = [], False, False
            return self.feed("", last=True)
        found = "".join(self._texts), "".join(self._thoughts)
        self._texts, self._thoughts = [], []
        in_text = self._step is ReplyText._text
        self._plain = in_text and not (self._held or self._trim or self.over)
        return found

    # Each step consumes a part of the held text

    def _start(self, *, last: bool) -> bool:
        held = self._held.lstrip()
        lowered = held[: self._longest].translate(FOLDED)
        if not held:
            self._held = "" if last and self._trim else self._held
            if last and self._held:
                self._step = ReplyText._text
            return last
        calls = lowered.startswith(tuple(self._calls))
        if lowered[0] in self._firsts:
            begun = self._begin(held, lowered, calls=calls, last=last)
            if begun is not None:
                return begun
        self._held = held if self._trim else self._held
        if self._joint and not calls:
            self._held, self._joint = self._joint + self._held, ""
        self._trim, self._step = False, ReplyText._text
        return True

    def _begin(self, held: str, lowered: str, *, calls: bool, last: bool) -> bool | None:
        """Continue behind a tag or a call at the start; None if it is text, False if more text is needed."""
        marks = (*OPENINGS, *REPLY_MARKS, *(WRAPPERS if self._trim else ()))
        openings = (*marks, *self._calls)
        if self._tools:
            openings += (*self._starts, *self._python_starts, JSON_STARTS[0])
        if not last and any(mark.startswith(lowered) and mark != lowered for mark in openings):
            return False
        tag = None if calls else next((tag for tag in marks if lowered.startswith(tag)), None)
        if tag is not None and (opened := self._open(tag, held, last=last)) is not None:
            return opened
        if self._tools and not calls and self._may_be_call(held):
            if not last and len(held) < HELD_CHARS:
                return False
            marked = bool(held.lower().startswith(self._starts) or _CALL_TAG.match(held))
            if found := self._calls_in(without_ends(held), marked=marked):
                self.calls += found
                self._held = ""
                return True
        return None

    def _open(self, tag: str, held: str, *, last: bool) -> bool | None:
        """Continue behind a tag at the start; None if it is text, False if more text is needed."""
        if tag == ANALYSIS and not _SENTENCE.match(held, len(tag)):
            return False if held == tag and not last else None
        end = held.find(">") + 1 if tag[0] == "<" and ">" not in tag else len(tag)
        if not end:  # of its attributes
            return False if not last and len(held) < ATTRIBUTE_CHARS else None
        if tag in WRAPPERS:
            behind = held[end:].lstrip().translate(FOLDED)
            if not last and any(mark.startswith(behind) for mark in ("<", *self._calls)):
                return False
            if behind[:1] == "<" and not behind.startswith(tuple(self._calls)):
                return None
        self._held = held[end:]
        if tag in OPENINGS and held[end - 2 : end] != "/>":
            self._step, self._tag, self._ends = ReplyText._reasoning, tag, OPENINGS[tag].split("  ")
            self._unsure = tag[0].isalpha()
            self._reasoned = [held[:end]] if self._unsure else []
        elif tag in WRAPPERS:
            self._wrapper = (tag.replace("<", "</"),)
        self._trim = self._trim or tag not in OPENINGS
        return True

    def _text(self, *, last: bool) -> bool:
        if self._trim:
            self._held = self._held.lstrip()
            self._trim = not self._held
        tags = (THINK, *LONE_ENDS, *self._wrapper, *_NEXT, *self._calls)
        place = 0
        while bracket := _BRACKET.search(self._held, place):
            place = bracket.start()
            start = self._held[place : place + self._longest].translate(FOLDED)
            tag = next((tag for tag in tags if start.startswith(tag)), None)
            marks = None if tag or self._shows_marks else marks_at(self._held, place)
            begun = (marks is not None and marks.open) or any(tag.startswith(start) for tag in tags)
            waits = begun and not last and len(self._held) < place + HELD_CHARS
            if not (tag or marks or waits):
                place += 1
                continue
            self._pass(self._held[:place])
            self._held = self._held[place:]
            if waits:
                return False
            place = 0
            if self._in_code():
                place = 1
            elif tag is not None:
                self._behind(tag)
                return True
            elif marks is not None and not self._take(marks, last=last):
                return False
        self._pass(self._held)
        self._held = ""
        return False

    def _behind(self, tag: str) -> None:
        written, self._held = self._held[: len(tag)], self._held[len(tag) :]
        if tag in LONE_ENDS:
            if not self.end_only:
                self.ended_at = sum(map(len, self._texts))
            self.end_only = self._trim = True
            self._step = ReplyText._start
        elif tag in self._wrapper:
            self._wrapper, self._trim = (), True
        elif tag in _NEXT:
            self._held, self._step = CHANNEL + self._held, ReplyText._start
            self._trim, self._joint = True, "\n\n"
        else:
            self._step, self._tag = ReplyText._behind_tag, written
            self._ends = [self._calls.get(tag, THINK_END)]

    def _take(self, marks: Marks, *, last: bool) -> bool:
        """Remove control marks, or keep them as text; False if the reply ends with them."""
        rest = self._held[len(marks.text) :]
        turn = marks.turn
        if last and rest.strip().translate(FOLDED) in TURN_MARKS:  # all that came of another turn
            marks, turn, rest = Marks(self._held, turn=False, open=False), True, ""
        alone = not self._line.strip() and "\n" in marks.text
        ends = turn or (bool(marks.text) and (alone or (last and not rest)))
        if not ends or not marks.are_control(self._line, self._before):
            self._shows_marks = True
            return True
        self._held, self.over = rest, turn
        return not turn

    def _reasoning(self, *, last: bool) -> bool:
        lowered = self._held.translate(FOLDED)
        found = [(place, end) for end in self._ends if (place := lowered.find(end)) >= 0]
        if found:
            place, end = min(found)
            self._think(self._held[:place])
            stays = any(mark.startswith(end) for mark in (*REPLY_MARKS, *CALL_STARTS))
            self._held = self._held[place + (0 if stays else len(end)) :]
            self.end_only = self.end_only or self._opened
            self._step, self._trim = ReplyText._start, True
            self._opened = self._unsure = False
            return True
        sizes = range(min(self._longest, len(lowered)), 0, -1)
        begun = (n for n in sizes if any(end.startswith(lowered[-n:]) for end in self._ends))
        cut = len(lowered) if last else len(lowered) - next(begun, 0)
        self._think(self._held[:cut])
        self._held = self._held[cut:]
        return False

    def _behind_tag(self, *, last: bool) -> bool:
        (mark,) = self._ends
        place = self._held.translate(FOLDED).find(mark) if mark else -1
        if place < 0 and not last and len(self._held) < HELD_CHARS:
            return False
        place = len(self._held) if place < 0 else place
        inner, end = self._held[:place], self._held[place : place + len(mark)]
        self._step, self._held, self._trim = ReplyText._text, self._held[place + len(mark) :], True
        name = self._tag[1:-1]
        thought = bool(end) and self._tag.translate(FOLDED) == THINK
        named = name not in self._names or bool(end and (_FIELD.search(inner) or not inner.strip()))
        found: list[CallPiece] = []
        if self._ends != [THINK_END] and named:  # text about a tool may have its tag
            found = self._calls_in(inner, self._tag, marked=bool(end) or not mark)
        if thought:
            self._think(inner)
        elif found:
            self.calls += found
        else:
            self._trim = False
            self._pass(f"{self._tag}{inner}{end}")
        return True

    def _think(self, text: str) -> None:
        self._thoughts.append(text)
        self._reasoned.append(text)

    def _pass(self, text: str) -> None:
        self._texts.append(text)
        self._unchecked.append(text)

    def _in_code(self) -> bool:
        """Whether the next text is between backticks; also stores the current line."""
        *lines, self._line = (self._line + "".join(self._unchecked)).split("\n")
        self._unchecked = []
        for line in lines:
            self._fence ^= line.lstrip().startswith(("```", "~~~"))
            self._before = line if line.strip() else self._before
        if self._line.lstrip().startswith(("```", "~~~")):
            return not self._fence
        return self._fence or self._line.count("`") % 2 == 1

    # Calls

    def _may_be_call(self, held: str) -> bool:
        """Whether a reply that has only begun looks like the call of an offered tool."""
        if held.lower().startswith((*self._starts, *self._python_starts)) or _CALL_TAG.match(held):
            return True
        if python := _PYTHON_BEGUN.match(held):
            return any(name == python[1] or (not python[2] and name.startswith(python[1]))
                       for name in self._names)  # fmt: skip
        match = _BEGUN.match(held)
        if match is None:
            return not held.removeprefix("```").removeprefix("json").strip("[ \t\r\n")
        key, key_end, value, value_end = match.groups()
        if not key_end or key not in CALL_NAMES or value is None:  # an incomplete beginning
            keys = (*CALL_PARTS, *self._names)
            begun = match.end() == len(held) and any(k.startswith(key or "") for k in keys)
            return key in keys if key_end else begun
        if value_end:
            return tool_name(value, self._tools) in self._names
        return len(value) <= max(map(len, self._names)) + len("functions.")

    def _calls_in(self, text: str, tag: str = "", *, marked: bool) -> list[CallPiece]:
        """The calls of offered tools in a text, or in the content of `tag`.

        `marked`: the content is certainly a call, so that an incomplete object is read too.
        """
        text = _ESCAPED.sub('"', _PREFIX.sub(r"\1", text))
        text = _OPTION.sub(r' "\1": ', text) if "=>" in text else text
        if text.lstrip().startswith("{{"):
            text = text.replace("{{", "{").replace("}}", "}")
        rows = [inner for row in objects(text, whole=not marked) for inner in _inner_calls(row)]
        found = [piece for row in rows if (piece := self._call(row))]
        if found:
            return found
        for name, body in _FUNCTION.findall(f"{tag}{text}"):
            row = _parameters(body) or next(objects(body, whole=True), {})
            row = row or self._tagged(body, tool_name(name, self._tools))
            piece = self._call({"name": name, "arguments": row})
            found += [piece] if piece else []
        return (
            found
            or self._python_calls(text)
            or (self._named_calls(f"{tag}{text}") if tag or marked else [])
        )

    def _python_calls(self, text: str) -> list[CallPiece]:
        found = []
        for name, values, named in python_calls(text):
            row = dict(zip(self._fields(name), values, strict=False)) | named
            found.append(self._call({"name": name, "arguments": row}))
        return [piece for piece in found if piece] if all(found) else []

    def _fields(self, name: str) -> list[str]:
        written = tool_name(name, self._tools)
        spec = next((tool for tool in self._tools if tool.name == written), None)
        return list(spec.parameters.get("properties", {})) if spec else []

    def _named_calls(self, text: str) -> list[CallPiece]:
        """Calls with the name before the arguments, which are an object, tags, or in Python syntax."""
        found = []
        names = "|".join(map(re.escape, self._names))
        for match in re.finditer(rf"(?<!\w)(?<!\w )(?:{names})(?!\w)(?! +(?!json|code)\w)", text):
            rest = text[match.end() :]
            place = rest.find("{", 0, _BETWEEN)
            row: dict[str, Any] | None = _parameters(rest) or python_arguments(rest)
            row = row or self._tagged(rest, match[0])
            if not row and place >= 0:
                row = next(objects(rest[place:], whole=True), None)
            if row is not None:
                found.append(CallPiece(None, "", match[0], json.dumps(row)))
        return found

    def _tagged(self, text: str, name: str) -> dict[str, Any]:
        fields = self._fields(name)
        return {key: held for key, held in _FIELD.findall(text) if key in fields}

    def _call(self, row: dict[str, object]) -> CallPiece | None:
        if len(row) == 1 and isinstance(held := next(iter(row.values())), dict):
            row = {"name": next(iter(row)), "arguments": held}
        piece = call_piece(row)
        if piece is None or tool_name(piece.name, self._tools) not in self._names:
            return None
        function = row.get("function")
        inner = function if isinstance(function, dict) else row
        beside = {key: held for key, held in inner.items() if key not in CALL_PARTS}
        return CallPiece(None, "", piece.name, piece.arguments or json.dumps(beside))


def _inner_calls(row: dict[str, object]) -> list[dict[str, object]]:
    """The calls in an object, or the object itself as a call."""
    inner = first(row, ("tool_calls", "tool_call", "function_call"))
    rows = inner if isinstance(inner, list) else [inner]
    return [one for one in rows if isinstance(one, dict)] or [row]


def _parameters(text: str) -> dict[str, str]:
    return {a.strip() or b.strip(): c or d for a, c, b, d in _PARAMETER.findall(text)}
