"""The event stream of a chat-completions reply: bytes in, what they say out, with no socket in sight.

What servers were seen to send is read: lines that end in LF, CRLF or CR, a BOM, UTF-8 split
anywhere or broken, a last event without its blank line, data that is not a chunk, lines of bare JSON,
a whole answer where a stream was asked, fields of other types. A chunk that differs from one before
only in its text is read without decoding it again, one as the dialect has it by one typed decoder;
every other goes through `_loose`. What cannot be read is skipped; an error is kept in `error`, and
what came before it counts.
"""

import re
from typing import Any

import msgspec

from genpy_server.core.models import Usage
from genpy_server.errors import LlmCutOff
from genpy_server.llm import lenient_json
from genpy_server.llm.tool_calls import CallPiece, call_pieces

EVENT_BYTES = 8 * 1024 * 1024
"""The largest event, and the longest line; a service that sends more is broken."""
FIRST_ERROR = 400
"""The first status that is an error's."""
MOST_TOKENS = 10**9
"""A usage count beyond this is a mistake of the service, and taken for none."""


class ChunkDelta(msgspec.Struct):
    """What a chunk adds."""

    content: str | None = None
    tool_calls: Any = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    thinking: str | None = None
    reasoning_text: str | None = None
    reasoning_details: Any = None
    error: Any = None
    finish_reason: Any = None
    refusal: str | None = None
    function_call: Any = None
    extra_content: Any = None


class Choice(msgspec.Struct):
    """The only choice that is asked for."""

    delta: ChunkDelta
    index: int = 0
    finish_reason: str | None = None
    error: Any = None
    usage: Any = None
    text: str | None = None
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
"""How often what stands around the text of a chunk is looked for in vain."""
FRAME_EVENTS = 8
"""Chunks that what was found must have served before it is looked for again."""
SHORTEST_REPEATED = 16
"""Characters from which a message that begins like the reply so far is its repetition."""

_decoder = msgspec.json.Decoder(Chunk)
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
LF, CR, QUOTE, BACKSLASH = b'\n\r"\\'
"""As numbers, which are found in bytes several times as fast."""
_BOM = b"\xef\xbb\xbf"
_NOISE = {"ping", "heartbeat", "keepalive", "keep-alive", "keep_alive", "processing"}
_THOUGHTS = ("reasoning_content", "reasoning", "thinking", "reasoning_text", "reasoning_details")
_ENDS = {
    "done",
    "end",
    "message_stop",
    "message-end",
    "complete",
    "completed",
    "finish",
    "response.completed",
}
_SAID_AT = ("delta", "token", "candidates", "content", "response")
"""Where chunks of other dialects have their text."""
_INSIDE = ("message", "content", "parts")
"""What that text may stand in."""
_COUNTED_AT = ("usage", "usageMetadata", "message", "response")
_PROMPT_AT = (
    "prompt_tokens",
    "input_tokens",
    "prompt_eval_count",
    "tokens_evaluated",
    "promptTokenCount",
)
_COMPLETION_AT = (
    "completion_tokens",
    "output_tokens",
    "eval_count",
    "tokens_predicted",
    "candidatesTokenCount",
)
_WELL = {"", "0", "200", "ok", "success", "none", "null", "true"}
"""What a field that says how it went holds where all is well."""
_WRAPPERS = ("data", "result", "response", "chunk", "output", "body")
"""What a chunk or an error stands in where it stands in something else."""
_REASONS = ("finish_reason", "stop_reason", "done_reason", "finishReason", "stop_type")
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
_ERROR_WORDS = re.compile(r"(?i)^\W?(error|exception|traceback|failed|failure)\b")
_NO_REASON = {"", "null", "none"}
_SURROGATES = re.compile("[\ud800-\udfff]")


class StreamParser:
    """Reads the bytes of one reply; `take` gives the text that came since it was last asked."""

    def __init__(self) -> None:
        self.done = False
        """The closing mark came."""
        self.finish_reason = ""
        self.usage = Usage()
        self.error: Any = None
        """What the service said of its failure, None while it said nothing."""
        self.calls: list[CallPiece] = []
        self.suspect: Any = None
        """What may say why it failed, where it turns out that it did."""
        self.readable = False
        """Whether anything was understood."""
        self._answer = False
        """Whether a whole answer came that does not say how it ended."""
        self._others: list[tuple[object, str]] = []
        """Number and text of the chunks of choices that are not the one that is read."""
        self._other_finish = ""
        """Their finish reason."""
        self.unread = ""
        """The beginning of what was not understood, for the sentence that says so."""
        self._begun = False
        self._between = False
        """Whether the next byte begins an event."""
        self._carriage_return = False
        self._rest = b""
        self._event = b""
        self._data: list[bytes] = []
        self._held = 0
        self._bare: list[bytes] = []
        self._choice: object = None
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._half = ""
        self._odd = False
        self._tagged = False
        """Whether reasoning that has a field of its own stands between tags all the same."""
        self._said: list[str] = []
        self._frame: tuple[bytes, bytes, bytes] | None = None
        """What stands before, behind and between the texts of events, and is the same for many."""
        self._frames = FRAMES
        self._framed = 0

    def feed(self, data: bytes) -> None:
        """Take in a read; raises `LlmCutOff` for an event without end."""
        # Most reads are whole events as the dialect has them.
        if self._between:
            if self._read_framed(data):
                return
            if CR not in data and data.endswith(b"\n\n"):
                for event in data[:-2].split(b"\n\n"):
                    if not self._read_framed(event + b"\n\n"):
                        self._read_event(event)
                return
        if not self._begun:
            data = self._rest + data
            self._rest = b""
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._rest = data
                return
            data = data.removeprefix(_BOM)
            self._begun = True
        if self._carriage_return or CR in data:
            data = self._with_newlines(data)
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._line(line)
        if self._held + len(self._rest) > EVENT_BYTES:
            raise LlmCutOff("The model's service sent an event that does not end. Try again.")
        open_ = self._rest or self._data or self._event or self._bare or self._carriage_return
        self._between = not open_

    def _read_framed(self, data: bytes) -> bool:
        """Take in events that differ from an earlier one only in their text; False for any other."""
        if self._frame is None:
            return False
        head, tail, seam = self._frame
        if not (data.startswith(head) and data.endswith(tail)) or len(data) < len(seam):
            return False
        text = data[len(head) : -len(tail)]
        if QUOTE in text:
            text = text.replace(seam, b"")
        if QUOTE in text or BACKSLASH in text or LF in text or CR in text:
            return False
        try:
            self._texts.append(text.decode())
        except UnicodeDecodeError:
            return False
        self._framed += 1
        return True

    def _read_event(self, event: bytes) -> None:
        if event.startswith(b"data: ") and b"\n" not in event:
            self._read(event[6:])
            return
        for line in event.split(b"\n"):
            self._line(line)
        self._line(b"")
        self._between = not self._bare

    def end(self) -> None:
        """The stream ended: what has no blank line behind it counts as well."""
        rest = self._rest.removesuffix(b"\r")
        self._rest = b""
        for line in (rest, b""):
            self._line(line)
        self._read_bare(whole=True)

    def take(self, *, last: bool = False) -> tuple[str, str]:
        """The text and the reasoning since the last call."""
        if last:
            self._settle()
        texts = self._texts
        if len(texts) == 1 and not self._thoughts and not self._odd and not self._half:
            self._texts = []
            self._said += texts
            return texts[0], ""
        text, thought = "".join(texts), "".join(self._thoughts)
        self._texts, self._thoughts = [], []
        if self._odd or self._half:
            text = self._half + text
            self._odd = False
            half = not last and text and "\ud800" <= text[-1] <= "\udbff"
            self._half = text[-1] if half else ""
            text, thought = _joined(text[: len(text) - len(self._half)]), _joined(thought)
        if text:
            self._said.append(text)
        return text, thought

    # Lines and events

    def _with_newlines(self, data: bytes) -> bytes:
        """Every line end as LF; CR LF may be cut between two reads."""
        if self._carriage_return:
            data = data.removeprefix(b"\n")
        self._carriage_return = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _line(self, line: bytes) -> None:
        if line.startswith(b"data:"):
            data = line[6:] if line.startswith(b"data: ") else line[5:]
            # Without blank lines between them, a line that is whole is an event.
            if self._data and data[:1] in (b"{", b"[") and self._data[-1].rstrip()[-1:] == b"}":
                self._dispatch()
            self._data.append(data)
            self._held += len(line)
            if data == b"[DONE]":
                self._dispatch()
        elif not line:
            if self._data or self._event:
                self._dispatch()
        else:
            self._other_line(line)

    def _other_line(self, line: bytes) -> None:
        line = line.strip(b" \t\0").removeprefix(_BOM)
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.removeprefix(b" ")
        if name == b"event":
            self._event = value.strip().lower()
        elif name == b"error":
            self._fail(_value(value))
        elif name == b"data":
            self._line(b"data:" + value)
        elif line and (name not in (b"", b"id", b"retry") or self._bare):
            self._bare.append(line)
            self._held += len(line)
            self._read_bare(whole=False)

    def _read_bare(self, *, whole: bool) -> None:
        """Read lines without a field name: JSON in one line, or in many up to its last bracket."""
        if not self._bare:
            return
        last = self._bare[-1].strip()
        if whole or last[-1:] in (b"}", b"]"):
            if len(self._bare) > 1 and last[:1] in (b"{", b"[") and len(last) > 1:
                try:
                    lenient_json.loads(last)
                except ValueError:
                    pass
                else:
                    for found in lenient_json.objects(_text(self._bare[:-1]), whole=True):
                        self._loose(found)
                    self._bare = [last]
            text = b"\n".join(self._bare)
            if whole or len(self._bare) == 1 or self._bare[-1] in (b"}", b"]"):
                try:
                    value = lenient_json.loads(text)
                except ValueError:
                    if whole:
                        self._odd_data(text)
                else:
                    self._bare, self._held = [], 0
                    self._loose(value)
                    self._answer = self._answer is False and _is_answer(value)
        if whole:
            self._bare, self._held = [], 0

    def _dispatch(self) -> None:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        event = self._event
        self._data, self._event, self._held = [], b"", 0
        if event == b"error":
            self._fail(_value(data))
            return
        name = event.decode("utf-8", "replace")
        if name not in _NOISE:
            self.done = self.done or name in _ENDS
            self._read(data)

    def _read(self, data: bytes) -> None:
        """One event's data: a chunk as the dialect has it, or else anything."""
        try:
            chunk = _decoder.decode(data)
        except _UNREADABLE:
            self._odd_data(data)
            return
        if not chunk.choices or chunk.error is not None:
            self._odd_data(data)
            return
        choice = chunk.choices[0]
        delta = choice.delta
        if choice.error is not None or delta.function_call is not None or delta.extra_content:
            self._odd_data(data)
            return
        self.readable = True
        if self._choice is None:
            self._choice = choice.index
        if choice.index == self._choice:
            if delta.content:
                self._texts.append(delta.content)
                self._find_frame(data, chunk)
            if not delta.content or delta.tool_calls or delta.reasoning_content or delta.reasoning:
                self._add_beside(choice)
            if choice.finish_reason:
                self._finish(choice.finish_reason)
        else:
            self._add_other(choice.index, delta.content, choice.finish_reason)
        usage = chunk.usage or choice.usage
        if usage is not None:
            self._count(usage)
        if chunk.finish_reason:
            self._finish(chunk.finish_reason)
        if chunk.x_groq is not None:
            self._groq_part(chunk.x_groq)

    def _find_frame(self, data: bytes, chunk: Chunk) -> None:
        """See what stands around the text of a chunk, where the text is all that it says."""
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

    def _add_beside(self, choice: Choice) -> None:
        """What a chunk adds beside its content, or without any."""
        delta = choice.delta
        thought = (
            delta.reasoning_content or delta.reasoning or delta.thinking or delta.reasoning_text
        )
        if thought:
            self._thoughts.append(thought)
        elif delta.reasoning_details:
            self._thoughts += _thought(delta.reasoning_details)
        if delta.tool_calls:
            self.calls += call_pieces(_list(delta.tool_calls))
        if not delta.content:
            self._fail(delta.error or None)
            if delta.refusal or choice.text:
                self._texts.append(delta.refusal or choice.text or "")
            reason = choice.stop_reason or choice.camel_reason or delta.finish_reason
            if reason:
                self._finish(reason)

    def _add_other(self, index: object, content: Any, reason: Any) -> None:
        """Another choice than the first: not asked for, or the same one counted on."""
        self._others.append((index, "".join(_parts(content)[0])))
        self._other_finish = str(reason or self._other_finish)

    def _settle(self) -> None:
        """Decide at the end what could not be known before."""
        if self.finish_reason or self.error is not None:
            return
        self.finish_reason = self._other_finish or ("stop" if self._answer else "")
        indices = [index for index, _ in self._others]
        if isinstance(self._choice, int) and len(self._said) <= 1:
            counted = range(self._choice + 1, self._choice + 1 + len(indices))
            if indices == list(counted):
                self._texts += [text for _, text in self._others]

    def _groq_part(self, part: Any) -> None:
        """What Groq adds: usage on the last chunk, or an error without a status."""
        if isinstance(part, dict):
            self._fail(part.get("error"))
            self._count(part.get("usage"))

    # What is not as the dialect has it

    def _odd_data(self, data: bytes) -> None:
        word = data.strip().strip(b'"').strip().lower()
        if word == b"[done]":
            self.done = self.readable = True
            return
        if not word:
            return
        if word.startswith(b"data:"):
            self._read(data.strip()[len(b"data:") :].lstrip())
            return
        try:
            value = lenient_json.loads(data)
        except ValueError:
            found = list(lenient_json.objects(_text([data]), whole=True))
            for value in found:
                self._loose(value)
            if not found:
                self._skip(data)
            return
        if isinstance(value, str) and value.startswith("{"):
            self._odd_data(value.encode("utf-8", "replace"))
        else:
            self._loose(value)

    def _skip(self, data: bytes) -> None:
        text = data[:300].decode("utf-8", "replace").strip()
        self.unread = self.unread or text
        if _ERROR_WORDS.match(text):
            self.suspect = self.suspect or text

    def _loose(self, value: Any) -> None:
        """Read a chunk, a whole answer or an error whose fields are of any type."""
        if isinstance(value, list):
            for item in value:
                self._loose(item)
            return
        if not isinstance(value, dict) or str(value.get("type", "")).lower() in _NOISE:
            return
        held = [value[name] for name in _WRAPPERS if isinstance(value.get(name), dict)]
        inner = next((one for one in held if one.get("choices") or one.get("error")), None)
        if inner is not None and "choices" not in value:
            self._loose(inner)
            self._count(value)
            return
        choices = _list(value.get("choices"))
        own = [choice for choice in choices if isinstance(choice, dict)]
        if not own and isinstance(value.get("message"), dict):  # as Ollama's own API has it
            own = [value]
        for choice in own:
            self._loose_choice(choice)
        deltas = [choice["delta"] for choice in own if isinstance(choice.get("delta"), dict)]
        for holder in (value, *own, *deltas):
            error = holder.get("error")
            if error and not (isinstance(error, dict) and _is_well(error)):
                self._fail(value if error is True else error)
        for choice in own:
            self._count(choice.get("usage"))
        for holder in (value, *deltas) if own and not self.finish_reason else ():
            self._finish_by(holder)
        self._groq_part(value.get("x_groq"))
        if not own:
            self._without_choices(value)
        self._count(value)
        self.readable = self.readable or bool(own) or "usage" in value or "choices" in value

    def _without_choices(self, value: dict[str, Any]) -> None:
        """An error, the end, or text as services have it that know no choices."""
        kind = str(value.get("type", "")).lower()
        texts, thoughts = _of_another_dialect(value, kind)
        failed = next((key for key in value if key.lower().endswith("exception")), None)
        if self.error is None and failed is not None and isinstance(value[failed], dict):
            self._fail({"code": failed, **value[failed]})
        elif self.error is None and _is_error(value):
            self._fail(value)
        elif texts or thoughts:
            self.readable = self._odd = True
            self._texts += texts
            self._thoughts += thoughts
        elif isinstance(value.get("message", value.get("msg")), str) and not _is_well(value):
            self.suspect = self.suspect or value
        if kind in _ENDS or value.get("done") is True or value.get("stop") is True:
            self.done = True
        for name in ("candidates", "details", "delta"):
            for holder in _list(value.get(name)):
                self._finish_by(holder)
        self._finish_by(value)

    def _finish_by(self, holder: Any) -> None:
        names = _REASONS if isinstance(holder, dict) else ()
        reason = next((holder[name] for name in names if holder.get(name)), None)
        if reason:
            self._finish(reason)

    def _loose_choice(self, choice: dict[str, Any]) -> None:
        index = choice.get("index", 0)
        if isinstance(index, str) and index.isdecimal():
            index = int(index)
        if not isinstance(index, int | float | str):
            index = 0
        if self._choice is None:
            self._choice = index
        if index != self._choice:
            content = choice["delta"].get("content") if choice.get("delta") else ""
            self._add_other(index, content, choice.get("finish_reason"))
            return
        delta = choice.get("delta")
        said = choice.get("message")
        if not isinstance(delta, dict) or not delta:
            delta = {"content": delta} if isinstance(delta, str) else {}
            if isinstance(said, dict):
                delta = self._unsaid(said)
            elif isinstance(choice.get("text"), str):
                delta = {"content": choice["text"]}
        self._odd = True
        content = delta.get("content")
        text, thought = _parts(content)
        for name in _THOUGHTS:
            if delta.get(name):
                self._thoughts += _thought(delta[name])
                break
        if _is_thought(delta.get("extra_content")) and not self._tagged:
            self._tagged = "".join(text).lstrip().startswith("<thought>")
            text, thought = (text, []) if self._tagged else ([], text)
        self._thoughts += thought
        refusal = delta.get("refusal")
        self._texts += text or ([refusal] if isinstance(refusal, str) and refusal else [])
        self.calls += call_pieces(_list(delta.get("tool_calls")))
        self.calls += call_pieces(_list(delta.get("function_call")))
        self.calls += call_pieces(part for part in _list(content) if _is_call(part))
        self._finish_by(choice)
        if choice.get("done") is True and not self.finish_reason:
            self._finish("stop")

    def _unsaid(self, message: dict[str, Any]) -> dict[str, Any]:
        """A message without what was said before it, where it repeats the whole reply so far."""
        if self.calls:
            message = {**message, "tool_calls": None, "function_call": None}
        content = message.get("content")
        so_far = "".join((*self._said, *self._texts))
        if (
            len(so_far) >= SHORTEST_REPEATED
            and isinstance(content, str)
            and content.startswith(so_far)
        ):
            return {**message, "content": content[len(so_far) :]}
        return message

    def _finish(self, reason: Any) -> None:
        word = str(reason).strip().lower()
        if word not in _NO_REASON:
            self.finish_reason = word

    def _fail(self, body: Any) -> None:
        """Keep the first thing that the service says of its failure."""
        self.error = body if self.error is None else self.error

    def _count(self, holder: Any) -> None:
        """Take in the counts of a chunk or of its usage."""
        if not isinstance(holder, dict):
            return
        prompt, completion = (
            next((n for name in names if (n := _tokens(holder.get(name)))), 0)
            for names in (_PROMPT_AT, _COMPLETION_AT)
        )
        self.usage = Usage(
            prompt or self.usage.prompt_tokens,
            completion or self.usage.completion_tokens,
            _cached(holder) or self.usage.cached_tokens,
        )
        for name in _COUNTED_AT:
            self._count(holder.get(name))


def _cached(usage: dict[str, Any]) -> int:
    """The tokens that came from a cache, under the names that services have for them."""
    for name in ("prompt_tokens_details", "input_tokens_details"):
        details = usage.get(name)
        if isinstance(details, dict):
            return _tokens(details.get("cached_tokens"))
    names = ("prompt_cache_hit_tokens", "cache_read_input_tokens", "cached_tokens")
    return next((found for name in names if (found := _tokens(usage.get(name)))), 0)


def _of_another_dialect(value: Any, kind: str) -> tuple[list[str], list[str]]:
    """The text and the reasoning of a chunk without choices, of a type that adds to the reply."""
    if kind not in ("", "message") and not kind.endswith(
        ("text.delta", "content-delta", "block_delta")
    ):
        return [], []
    said = next((value[name] for name in _SAID_AT if value.get(name)), None)
    texts: list[str] = []
    thoughts: list[str] = []
    for part in _list(said):
        inner = part
        while isinstance(inner, dict) and (
            name := next((n for n in _INSIDE if inner.get(n)), None)
        ):
            inner = inner[name]
        if not (isinstance(inner, dict) and inner.get("special")):
            found = _parts(inner)
            texts += found[0]
            thoughts += found[1]
    return ([], texts) if "reason" in kind else (texts, thoughts)


def _is_thought(extra: Any) -> bool:
    """Whether what Google adds to a chunk says that it is reasoning."""
    google = extra.get("google") if isinstance(extra, dict) else None
    return isinstance(google, dict) and google.get("thought") is True


def _value(data: bytes) -> Any:
    """JSON, or else text."""
    try:
        value = lenient_json.loads(data)
    except ValueError:
        return data.decode("utf-8", "replace")
    return value.get("error") or value if isinstance(value, dict) else value


def _list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _is_error(value: dict[str, Any]) -> bool:
    """Whether a chunk without choices says for sure that something failed, in whatever form."""
    if any(value.get(name) for name in _FAILED_AT if not isinstance(value.get(name), dict)):
        return True
    if any(isinstance(value.get(name), dict) and value[name] for name in ("fault", "errors")):
        return True
    base = value.get("base_resp")
    if isinstance(base, dict) and not _is_well({"code": base.get("status_code")}):
        return True
    words = [str(value.get(name, "")).lower() for name in ("type", "object", "status", "success")]
    numbers = [value.get(name) for name in ("code", "status", "status_code")]
    return (
        any("error" in word or word in ("false", "failed") for word in words)
        or any(isinstance(number, int) and number >= FIRST_ERROR for number in numbers)
        or isinstance(value.get("status"), dict)
    )


def _is_well(value: dict[str, Any]) -> bool:
    """Whether every field that says how it went says that all is well."""
    names = ("code", "status", "status_code", "msg", "message", "error", "type", "success")
    return all(str(value.get(name, "") or "").lower() in _WELL for name in names)


def _is_answer(value: Any) -> bool:
    """Whether a value is a whole answer: a message or a text that no more follows."""
    choices = _list(value.get("choices")) if isinstance(value, dict) else []
    return any(isinstance(one, dict) and ("message" in one or "text" in one) for one in choices)


def _is_call(part: Any) -> bool:
    kinds = ("tool_use", "tool_call", "function_call")
    return isinstance(part, dict) and part.get("type") in kinds


def _thought(value: Any) -> list[str]:
    """What a field of reasoning holds: text, or parts."""
    parts = [{"type": "thinking", "thinking": part} for part in _list(value)]
    return [text for part in parts for text in _parts(part)[1]]


def _text(lines: list[bytes]) -> str:
    return b"\n".join(lines).decode("utf-8", "replace")


def _parts(content: Any) -> tuple[list[str], list[str]]:
    """The text and the reasoning of a message's content, which may be a list of parts."""
    texts: list[str] = []
    thoughts: list[str] = []
    for part in _list(content):
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, list):
            inner_texts, inner_thoughts = _parts(part)
            texts += inner_texts
            thoughts += inner_thoughts
        elif isinstance(part, dict):
            kind = "thinking" if part.get("thought") is True else str(part.get("type", "text"))
            if "think" in kind or "reason" in kind:
                held = (part.get(name) for name in ("thinking", "reasoning", "text", "summary"))
                thoughts += [t for found in _parts(next(filter(None, held), None)) for t in found]
            else:
                written: Any = part.get("text", part.get("refusal", part.get("content")))
                written = written.get("value") if isinstance(written, dict) else written
                texts += [written] if isinstance(written, str) else []
        elif isinstance(part, int | float) and not isinstance(part, bool):
            texts.append(str(part))
    return texts, thoughts


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


def _joined(text: str) -> str:
    """Halves of surrogate pairs joined, and lone ones replaced."""
    if not _SURROGATES.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
