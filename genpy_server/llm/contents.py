"""What a JSON value of a reply holds, in the dialect of any service: text, reasoning, calls, end and usage.

Services differ in how they nest these, and agree in what they call them. So a value is searched by
the names of its fields: chat completions, Anthropic's messages, OpenAI's responses, Gemini, Cohere,
Bedrock, Ollama, llama.cpp and others are read by one table. What a value says of a failure is found too.
"""

import re
from typing import Any

from genpy_server.core.models import Usage
from genpy_server.llm.tool_calls import CallPiece, call_pieces

MOST_TOKENS = 10**9
"""A usage count beyond this is a mistake of the service, and taken for none."""
FIRST_ERROR = 400
"""The first status that is an error's."""
DEPTH = 12
"""How deep a value is searched."""

_TEXTS_AT = (
    "delta",
    "content",
    "text",
    "parts",
    "refusal",
    "token",
    "response",
    "output",
    "completion",
    "generation",
    "generated_text",
    "outputText",
    "answer",
    "value",
)
"""What may hold text itself; the first that holds anything counts."""
_HOLDERS_AT = (
    "message",
    "candidates",
    "content_block",
    "contentBlockDelta",
    "contentBlockStart",
    "messageStop",
    "start",
    "part",
    "item",
    "result",
    "results",
    "data",
)
"""What only holds something that does."""
_PLACES = {name: place for place, name in enumerate((*_TEXTS_AT, *_HOLDERS_AT, "summary"))}
_THOUGHTS_AT = (
    "reasoning_content",
    "reasoning",
    "thinking",
    "reasoning_text",
    "reasoning_details",
    "reasoningContent",
    "reasoningText",
    "tool_plan",
)
_CALLS_AT = {"tool_calls", "tool_call", "function_call", "functionCall", "toolUse"}
_CALL_KINDS = {"tool_use", "tool_call", "function_call", "input_json_delta"}
_THINKING = re.compile(r"think|reason")
_ASIDE = re.compile(r"tool[_-](result|output|input)|server_tool")
"""Parts of a reply that are not the model's own words."""
_HOLDING = re.compile(r"^$|block|chunk|item|part|plan|response|stream|tool|delta$")
_SAYING = re.compile(r"^$|answer|complet|content|generat|message|refus|text|token|transcript")
"""Types of a value without choices that may hold a part of the reply, and those whose text is one."""
_WHOLE = re.compile(r"(done|complete|completed|incomplete|end|stop)$")
"""Types of a value that says again what came."""
_REASONS = (
    "finish_reason",
    "stop_reason",
    "done_reason",
    "finishReason",
    "stopReason",
    "stop_type",
    "completionReason",
)
_PROMPT_AT = {
    "prompttokens",
    "inputtokens",
    "promptevalcount",
    "tokensevaluated",
    "prompttokencount",
    "inputtexttokencount",
}
_COMPLETION_AT = {
    "completiontokens",
    "outputtokens",
    "evalcount",
    "tokenspredicted",
    "candidatestokencount",
    "generationtokencount",
    "totaloutputtexttokencount",
}
_CACHED_AT = {"promptcachehittokens", "cachereadinputtokens", "cachedtokens"}
_COUNTED_AT = (
    "usage",
    "usageMetadata",
    "usage_metadata",
    "metadata",
    "meta",
    "tokens",
    "message",
    "response",
    "result",
    "delta",
)
"""What holds counts; the names of counts are compared in small letters without underscores."""
_WELL = {"", "0", "200", "ok", "success", "none", "null", "true"}
"""What a field that says how it went holds where all is well."""
_FAILED_AT = (
    "error",
    "errors",
    "detail",
    "err",
    "Error",
    "exception",
    "fault",
    "errorMessage",
    "error_msg",
)


class Contents:
    """What was found in one value."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.thoughts: list[str] = []
        self.calls: list[CallPiece] = []
        self.reason: Any = None
        """Why the reply ends, where it does."""
        self.place = ""
        """The outermost field that held the text."""
        self.whole = False
        """Whether it says again what came before, if anything did."""

    def __bool__(self) -> bool:
        return bool(self.texts or self.thoughts or self.calls)

    def read(
        self, value: Any, *, thought: bool = False, number: int | None = None, depth: int = 0
    ) -> None:
        """Take in a value; `number` is that of the calls in it."""
        if isinstance(value, str):
            # Google marks as reasoning what stands between tags all the same.
            held = self.thoughts if thought and "thought>" not in value else self.texts
            held += [value] if value else []
        elif isinstance(value, list):
            for item in value:
                self.read(item, thought=thought, number=number, depth=depth + 1)
        elif isinstance(value, dict) and depth < DEPTH:
            self._read_fields(value, thought=thought, number=number, depth=depth)

    def _read_fields(
        self, value: dict[str, Any], *, thought: bool, number: int | None, depth: int
    ) -> None:
        kind = kind_of(value)
        self.reason = self.reason or reason_of(value)
        if value.get("special") is True or _ASIDE.search(kind):
            return
        number = value.get("contentBlockIndex", number)
        if kind in _CALL_KINDS:
            self._call(value, number)
            return
        for name in _CALLS_AT & value.keys():
            self._call(value[name], number)
        thought = thought or bool(_THINKING.search(kind)) or _is_thought(value)
        thoughts = next((value[name] for name in _THOUGHTS_AT if value.get(name)), None)
        if not (isinstance(thoughts, dict) and "effort" in thoughts):  # what was asked for
            self.read(thoughts, thought=True, depth=depth + 1)
        before = self._size
        strings = depth > 0 or bool(_SAYING.search(kind)) or thought
        for name in sorted(_PLACES.keys() & value.keys(), key=_PLACES.__getitem__):
            held = value[name]
            if name in {"content", "text"} and type(held) in {int, float}:
                held = str(held)
            if isinstance(held, str) and not (strings and name in _TEXTS_AT):
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
        for piece in call_pieces(listed(value)):
            self.calls.append(piece if piece.number is not None else piece._replace(number=number))


def contents_of(value: dict[str, Any]) -> Contents:
    """What a value without choices holds."""
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
    """What a choice holds."""
    found = Contents()
    found.read(choice, depth=1)
    return found


def kind_of(value: dict[str, Any]) -> str:
    """What a value says that it is, in small letters."""
    named = value.get("type") or value.get("event_type") or value.get("event") or ""
    return str(named).lower()


def reason_of(value: dict[str, Any]) -> Any:
    """Why a reply ends, where a value says so by itself."""
    for name in _REASONS:
        if value.get(name):
            return value[name]
    incomplete, feedback = value.get("incomplete_details"), value.get("promptFeedback")
    if isinstance(feedback, dict) and feedback.get("blockReason"):
        return "content_filter"
    details = incomplete if isinstance(incomplete, dict) else value.get("details")
    holders = [one for one in listed(details) if isinstance(one, dict)]
    return next((one[n] for one in holders for n in (*_REASONS, "reason") if one.get(n)), None)


def usage_of(value: Any, known: Usage) -> Usage:
    """The counts of a value or of its usage; what it does not say is as `known`."""
    if not isinstance(value, dict):
        return known
    counts = {str(name).replace("_", "").lower(): held for name, held in value.items()}
    details = counts.get("prompttokensdetails") or counts.get("inputtokensdetails")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    prompt, completion, hit = (
        next((n for name in sorted(names & counts.keys()) if (n := _tokens(counts[name]))), 0)
        for names in (_PROMPT_AT, _COMPLETION_AT, _CACHED_AT)
    )
    known = Usage(
        prompt or known.prompt_tokens,
        completion or known.completion_tokens,
        _tokens(cached) or hit or known.cached_tokens,
    )
    for name in _COUNTED_AT:
        if name in value:
            known = usage_of(value[name], known)
    return known


def failure_of(value: dict[str, Any]) -> Any:
    """What a value without choices says for sure of a failure, in whatever form; else None."""
    failed = next((key for key in value if key.lower().endswith("exception")), "")
    if isinstance(value.get(failed), dict):
        return {"code": failed, **value[failed]}
    if any(value.get(name) for name in _FAILED_AT if not isinstance(value.get(name), dict)):
        return value
    if any(isinstance(value.get(name), dict) and value[name] for name in ("fault", "errors")):
        return value
    base = value.get("base_resp")
    if isinstance(base, dict) and not is_well({"code": base.get("status_code")}):
        return value
    words = [str(value.get(name, "")).lower() for name in ("type", "object", "status", "success")]
    numbers = [value.get(name) for name in ("code", "status", "status_code")]
    fails = (
        any("error" in word or word in ("false", "failed") for word in words)
        or any(isinstance(number, int) and number >= FIRST_ERROR for number in numbers)
        or isinstance(value.get("status"), dict)
    )
    return value if fails else None


def is_well(value: dict[str, Any]) -> bool:
    """Whether every field that says how it went says that all is well."""
    names = ("code", "status", "status_code", "msg", "message", "error", "type", "success")
    return all(str(value.get(name, "") or "").lower() in _WELL for name in names)


def listed(value: Any) -> list[Any]:
    """A list as it is, one value as a list of it, nothing as none."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _is_thought(value: dict[str, Any]) -> bool:
    """Whether a part, or what Google adds to one, says that it is reasoning."""
    extra = value.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    return any(isinstance(one, dict) and one.get("thought") is True for one in (value, google))


def _tokens(value: Any) -> int:
    """A count in any type, 0 for none."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return 0
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(value) if 0 < value < MOST_TOKENS else 0
