"""Reads the chunks of a chat-completions reply into text, reasoning, calls, usage and errors.

A chunk that differs from an earlier one only in its text is not decoded again; a chunk in the usual
form is decoded by one typed decoder, every other value (a whole answer, fields of other types, an
error) by `read_loose`. Services nest such values differently, but name them alike, so they are searched
by the names in `field_names`. Unreadable data is skipped. An error is stored in `error`; what came
before it remains valid.
"""

import re
from typing import Any

import msgspec

from genpy_server.core.models import Usage
from genpy_server.core.text import storable
from genpy_server.llm import field_names, lenient_json
from genpy_server.llm.field_names import first, plain
from genpy_server.llm.tool_calls import CallPiece, call_pieces


class ChunkDelta(msgspec.Struct):
    """The delta of a chunk; fields other than text and reasoning are read by `read_loose`."""

    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: Any = None
    thinking: Any = None
    reasoning_text: Any = None
    reasoning_details: Any = None
    error: Any = None
    finish_reason: Any = None
    refusal: Any = None
    function_call: Any = None
    extra_content: Any = None
    thinking_blocks: Any = None
    thought: Any = None
    audio: Any = None


class Choice(msgspec.Struct):
    """The only choice that is requested."""

    delta: ChunkDelta
    index: int = 0
    finish_reason: str | None = None
    usage: Any = None
    error: Any = None
    text: Any = None
    message: Any = None
    tool_calls: Any = None
    stop_reason: Any = None
    camel_reason: Any = msgspec.field(default=None, name="finishReason")


class Chunk(msgspec.Struct):
    """One event's data."""

    choices: list[Choice]
    usage: Any = None
    x_groq: Any = None
    error: Any = None
    finish_reason: Any = None


FRAMES = 4
"""How many frames (the constant bytes around a chunk's text) are tried that match few chunks."""
FRAME_EVENTS = 8
"""A frame that matched so many chunks was useful: another `FRAMES` may be tried."""
UNTYPED, TYPED, CHOICE = range(3)
"""The evidence, in ascending order, that a value is part of the reply: its fields, its type, a choice."""
UNREAD_BYTES = 4_096
"""Bytes of unreadable data that are kept for the error message; enough for a web page's title."""
MIN_REPEATED_CHARS = 16
"""A message that begins with the reply so far repeats it, if that has at least so many characters."""

_decoder = msgspec.json.Decoder(Chunk)
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_LF, _CR, _QUOTE, _BACKSLASH = b'\n\r"\\'
"""As integers, which `in` finds in bytes several times as fast as bytes."""
_FAILED = re.compile(r"err(or)?|exception|fail(ed|ure)?")
"""Names of an event that is an error."""
_ENDS = re.compile(
    r"done|end|finish|stop|close|eof|completed?|(message|stream)[_-](stop|end)|response\.(in)?completed?"
)
"""Types of an event that ends a reply."""
_ERROR_WORDS = re.compile(r"(?i)^\W?(error|exception|traceback|failed|failure)\b")
_NO_REASON = {"", "null", "none"}


class ChunkReader:
    """Reads the values of one reply; `take` returns the text since its last call."""

    def __init__(self) -> None:
        self.done = False
        """The closing mark was received."""
        self.finish_reason = ""
        self.usage = Usage()
        self.error: Any = None
        """The first error that the service reported, in any form; None if there is none."""
        self.calls: list[CallPiece] = []
        self.suspect: Any = None
        """Data that may be an error message; used only if the reply turns out to have failed."""
        self.readable = False
        """Whether any data was a part of a reply."""
        self.unread = ""
        """The beginning of unreadable data, for the error message."""
        self._answer = False
        """Whether a whole answer without a finish reason was received."""
        self._values = 0
        """How many values came outside of events."""
        self._others: list[tuple[object, str]] = []
        """Number and text of the chunks of other choices than the first."""
        self._other_finish = ""
        """Their finish reason."""
        self._choice: object = None
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._half = ""
        self._odd = False
        self._thought = False
        """Whether any reasoning was received."""
        self._rank = UNTYPED
        """The greatest evidence so far."""
        self._taken: list[str] = []
        """The texts that `take` returned."""
        self._frame: tuple[bytes, bytes, bytes] | None = None
        """The bytes before, behind and between the texts of events, which are the same for many."""
        self._frames = FRAMES
        self._framed = 0

    def take(self, *, last: bool = False) -> tuple[str, str]:
        """The text and the reasoning since the last call."""
        if last:
            self._settle()
        texts = self._texts
        plain = len(texts) == 1 and "\0" not in texts[0]
        if plain and not self._thoughts and not self._odd and not self._half:
            self._texts = []
            self._taken += texts
            return texts[0], ""
        text, thought = "".join(texts), "".join(self._thoughts)
        self._texts, self._thoughts = [], []
        text = self._half + text
        self._odd = False
        half = not last and text and "\ud800" <= text[-1] <= "\udbff"
        self._half = text[-1] if half else ""
        text, thought = storable(text[: len(text) - len(self._half)]), storable(thought)
        if text:
            self._taken.append(text)
        return text, thought

    def read_framed(self, data: bytes) -> bool:
        """Parse events that differ from an earlier one only in their text; False for any other."""
        if self._frame is None:
            return False
        head, tail, seam = self._frame
        if not (data.startswith(head) and data.endswith(tail)) or len(data) < len(seam):
            return False
        text = data[len(head) : -len(tail)]
        if _QUOTE in text:
            text = text.replace(seam, b"")
        if _QUOTE in text or _BACKSLASH in text or _LF in text or _CR in text:
            return False
        try:
            self._texts.append(text.decode())
        except UnicodeDecodeError:
            return False
        self._framed += 1
        return True

    def read(self, data: bytes) -> None:
        """Read one event's data: a chunk in the usual form, or else any other value."""
        try:
            chunk = _decoder.decode(data)
        except _UNREADABLE:
            self.read_odd(data)
            return
        if not chunk.choices or chunk.error is not None:
            self.read_odd(data)
            return
        choice, delta = chunk.choices[0], chunk.choices[0].delta
        thought = delta.reasoning_content or delta.reasoning
        plain = ChunkDelta(delta.content, delta.reasoning, delta.reasoning_content)
        only = [Choice(plain, choice.index, choice.finish_reason, choice.usage)]
        if chunk.choices != only or chunk.finish_reason or self._choice not in (None, choice.index):
            self.read_odd(data)
            return
        self.readable = True
        self._choice, self._rank = choice.index, CHOICE
        if delta.content:
            self._texts.append(delta.content)
            self._find_frame(data, chunk)
        if thought:
            self._thoughts.append(thought)
            self._thought = True
        if choice.finish_reason:
            self._finish(choice.finish_reason)
        self._count(chunk.usage or choice.usage)
        self._groq_part(chunk.x_groq)

    def read_event(self, name: str, data: bytes) -> None:
        """Read a named event."""
        if _FAILED.fullmatch(name):
            self.fail(data)
        elif name not in field_names.NOISE:
            self.done = self.done or _ENDS.fullmatch(name) is not None
            self.read(data)

    def read_value(self, value: Any) -> None:
        """Read a value that came outside of events."""
        self.read_loose(value)
        self._values += 1
        self._answer = self._values == 1 and self.readable and _is_answer(value)

    def read_words(self, data: bytes) -> None:
        """Read what was left at the end outside of events: words may be the reason of an error."""
        self.read_odd(data)
        if b" " in data and not data.startswith((b"{", b"<")):
            self.suspect = self.suspect or _text(data)

    def fail(self, data: bytes) -> None:
        """Read the data of an error."""
        try:
            value = lenient_json.loads(data)
        except ValueError:
            value = _text(data)
        self._fail(value.get("error") or value if isinstance(value, dict) else value)

    def _find_frame(self, data: bytes, chunk: Chunk) -> None:
        """Store the bytes around a chunk's text as `_frame`, if the chunk has nothing but text."""
        if self._framed >= FRAME_EVENTS:
            self._frames = FRAMES
        if not self._frames:
            return
        self._frames -= 1
        self._framed = 0
        choice = chunk.choices[0]
        head, found, tail = data.partition(msgspec.json.encode(choice.delta.content))
        if not found or chunk != Chunk([Choice(ChunkDelta(choice.delta.content), choice.index)]):
            return
        try:
            probe = _decoder.decode(head + b'"?"' + tail)
        except _UNREADABLE:
            return
        if probe == Chunk([Choice(ChunkDelta("?"), choice.index)]):
            head, tail = b"data: " + head + b'"', b'"' + tail + b"\n\n"
            self._frame = (head, tail, tail + head)

    def _add(self, found: "Contents", rank: int) -> None:
        """Add the contents of a value without what it repeats.

        `rank` is the evidence that it is part of the reply; values with less than an earlier one are
        not part of it.
        """
        if rank < self._rank:
            return
        self._rank = rank if found else self._rank
        self.readable = self._odd = True
        text = "".join(found.texts)
        if found.whole and (self._taken or self._texts):
            text = ""
        elif found.place in field_names.REPEATING and text:
            before = "".join((*self._taken, *self._texts))
            whole = found.whole = bool(found.reason) and text == before
            text = text.removeprefix(before if whole or len(before) >= MIN_REPEATED_CHARS else "")
        if not (self._thought and found.whole):
            self._thoughts += found.thoughts
            self._thought = self._thought or bool(found.thoughts)
        if not (self.calls and (found.whole or found.place in field_names.REPEATING)):
            self.calls += found.calls
        self._texts += [text] if text else []

    def _settle(self) -> None:
        """At the end of a stream without a finish reason, take that of other choices, and their text.

        Some services number the parts of one choice as if they were several choices.
        """
        if self.finish_reason or self.error is not None:
            return
        self.finish_reason = self._other_finish or ("stop" if self._answer else "")
        indices = [index for index, _ in self._others]
        if isinstance(self._choice, int) and len(self._taken) <= 1:
            counted = range(self._choice + 1, self._choice + 1 + len(indices))
            if indices == list(counted):
                self._texts += [text for _, text in self._others]

    def _groq_part(self, part: Any) -> None:
        """Read Groq's own field: usage on the last chunk, or an error without a status."""
        if isinstance(part, dict):
            self._fail(part.get("error"))
            self._count(part.get("usage"))

    # Data in other forms

    def read_odd(self, data: bytes) -> None:
        """Read data that is not a chunk in the usual form."""
        word = data.strip().strip(b'"').strip().lower()
        name = word.strip(b"[], ").decode("utf-8", "replace")
        if word.startswith(b"[") and _ENDS.fullmatch(name):
            self.done = self.readable = True
            return
        if not word or name in field_names.NOISE:
            return
        if word.startswith(b"data:"):
            self.read(data.strip()[len(b"data:") :].lstrip())
            return
        try:
            value = lenient_json.loads(data)
        except ValueError:
            found = [] if word.startswith(b"<") else lenient_json.objects(_text(data), whole=True)
            before, self.readable = self.readable, False
            for value in found:
                self.read_loose(value)
            if not (self.readable or self.error):
                self._skip(data)
            self.readable = before or self.readable
            return
        if isinstance(value, str) and value.startswith("{"):
            self.read_odd(value.encode("utf-8", "replace"))
        else:
            self.read_loose(value)

    def _skip(self, data: bytes) -> None:
        text = data[:UNREAD_BYTES].decode("utf-8", "replace").strip()
        self.unread = self.unread or text
        if _ERROR_WORDS.match(text):
            self.suspect = self.suspect or text

    def read_loose(self, value: Any) -> None:
        """Read a chunk, a whole answer or an error whose fields are of any type."""
        if isinstance(value, list):
            for item in value:
                self.read_loose(item)
            return
        if not isinstance(value, dict) or str(value.get("type", "")).lower() in field_names.NOISE:
            return
        held = [one for name in field_names.WRAPPERS for one in as_list(value.get(name))]
        inner = next((o for o in held if isinstance(o, dict) and (o.get("choices") or o.get("error"))),
                     None)  # fmt: skip
        if inner is not None and "choices" not in value:
            self.read_loose(inner)
            self._count(value)
            return
        choices = [one for one in as_list(value.get("choices")) if isinstance(one, dict)]
        deltas = [choice["delta"] for choice in choices if isinstance(choice.get("delta"), dict)]
        for holder in (value, *choices, *deltas):
            error = holder.get("error")
            if error and not (isinstance(error, dict) and is_well(error)):
                self._fail(value if error is True else error)
        if choices:
            before = len(self._texts)
            self._choose(choices)
            if len(self._texts) == before and not self.suspect:
                self.suspect = next(filter(None, map(message_of, (*choices, value))), None)
        else:
            self._without_choices(value)
        for holder in (*choices, value):
            self._count(holder.get("usage") if holder is not value else value)
        self._groq_part(value.get("x_groq"))
        if choices and not self.finish_reason:
            self._finish(reason_of(value))
        self.readable = self.readable or "usage" in value or "choices" in value

    def _without_choices(self, value: dict[str, Any]) -> None:
        """Read an error, the end, or a part of a reply from a service without choices."""
        kind = kind_of(value)
        found = contents_of(value)
        failure = failure_of(value)
        if self.error is None and failure is not None:
            self._fail(failure)
        elif found:
            self._add(found, TYPED if kind else UNTYPED)
        else:
            self.suspect = self.suspect or message_of(value)
        if _ENDS.fullmatch(kind) or any(value.get(name) is True for name in field_names.ENDED):
            self.done = True
        self._finish(found.reason)

    def _choose(self, choices: list[dict[str, Any]]) -> None:
        """Add the first choice's contents; another one was not requested, or continues the first."""
        indices = [_index(choice) for choice in choices]
        if self._choice is None:
            self._choice = indices[0]
        if self._choice in indices:
            choice = choices[indices.index(self._choice)]
            found = Contents(choice)
            self._add(found, CHOICE)
            self._finish(found.reason)
            return
        found = Contents(choices[0])
        self._others.append((indices[0], "".join(found.texts)))
        self._other_finish = str(found.reason or self._other_finish)

    def _finish(self, reason: Any) -> None:
        word = str(reason or "").strip().lower()
        if word not in _NO_REASON:
            self.finish_reason = word

    def _fail(self, body: Any) -> None:
        self.error = body if self.error is None else self.error

    def _count(self, holder: Any) -> None:
        if holder:
            self.usage = usage_of(holder, self.usage)


def _index(choice: dict[str, Any]) -> object:
    """The number of a choice; 0 if it has none."""
    index = choice.get("index", 0)
    if isinstance(index, str):
        return int(index) if index.isdecimal() else index
    return index if isinstance(index, int | float) else 0


def _is_answer(value: dict[str, Any]) -> bool:
    """Whether a value is a whole answer, after which nothing follows."""
    if any(value.get(name) is False for name in field_names.ENDED):
        return False
    choices = as_list(value.get("choices"))
    return any(
        isinstance(one, dict) and ("message" in one or "text" in one) for one in choices
    ) or not (choices or "delta" in value)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


MAX_TOKENS = 10**9
"""A greater usage count is a mistake of the service, and read as 0."""
FIRST_ERROR = 400
"""The lowest HTTP status of an error."""
_FAULTS = ("fault", "errors", "ResponseMetadata")
MAX_DEPTH = 12
"""How deep a value is searched."""

_NESTED = (*field_names.TEXTS, *field_names.HOLDERS, "summary")
_THINKING = re.compile(r"think|reason")
_ASIDE = re.compile(r"tool[_-](result|output|input)|server_tool")
"""Types of parts of a reply that the model did not write."""
_HOLDING = re.compile(r"^$|block|chunk|item|part|plan|response|stream|tool|delta$")
_SAYING = re.compile(r"^$|answer|complet|content|generat|message|refus|text|token|transcript")
"""Types of a value without choices that may contain a part of the reply, and those whose text is one."""
_WHOLE = re.compile(r"(done|complete|completed|incomplete|end|stop)$")
"""Types of a value that repeats the whole reply."""
_WELL = {"", "0", "200", "ok", "success", "none", "null", "true"}
"""Values of a status field that mean success."""


class Contents:
    """What was found in one value, such as a choice."""

    def __init__(self, choice: dict[str, Any] | None = None) -> None:
        self.texts: list[str] = []
        self.thoughts: list[str] = []
        self.calls: list[CallPiece] = []
        self.reason: Any = None
        """The finish reason; None if the reply does not end."""
        self.place = ""
        """The outermost field with the text."""
        self.whole = False
        """Whether the value repeats what was sent before, if anything was."""
        self.read(choice, depth=1)

    def __len__(self) -> int:
        return len(self.texts) + len(self.thoughts) + len(self.calls)

    def read(
        self, value: Any, *, thought: bool = False, number: int | None = None, depth: int = 0
    ) -> None:
        """Collect the contents of a value; `number` is that of the calls in it."""
        if isinstance(value, str):
            # Google marks text between thought tags as reasoning; the tags are parsed later.
            held = self.thoughts if thought and "thought>" not in value else self.texts
            held += [value] if value else []
        elif isinstance(value, list):
            for item in value:
                self.read(item, thought=thought, number=number, depth=depth + 1)
        elif isinstance(value, dict) and depth < MAX_DEPTH:
            self._read_fields(value, thought=thought, number=number, depth=depth)

    def _read_fields(
        self, value: dict[str, Any], *, thought: bool, number: int | None, depth: int
    ) -> None:
        kind = kind_of(value)
        self.reason = self.reason or reason_of(value)
        if value.get("special") is True or _ASIDE.search(kind):
            return
        number = value.get("contentBlockIndex", number)
        if kind in field_names.CALL_KINDS:
            self._call(value, number)
            return
        for name in filter(value.__contains__, field_names.CALLS):
            self._call(value[name], number)
        thought = thought or bool(_THINKING.search(kind)) or _is_thought(value)
        thoughts = first(value, field_names.REASONING)
        if not (isinstance(thoughts, dict) and "effort" in thoughts):  # that is a requested setting
            self.read(thoughts, thought=True, depth=depth + 1)
        before = len(self)
        strings = depth > 0 or bool(_SAYING.search(kind)) or thought
        for name in filter(value.__contains__, _NESTED):
            held = value[name]
            if name in {"content", "text"} and type(held) in {int, float}:
                held = str(held)
            if isinstance(held, str) and not (strings and name in field_names.TEXTS):
                held = held if thought and name == "summary" else None
            self.read(held, thought=thought, number=number, depth=depth + 1)
            if len(self) > before:
                self.place = name
                self.whole = self.whole or name == "generated_text"
                return

    def _call(self, value: Any, number: int | None) -> None:
        for piece in call_pieces(as_list(value)):
            self.calls.append(piece if piece.number is not None else piece._replace(number=number))


def contents_of(value: dict[str, Any]) -> Contents:
    """The contents of a value without choices."""
    found = Contents()
    kind = kind_of(value)
    found.whole = bool(_WHOLE.search(kind))
    number = value.get("output_index", value.get("index"))
    number = number if isinstance(number, int) else None
    if "function_call_arguments" in kind:
        text = value.get("delta", value.get("arguments"))
        found.calls.append(CallPiece(number, "", "", text if isinstance(text, str) else ""))
    elif _HOLDING.search(kind) or _SAYING.search(kind) or _THINKING.search(kind) or found.whole:
        found.read(value, number=number)
    else:
        found.reason = reason_of(value)
    return found


def kind_of(value: dict[str, Any]) -> str:
    """The type of a value in lower case; empty if it has none."""
    named = value.get("type") or value.get("event_type") or value.get("event") or ""
    return str(named).lower()


def reason_of(value: dict[str, Any]) -> Any:
    """The finish reason that a value has itself, else None."""
    if reason := first(value, field_names.REASONS):
        return reason
    incomplete, feedback = value.get("incomplete_details"), value.get("promptFeedback")
    if isinstance(feedback, dict) and feedback.get("blockReason"):
        return "content_filter"
    details = incomplete if isinstance(incomplete, dict) else value.get("details")
    held = [
        first(one, (*field_names.REASONS, "reason"))
        for one in as_list(details)
        if isinstance(one, dict)
    ]
    return next(filter(None, held), None)


def usage_of(value: Any, usage: Usage) -> Usage:
    """The counts of a value or of its usage; missing ones are those of `usage`."""
    if not isinstance(value, dict):
        return usage
    counts = plain(value)
    details = counts.get("prompttokensdetails") or counts.get("inputtokensdetails")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    prompt, completion, hit = (
        next((n for name in names if (n := _tokens(counts.get(name)))), 0)
        for names in (
            field_names.PROMPT_TOKENS,
            field_names.COMPLETION_TOKENS,
            field_names.CACHED_TOKENS,
        )
    )
    usage = Usage(
        prompt or usage.prompt_tokens,
        completion or usage.completion_tokens,
        _tokens(cached) or hit or usage.cached_tokens,
    )
    for name in field_names.COUNTED:
        if name in value:
            usage = usage_of(value[name], usage)
    return usage


def failure_of(value: dict[str, Any]) -> Any:
    """The error that a value without choices certainly reports, in any form; else None."""
    failed = next((key for key in value if key.lower().endswith("exception")), "")
    if isinstance(value.get(failed), dict):
        return {"code": failed, **value[failed]}
    named = plain(value)
    failures = (named.get(name) for name in field_names.FAILURES)
    if any(failure and not isinstance(failure, dict) for failure in failures):
        return value
    if any(isinstance(value.get(name), dict) and value[name] for name in _FAULTS):
        return value
    base = value.get("base_resp")
    if isinstance(base, dict) and not is_well({"code": base.get("status_code")}):
        return value
    words = [str(value.get(name, "")).lower() for name in ("type", "object", "status", "success")]
    numbers = [named.get(name) for name in ("code", "status", "statuscode")]
    fails = (
        any("error" in word or word in ("false", "failed") for word in words)
        or any(isinstance(number, int) and number >= FIRST_ERROR for number in numbers)
        or isinstance(value.get("status"), dict)
    )
    return value if fails else None


def is_well(value: dict[str, Any]) -> bool:
    """Whether all status fields mean success."""
    named = plain(value)
    return all(str(named.get(name) or "").lower() in _WELL for name in field_names.STATES)


def message_of(value: dict[str, Any]) -> Any:
    """A value that may report an error in words; None for any other."""
    named = plain(value)
    words = (named.get(name) for name in field_names.MESSAGES)
    return value if any(isinstance(one, str) for one in words) and not is_well(value) else None


def as_list(value: Any) -> list[Any]:
    """A list unchanged, another value as a list of it, None as an empty list."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _is_thought(value: dict[str, Any]) -> bool:
    """Whether a part, or Google's extra content of it, is marked as reasoning."""
    extra = value.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    return any(isinstance(one, dict) and one.get("thought") is True for one in (value, google))


def _tokens(value: Any) -> int:
    """A count of any type as a number; 0 if it is not a count."""
    try:
        count = msgspec.convert(value, float, strict=False)
    except msgspec.ValidationError:
        return 0
    return int(count) if 0 < count < MAX_TOKENS else 0
