"""Finds text, reasoning, calls, the finish reason, usage and failures in a JSON value of any service.

Services nest these differently, but name them alike. So a value is searched by the names of its
fields, which `field_names` lists for all of them.
"""

import re
from typing import Any

from genpy_server.core.models import Usage
from genpy_server.llm import field_names
from genpy_server.llm.field_names import first, plain
from genpy_server.llm.tool_calls import CallPiece, call_pieces

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
    """What was found in one value."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.thoughts: list[str] = []
        self.calls: list[CallPiece] = []
        self.reason: Any = None
        """The finish reason; None if the reply does not end."""
        self.place = ""
        """The outermost field with the text."""
        self.whole = False
        """Whether the value repeats what was sent before, if anything was."""

    def __bool__(self) -> bool:
        return bool(self.texts or self.thoughts or self.calls)

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
        before = self._size
        strings = depth > 0 or bool(_SAYING.search(kind)) or thought
        for name in filter(value.__contains__, _NESTED):
            held = value[name]
            if name in {"content", "text"} and type(held) in {int, float}:
                held = str(held)
            if isinstance(held, str) and not (strings and name in field_names.TEXTS):
                held = held if thought and name == "summary" else None
            self.read(held, thought=thought, number=number, depth=depth + 1)
            if self._size > before:
                self.place = name
                self.whole = self.whole or name == "generated_text"
                return

    @property
    def _size(self) -> int:
        return len(self.texts) + len(self.thoughts) + len(self.calls)

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


def choice_contents(choice: dict[str, Any]) -> Contents:
    """The contents of a choice."""
    found = Contents()
    found.read(choice, depth=1)
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
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return 0
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(value) if 0 < value < MAX_TOKENS else 0
