"""The names of upstream trouble: what the SDK, its transport or an error body means for a person.

Statuses and codes decide, never texts, but for one: how long to wait may stand in the text alone.
"""

import re
from collections.abc import Mapping
from typing import Any

import groq
import httpx

from genpy_server.errors import (
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
from genpy_server.llm.events import ServiceError

_WAIT = re.compile(r"try again in ((?:\d+(?:\.\d+)?(?:h|ms|m|s))+)", re.IGNORECASE)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)", re.IGNORECASE)
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
SERVER_TROUBLE = 500


class Service:
    """What the sentences call the service: its address, and the settings that concern it."""

    def __init__(self, where: str, model_setting: str, key_setting: str) -> None:
        self.where = where
        self.model_setting = model_setting
        self.key_setting = key_setting


def duration(text: str) -> float | None:
    """Seconds of a duration such as 2m59.56s, 900ms or 7; None for what is none."""
    try:
        return float(text)
    except ValueError:
        parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _SECONDS[unit.lower()] for number, unit in parts)


def named(error: Exception, service: Service, model: str, *, begun: bool) -> LlmError:
    """The trouble that an exception of the request or its stream is; `begun`: text had come."""
    if isinstance(error, ServiceError):
        return _from_body(error.body, None, {}, service, model)
    if isinstance(error, groq.APIStatusError):
        body = error.body
        if isinstance(body, dict):
            body = body.get("error", body)
        return _from_body(body, error.status_code, error.response.headers, service, model)
    if _disconnected(error):
        if begun:
            return LlmCutOff("The connection to the model broke off. What came is kept; try again.")
        return LlmUnavailable(
            f"No model answers at {service.where}. Check that it runs and that the address is right."
        )
    return LlmTimeout(f"The model at {service.where} took too long. Try again in a moment.")


def _disconnected(error: BaseException | None) -> bool:
    """Whether the cause is a lost or refused connection, which aiohttp may call a time-out."""
    while error is not None:
        if type(error).__name__ in {"ServerDisconnectedError", "ClientConnectorError"}:
            return True
        if isinstance(error, httpx.TimeoutException | TimeoutError | groq.APITimeoutError):
            cause = error.__cause__ or error.__context__
            return _disconnected(cause) if cause is not None else False
        if error.__cause__ is None and error.__context__ is None:
            return True
        error = error.__cause__ or error.__context__
    return False


def _from_body(
    body: Any, status: int | None, headers: Mapping[str, str], service: Service, model: str
) -> LlmError:
    fields = body if isinstance(body, dict) else {}
    code = str(fields.get("code") or fields.get("type") or "")
    text = str(fields.get("message") or body or "")
    status = status if status is not None else _status(fields)
    if code in {"tool_use_failed", "invalid_tool_call"}:
        return LlmBadToolCall("The model called a tool in a way that its service refuses.")
    if status == 429 or code == "rate_limit_exceeded":  # noqa: PLR2004 - an HTTP status
        return _rate_limited(text, headers)
    unknown = code in {"model_not_found", "model_decommissioned"} or status == 404  # noqa: PLR2004
    too_large = code in {"context_length_exceeded", "request_too_large"} or status == 413  # noqa: PLR2004
    if status in {401, 403} or code == "invalid_api_key":
        error: LlmError = LlmKeyRejected(
            f"The model's service refuses the key. Put a valid one into {service.key_setting}."
        )
    elif unknown:
        error = LlmModelUnknown(
            f"The model {model!r} is not to be had at {service.where}. "
            f"Set {service.model_setting} to one that is; genpy doctor lists some."
        )
    elif too_large:
        error = LlmTooLarge(
            "The conversation is larger than the model accepts. Lower GENPY_CONTEXT_TOKENS."
        )
    elif status is None or status >= SERVER_TROUBLE or status == 498:  # noqa: PLR2004 - Groq: busy
        error = LlmUnavailable("The model's service is in trouble. Try again in a moment.")
    else:
        error = LlmError(f"The model's service refused the request ({code or status}).")
    return error


def _status(fields: dict[str, Any]) -> int | None:
    for name in ("status_code", "status", "code"):
        value = fields.get(name)
        if isinstance(value, int):
            return value
    return None


def _rate_limited(text: str, headers: Mapping[str, str]) -> LlmRateLimited:
    told = _WAIT.search(text)
    wait = duration(headers.get("retry-after", "")) or (duration(told.group(1)) if told else None)
    when = f"in {wait:.0f} s" if wait is not None else "in a moment"
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
