"""Every expected error: one tree, each class with its code in frames and HTTP answers.

A `Refused` request is wrong, and a retry will not help; a `Busy` server may be asked again later. A
`StoreError` is of the database, an `LlmError` of the model. A message is one or two sentences for a
person: what happened and what to do.
"""

import traceback
from typing import ClassVar


class GenPyError(Exception):
    """Base of every expected error; `message` is safe to show to anyone."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init_subclass__(
        cls, *, code: str | None = None, status: int | None = None, retryable: bool | None = None
    ) -> None:
        """Set what a class states of itself; the rest is that of its base."""
        cls.code = code or cls.code
        cls.status = status or cls.status
        cls.retryable = cls.retryable if retryable is None else retryable

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after
        """Seconds to wait before a retry, if known."""


class Refused(GenPyError, code="refused", status=400):
    """The request is wrong; the same request will be refused again."""


class BadRequest(Refused, code="bad_request"):
    """An invalid path, query or body."""


class BadFrame(Refused, code="bad_frame"):
    """An invalid WebSocket frame, or one of an unknown type."""


class TooLarge(Refused, code="too_large", status=413):
    """More bytes than a limit allows."""


class NotFound(Refused, code="not_found", status=404):
    """Nothing of this user has that name; the same for things of other users."""


class Ambiguous(Refused, code="ambiguous", status=409):
    """A prefix that matches more than one session."""


class Conflict(Refused, code="conflict", status=409):
    """The client id was used with another text, or the state does not allow the request."""


class Unauthorized(Refused, code="unauthorized", status=401):
    """No token, or a wrong one."""


class Forbidden(Refused, code="forbidden", status=403):
    """A Host or Origin this server does not serve."""


class UnknownProtocol(Refused, code="unknown_protocol"):
    """A genpy.* subprotocol that this server does not support."""


class MethodNotAllowed(Refused, code="method_not_allowed", status=405):
    """The path exists, the method does not."""


class UpgradeRequired(Refused, code="upgrade_required", status=426):
    """An address that serves WebSockets only, or an unsupported version of WebSocket."""


class HeadTooLarge(Refused, code="head_too_large", status=431):
    """A request line or header fields of more bytes than a limit allows."""


class ConfigError(Refused, code="config"):
    """Invalid settings; names all of them."""


class Busy(GenPyError, code="busy", status=503, retryable=True):
    """The request is right and may succeed on a retry."""


class RateLimited(Busy, code="rate_limited", status=429):
    """More messages and changes than allowed in a minute."""


class TooMany(Busy, code="too_many", status=429):
    """Too many sockets, runs or waiting messages of one user."""


class ShuttingDown(Busy, code="shutting_down"):
    """The server is stopping."""


class RequestTimeout(Busy, code="request_timeout", status=408):
    """A request whose bytes did not arrive in time."""


class StoreError(GenPyError, code="store_error", status=503, retryable=True):
    """An error of the database without a class of its own."""


class StoreUnavailable(StoreError, code="store_unavailable"):
    """The database cannot be reached."""


class StoreTimeout(StoreError, code="store_timeout"):
    """The database did not answer in time."""


class StoreKeyRejected(StoreError, code="store_key_rejected", retryable=False):
    """The database refuses the key, or it is the publishable one."""


class StoreSchemaMissing(StoreError, code="store_schema_missing", retryable=False):
    """Tables or functions of schema.sql are missing or old."""


class StoreForbidden(StoreError, code="store_forbidden", retryable=False):
    """Row level security refused the statement."""


class LlmError(GenPyError, code="llm_error", status=502, retryable=True):
    """An error of the model without a class of its own."""


class LlmRateLimited(LlmError, code="llm_rate_limited", status=429):
    """The model's service limits the rate; `retry_after` says how long to wait."""


class LlmKeyRejected(LlmError, code="llm_key_rejected", retryable=False):
    """The model's service refuses the key."""


class LlmModelUnknown(LlmError, code="llm_model_unknown", retryable=False):
    """The model's service does not know the model, or has retired it."""


class LlmTooLarge(LlmError, code="llm_too_large", retryable=False):
    """The conversation is larger than the model accepts."""


class LlmCutOff(LlmError, code="llm_cut_off"):
    """The stream ended before the reply did."""


class LlmTimeout(LlmError, code="llm_timeout"):
    """The model's service did not answer in time."""


class LlmUnavailable(LlmError, code="llm_unavailable"):
    """The model's service cannot be reached, or it answers 5xx."""


class LlmLoading(LlmUnavailable, code="llm_loading"):
    """The model is being loaded; `retry_after` says when to retry."""


class LlmQuotaSpent(LlmError, code="llm_quota_spent", status=402, retryable=False):
    """The account at the model's service has no credit left."""


class LlmBadOutput(LlmError, code="llm_bad_output"):
    """The model's structured answer does not fit its schema."""


class LlmBadToolCall(LlmError, code="llm_bad_tool_call"):
    """The model called a tool in a way that its service refuses."""


class Unreachable(GenPyError, code="unreachable", status=503, retryable=True):
    """No server answers at the client's address."""


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
