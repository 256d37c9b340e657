"""Every expected error: one tree, each class with its code in frames and HTTP answers.

    GenPyError
    +-- Refused          the request is wrong: a retry will not help
    |   +-- BadRequest, BadFrame, TooLarge, NotFound, Ambiguous, Conflict
    |   +-- Unauthorized, Forbidden, UnknownProtocol, MethodNotAllowed, UpgradeRequired
    |   +-- HeadTooLarge, ConfigError
    +-- Busy             the request is right: retry later
    |   +-- RateLimited, TooMany, ShuttingDown, RequestTimeout
    +-- StoreError       the database
    |   +-- StoreUnavailable, StoreTimeout, StoreKeyRejected, StoreSchemaMissing, StoreForbidden
    +-- LlmError         the model
    |   +-- LlmRateLimited, LlmKeyRejected, LlmModelUnknown, LlmTooLarge, LlmCutOff
    |   +-- LlmTimeout, LlmUnavailable, LlmLoading, LlmQuotaSpent, LlmBadOutput, LlmBadToolCall
    +-- Unreachable      the client found no server

A message is one or two sentences for a person: what happened and what to do.
"""

import traceback
from typing import ClassVar


class GenPyError(Exception):
    """Base of every expected error; `message` is safe to show to anyone."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after
        """Seconds to wait before a retry, if known."""


class Refused(GenPyError):
    """The request is wrong; the same request will be refused again."""

    code = "refused"
    status = 400


class BadRequest(Refused):
    """An invalid path, query or body."""

    code = "bad_request"


class BadFrame(Refused):
    """An invalid WebSocket frame, or one of an unknown type."""

    code = "bad_frame"


class TooLarge(Refused):
    """More bytes than a limit allows."""

    code = "too_large"
    status = 413


class NotFound(Refused):
    """Nothing of this user has that name; the same for things of other users."""

    code = "not_found"
    status = 404


class Ambiguous(Refused):
    """A prefix that matches more than one session."""

    code = "ambiguous"
    status = 409


class Conflict(Refused):
    """The client id was used with another text, or the state does not allow the request."""

    code = "conflict"
    status = 409


class Unauthorized(Refused):
    """No token, or a wrong one."""

    code = "unauthorized"
    status = 401


class Forbidden(Refused):
    """A Host or Origin this server does not serve."""

    code = "forbidden"
    status = 403


class UnknownProtocol(Refused):
    """A genpy.* subprotocol that this server does not support."""

    code = "unknown_protocol"


class MethodNotAllowed(Refused):
    """The path exists, the method does not."""

    code = "method_not_allowed"
    status = 405


class UpgradeRequired(Refused):
    """An address that serves WebSockets only, or an unsupported version of WebSocket."""

    code = "upgrade_required"
    status = 426


class HeadTooLarge(Refused):
    """A request line or header fields of more bytes than a limit allows."""

    code = "head_too_large"
    status = 431


class ConfigError(Refused):
    """Invalid settings; names all of them."""

    code = "config"


class Busy(GenPyError):
    """The request is right and may succeed on a retry."""

    code = "busy"
    status = 503
    retryable = True


class RateLimited(Busy):
    """More messages and changes than allowed in a minute."""

    code = "rate_limited"
    status = 429


class TooMany(Busy):
    """Too many sockets, runs or waiting messages of one user."""

    code = "too_many"
    status = 429


class ShuttingDown(Busy):
    """The server is stopping."""

    code = "shutting_down"


class RequestTimeout(Busy):
    """A request whose bytes did not arrive in time."""

    code = "request_timeout"
    status = 408


class StoreError(GenPyError):
    """An error of the database without a class of its own."""

    code = "store_error"
    status = 503
    retryable = True


class StoreUnavailable(StoreError):
    """The database cannot be reached."""

    code = "store_unavailable"


class StoreTimeout(StoreError):
    """The database did not answer in time."""

    code = "store_timeout"


class StoreKeyRejected(StoreError):
    """The database refuses the key, or it is the publishable one."""

    code = "store_key_rejected"
    retryable = False


class StoreSchemaMissing(StoreError):
    """Tables or functions of schema.sql are missing or old."""

    code = "store_schema_missing"
    retryable = False


class StoreForbidden(StoreError):
    """Row level security refused the statement."""

    code = "store_forbidden"
    retryable = False


class LlmError(GenPyError):
    """An error of the model without a class of its own."""

    code = "llm_error"
    status = 502
    retryable = True


class LlmRateLimited(LlmError):
    """The model's service limits the rate; `retry_after` says how long to wait."""

    code = "llm_rate_limited"
    status = 429


class LlmKeyRejected(LlmError):
    """The model's service refuses the key."""

    code = "llm_key_rejected"
    retryable = False


class LlmModelUnknown(LlmError):
    """The model's service does not know the model, or has retired it."""

    code = "llm_model_unknown"
    retryable = False


class LlmTooLarge(LlmError):
    """The conversation is larger than the model accepts."""

    code = "llm_too_large"
    retryable = False


class LlmCutOff(LlmError):
    """The stream ended before the reply did."""

    code = "llm_cut_off"


class LlmTimeout(LlmError):
    """The model's service did not answer in time."""

    code = "llm_timeout"


class LlmUnavailable(LlmError):
    """The model's service cannot be reached, or it answers 5xx."""

    code = "llm_unavailable"


class LlmLoading(LlmUnavailable):
    """The model is being loaded; `retry_after` says when to retry."""

    code = "llm_loading"


class LlmQuotaSpent(LlmError):
    """The account at the model's service has no credit left."""

    code = "llm_quota_spent"
    status = 402
    retryable = False


class LlmBadOutput(LlmError):
    """The model's structured answer does not fit its schema."""

    code = "llm_bad_output"


class LlmBadToolCall(LlmError):
    """The model called a tool in a way that its service refuses."""

    code = "llm_bad_tool_call"


class Unreachable(GenPyError):
    """No server answers at the client's address."""

    code = "unreachable"
    status = 503
    retryable = True


def description(error: BaseException) -> str:
    """The message of a `GenPyError`; of other errors type and text."""
    if isinstance(error, GenPyError):
        return error.message
    try:
        text = str(error).strip()
    except Exception:  # noqa: BLE001 - `__str__` of a foreign error may fail
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def place(error: BaseException) -> str:
    """File and line where an error was raised, for logs, which do not contain its text."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    return f"{at.filename}:{at.lineno}"


def _tree(cls: type[GenPyError]) -> list[type[GenPyError]]:
    return [cls, *(leaf for child in cls.__subclasses__() for leaf in _tree(child))]


# The first class of the tree with a code is the one a client raises for it.
BY_CODE: dict[str, type[GenPyError]] = {cls.code: cls for cls in reversed(_tree(GenPyError))}


def from_wire(code: str, message: str, retry_after: float | None = None) -> GenPyError:
    """The error of a code, as the class that a client can catch."""
    return BY_CODE.get(code, GenPyError)(message, retry_after=retry_after)
