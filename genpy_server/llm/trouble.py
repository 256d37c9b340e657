"""The names of upstream trouble: what a status, an error's body or a lost connection means.

Codes decide first, then statuses. Texts are read only where servers of the dialect give neither:
how long to wait, a conversation that is too long, a model that takes no tools.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from genpy_server.errors import (
    LlmBadOutput,
    LlmBadToolCall,
    LlmCutOff,
    LlmError,
    LlmKeyRejected,
    LlmModelUnknown,
    LlmRateLimited,
    LlmTimeout,
    LlmTooLarge,
    LlmUnavailable,
)
from genpy_server.llm.base import Quota

QUOTED_CHARS = 160


@dataclass(frozen=True, slots=True)
class Service:
    """What sentences call the service: its address, and the settings that concern it."""

    kind: Literal["groq", "compatible"]
    where: str
    model_setting: str
    key_setting: str
    address_setting: str


CODES: dict[str, type[LlmError]] = {
    "tool_use_failed": LlmBadToolCall,
    "invalid_tool_call": LlmBadToolCall,
    "json_validate_failed": LlmBadOutput,
    "invalid_api_key": LlmKeyRejected,
    "model_not_found": LlmModelUnknown,
    "model_decommissioned": LlmModelUnknown,
    "model_terms_required": LlmModelUnknown,
    "model_permission_blocked_org": LlmModelUnknown,
    "model_permission_blocked_project": LlmModelUnknown,
    "context_length_exceeded": LlmTooLarge,
    "exceed_context_size_error": LlmTooLarge,
    "request_too_large": LlmTooLarge,
}
STATUSES: dict[int, type[LlmError]] = {
    401: LlmKeyRejected,
    403: LlmKeyRejected,
    408: LlmTimeout,
    413: LlmTooLarge,
    429: LlmRateLimited,
    498: LlmUnavailable,  # Groq: at capacity
    504: LlmTimeout,
}
NOT_FOUND = 404
NOTHING_THERE = {404, 405}
SERVER_TROUBLE = 500

_WAIT = re.compile(r"(?i)try again in ((?:\d+(?:\.\d+)?(?:h|ms|m|s))+)")
_PART = re.compile(r"(?i)(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_TOO_LONG = re.compile(r"(?i)context (length|size|window)|maximum context")
_NO_TOOLS = re.compile(r"(?i)not support tools|tools param requires|tool choice requires")
_NO_FORMAT = re.compile(r"(?i)response_format|json_schema|json_object|structured output")
_CODE = re.compile(r"[\w.-]{1,64}")


def refusal(
    service: Service,
    model: str,
    *,
    status: int | None,
    body: Any,
    headers: Mapping[str, str] | None = None,
) -> LlmError:
    """The trouble of an answer that is an error; `status` is None for one inside a stream."""
    told = _Told(body, status)
    kind = _kind(told)
    if kind is LlmRateLimited:
        return _rate_limited(told.text, headers or {})
    return kind(_sentence(kind, told, service, model))


def lost(error: BaseException, service: Service, *, begun: bool) -> LlmError:
    """The trouble of a connection that failed; `begun`: a part of the reply had come.

    aiohttp calls a time-out, and nothing else, a `TimeoutError`; what the SDK and the transport
    make of it also names refused and broken connections so.
    """
    if any(isinstance(cause, TimeoutError) for cause in _causes(error)):
        return LlmTimeout(f"The model at {service.where} took too long. Try again in a moment.")
    if begun:
        return LlmCutOff("The connection to the model broke off. What came is kept; try again.")
    check = "the network" if service.kind == "groq" else "that it runs and the address is right"
    return LlmUnavailable(f"No model answers at {service.where}. Check {check}.")


def refuses_format(status: int, body: Any) -> bool:
    """Whether a request was refused for the form of answer that it asks for."""
    told = _Told(body, status)
    return _kind(told) is LlmError and bool(_NO_FORMAT.search(told.text))


def refuses_tools(body: Any) -> bool:
    """Whether a request was refused since the model, or its server, takes no tools at all."""
    return bool(_NO_TOOLS.search(_Told(body, None).text))


class _Told:
    """What an error's body tells, in each of the shapes that servers give it."""

    def __init__(self, body: Any, status: int | None) -> None:
        if isinstance(body, dict):
            body = body.get("error") or body
        fields = body if isinstance(body, dict) else {}
        words = [str(fields.get(name) or "") for name in ("code", "type")]
        self.codes = [word for word in words if _CODE.fullmatch(word) and not word.isdigit()]
        self.text = str(fields.get("message") or (body if isinstance(body, str) else ""))
        numbers = (fields.get(name) for name in ("status_code", "status", "code"))
        inside = next((n for n in numbers if isinstance(n, int)), None)
        self.status = status if status is not None else inside


def _kind(told: _Told) -> type[LlmError]:
    known = next((CODES[code] for code in told.codes if code in CODES), None)
    by_status = STATUSES.get(told.status or 0)
    if known is not None:
        kind: type[LlmError] = known
    # Groq says rate_limit_exceeded of a request that no wait will let through, with status 413.
    elif by_status is not LlmTooLarge and "rate_limit_exceeded" in told.codes:
        kind = LlmRateLimited
    elif by_status is not None:
        kind = by_status
    elif _TOO_LONG.search(told.text):
        kind = LlmTooLarge
    elif _NO_TOOLS.search(told.text):
        kind = LlmBadToolCall
    elif told.status == NOT_FOUND and "model" in told.text.lower():
        kind = LlmModelUnknown
    elif told.status is None or told.status >= SERVER_TROUBLE:
        kind = LlmUnavailable
    else:
        kind = LlmError
    return kind


def _sentence(kind: type[LlmError], told: _Told, service: Service, model: str) -> str:
    sentences = {
        LlmBadToolCall: "The model called a tool in a way that its service refuses. Try again.",
        LlmBadOutput: "The model's answer is not in the form asked for. Try again.",
        LlmKeyRejected: "The model's service refuses the key. "
        f"Put a valid one into {service.key_setting}.",
        LlmModelUnknown: f"The model {model!r} is not to be had at {service.where}. "
        f"Set {service.model_setting} to one that is; genpy doctor lists some.",
        LlmTooLarge: "The conversation is larger than the model accepts. "
        "Lower GENPY_CONTEXT_TOKENS or GENPY_REPLY_TOKENS.",
        LlmTimeout: f"The model at {service.where} took too long. Try again in a moment.",
        LlmUnavailable: "The model's service is in trouble. Try again in a moment.",
    }
    if kind in sentences:
        return sentences[kind]
    if told.status in NOTHING_THERE:
        return (
            f"There are no chat completions at {service.where}. "
            f"Correct {service.address_setting}; such an address mostly ends in /v1."
        )
    quoted = " ".join(told.text.split())
    quoted = quoted if len(quoted) <= QUOTED_CHARS else quoted[:QUOTED_CHARS] + "…"
    why = ", ".join([*map(str, filter(None, [told.status])), *told.codes[:1]])
    return f"The model's service refused the request ({why})" + (f": {quoted}" if quoted else ".")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def duration(text: str) -> float | None:
    """Seconds of a duration such as 2m59.56s, 900ms or 7; None for what is none."""
    try:
        seconds = float(text)
    except ValueError:
        parts = _PART.findall(text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            return None
        return sum(float(number) * _SECONDS[unit.lower()] for number, unit in parts)
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _rate_limited(text: str, headers: Mapping[str, str]) -> LlmRateLimited:
    told = _WAIT.search(text)
    spent = "requests" if headers.get("x-ratelimit-remaining-requests") == "0" else "tokens"
    waits = (
        duration(headers.get("retry-after", "")),
        duration(told.group(1)) if told else None,
        duration(headers.get(f"x-ratelimit-reset-{spent}", "")),
    )
    wait = next((seconds for seconds in waits if seconds is not None), None)
    when = f"in {math.ceil(wait)} s" if wait is not None else "in a moment"
    return LlmRateLimited(
        f"The model's service limits how much you may ask. Try again {when}.", retry_after=wait
    )


def quota(headers: Mapping[str, str]) -> Quota | None:
    """What is left, by the headers of an answer; None where the service does not tell."""
    names = {
        "requests_left": "x-ratelimit-remaining-requests",
        "requests_limit": "x-ratelimit-limit-requests",
        "tokens_left": "x-ratelimit-remaining-tokens",
        "tokens_limit": "x-ratelimit-limit-tokens",
    }
    found = {name: headers.get(header, "") for name, header in names.items()}
    numbers = {name: int(text) for name, text in found.items() if text.isdecimal()}
    return Quota(**numbers) if numbers else None
