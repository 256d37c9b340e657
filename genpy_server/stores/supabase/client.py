"""Calls the functions of schema.sql over one HTTP client, and raises errors as `StoreError`.

PostgREST puts its own codes (PGRST…) and PostgreSQL's (SQLSTATE) into the same field; what stands
before it answers with a bare HTTP status. Codes are compared; a text only where PostgREST before
version 13 has one code for a key that is wrong and for one whose time is over.
"""

import asyncio
import base64
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from random import random
from typing import Any, Final, TypeVar

import httpx
import msgspec
from postgrest import CountMethod
from supabase import AsyncClient, AsyncClientOptions

from genpy_server import errors
from genpy_server.core.backoff import Backoff
from genpy_server.core.text import decoded
from genpy_server.network import BadVariable, certificates

T = TypeVar("T")

SCHEMA_VERSION: Final = 19
TIMEOUT: Final = httpx.Timeout(15.0, connect=5.0, pool=30.0)
"""Time limits in seconds; a call waits for the pool while all connections are used."""
LIMITS: Final = httpx.Limits(max_connections=64, max_keepalive_connections=32, keepalive_expiry=60)
REPEATS: Final = Backoff(first=0.05, longest=1.0, jitter=1.0, attempts=5)
"""The back-off for calls that the database rolled back."""
_ONCE: Final = frozenset({"finish_ending", "extend_memory"})
"""Functions that must not be repeated, since a second call would have another result."""
_REMOVING: Final = frozenset({"delete", "revoke_tool"})
"""Functions that answer whether something was removed: by the first call, if a second finds nothing."""

SCHEMA_MISSING = (
    "The Supabase project has no tables of GenPy, or old ones. "
    "Run schema.sql in the project's SQL editor; it may be run any number of times."
)
PUBLISHABLE = (
    "SUPABASE_KEY is the publishable key, which may not read conversations. Set it to the secret "
    "key (sb_secret_…, or service_role) from the project's settings, API keys."
)
REJECTED = (
    "Supabase refuses the key in SUPABASE_KEY. Set it to the secret key (sb_secret_…) of the "
    "project in SUPABASE_URL; it stands in the project's settings, API keys."
)
FORBIDDEN = (
    "Supabase's row level security refuses the statement. Set SUPABASE_KEY to the secret key, and "
    "run schema.sql again, which restores what the server may do."
)
UNREACHABLE = (
    "Supabase cannot be reached at {url}. See whether SUPABASE_URL is right, whether this machine "
    "is online, and whether the project is paused; GenPy goes on when it is back."
)
FAILING = (
    "Supabase at {url} answers with the error {code} instead of what was asked. Its database may be "
    "starting, overloaded or out of space: see the project's status; GenPy goes on when it is well."
)
REFUSED = (
    "What stands before Supabase at {url} refuses the request with the error {code}: a firewall, a "
    "proxy, or the network restrictions of the project. GenPy goes on when it lets requests pass."
)
READ_ONLY = (
    "The database of the Supabase project at {url} takes no changes now. Its disk may be full, or "
    "it is being moved: see the project's reports; GenPy goes on when it does."
)
NOT_IN_TIME = (
    "Supabase at {url} says that the time of the key is over, or has not begun. Try again; if it "
    "stays so, make another secret key in the project's settings, API keys, and set SUPABASE_KEY."
)
RESTRICTED = (
    "The Supabase project at {url} is restricted for its quota or an unpaid invoice. "
    "See the billing of its organisation; GenPy goes on when the restriction is lifted."
)
PAUSED = (
    "The Supabase project at {url} is paused. Restore it on its page at supabase.com; GenPy goes on "
    "when it runs."
)
SLOW = (
    "Supabase at {url} did not answer in time. Try again; if it stays so, see the project's "
    "reports for what its database is busy with."
)
NOT_SUPABASE = (
    "The server at {url} is not a Supabase project. Set SUPABASE_URL to the project's URL, "
    "such as https://abcdefgh.supabase.co."
)


class StoreRolledBack(errors.StoreUnavailable):
    """The database rolled a call back because of a concurrent one; it can be repeated."""


_Kind = tuple[type[errors.StoreError], str]

_SCHEMA: Final[_Kind] = (errors.StoreSchemaMissing, SCHEMA_MISSING)
_UNAVAILABLE: Final[_Kind] = (errors.StoreUnavailable, UNREACHABLE)
_FAILING: Final[_Kind] = (errors.StoreUnavailable, FAILING)
_NOT_IN_TIME: Final[_Kind] = (errors.StoreUnavailable, NOT_IN_TIME)
_TIMEOUT: Final[_Kind] = (errors.StoreTimeout, SLOW)
_NOT_SUPABASE: Final[_Kind] = (errors.StoreUnavailable, NOT_SUPABASE)

_ROLLED_BACK: Final[_Kind] = (
    StoreRolledBack,
    "Supabase at {url} undid a change because of another one at the same time. Try again.",
)

_CODES: Final[dict[str, _Kind]] = {
    "PGRST000": _FAILING,  # no connection to the database
    "PGRST001": _FAILING,
    "PGRST002": _FAILING,
    "PGRST003": _TIMEOUT,  # no free connection in the pool
    "PGRST106": _SCHEMA,  # schema not exposed
    "PGRST202": _SCHEMA,  # no such function
    "PGRST203": _SCHEMA,
    "PGRST204": _SCHEMA,  # no such column
    "PGRST205": _SCHEMA,  # no such table
    "PGRST303": _NOT_IN_TIME,  # the claims of a JWT, which Supabase makes of a secret key
    "42P01": _SCHEMA,
    "42703": _SCHEMA,
    "42883": _SCHEMA,
    "3F000": _SCHEMA,
    "42501": (errors.StoreForbidden, FORBIDDEN),
    "40003": _FAILING,  # whether it was rolled back is not known
    "25P03": _TIMEOUT,  # idle_in_transaction_session_timeout
    "25P04": _TIMEOUT,  # transaction_timeout
    "57014": _TIMEOUT,  # statement_timeout
    "55P03": _TIMEOUT,  # lock_timeout
    "25006": (errors.StoreUnavailable, READ_ONLY),  # while it fails over, or for want of space
}
_CLASSES: Final[dict[str, _Kind]] = {
    "08": _FAILING,  # connection
    "40": _ROLLED_BACK,  # deadlock, serialization failure
    "53": _FAILING,  # resources: too many connections, disk full
    "57": _FAILING,  # shutting down, starting up
    "58": _FAILING,  # system error
}
_STATUSES: Final[dict[int, _Kind]] = {
    401: (errors.StoreKeyRejected, REJECTED),
    402: (errors.StoreUnavailable, RESTRICTED),
    403: (errors.StoreUnavailable, REFUSED),
    404: _NOT_SUPABASE,
    408: _TIMEOUT,
    429: (errors.StoreUnavailable, "Supabase at {url} asks to slow down. Try again in a moment."),
    504: _TIMEOUT,
    524: _TIMEOUT,
    540: (errors.StoreUnavailable, PAUSED),
    544: _TIMEOUT,
}
SQLSTATE_CHARS = 5


class Functions:
    """The database's functions; belongs to the event loop in which it was opened."""

    def __init__(self, url: str, key: str, timeout: httpx.Timeout) -> None:
        self._url = url
        self._key = key
        self._timeout = timeout
        self._http: httpx.AsyncClient | None = None
        self._client: AsyncClient | None = None

    def open(self) -> None:
        """Make the client; raises `StoreKeyRejected` for a publishable key, in its new or old form."""
        if self._key.startswith("sb_publishable_") or _role(self._key) in {"anon", "authenticated"}:
            raise errors.StoreKeyRejected(PUBLISHABLE)
        try:
            trusted = certificates()
        except BadVariable as error:
            raise errors.StoreUnavailable(str(error)) from error
        self._http = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(verify=trusted, limits=LIMITS, retries=1),
            timeout=self._timeout,
            event_hooks={"response": [self._check]},
        )
        options = AsyncClientOptions(
            httpx_client=self._http,
            postgrest_client_retry=False,
            auto_refresh_token=False,
            persist_session=False,
        )
        self._client = AsyncClient(self._url, self._key, options)

    async def close(self) -> None:
        """Close all connections."""
        http, self._http, self._client = self._http, None, None
        if http is not None:
            await http.aclose()

    async def _check(self, response: httpx.Response) -> None:
        """Raise for a refusal, and for what is not JSON; the library's error would know no status."""
        if not response.is_success:
            await response.aread()
            raise refusal(response, self._url)
        if "json" not in response.headers.get("content-type", "json"):
            raise _made(_NOT_SUPABASE, self._url)

    async def call(self, function: str, **arguments: Any) -> Any:
        """The answer of `genpy_<function>`.

        It is called again after a connection that broke, and when the database rolled it back
        because of another one (a deadlock, a serialization failure).
        """
        for failures in count():
            try:
                return await self._call(function, arguments)
            except StoreRolledBack:
                if REPEATS.exhausted(failures + 1):
                    raise
                await asyncio.sleep(REPEATS.delay(failures, chance=random()))  # noqa: S311 - a wait
        raise AssertionError

    async def _call(self, function: str, arguments: dict[str, Any]) -> Any:
        named = {f"p_{name}": msgspec.to_builtins(value) for name, value in arguments.items()}
        with self._asking() as client:
            request = client.rpc(f"genpy_{function}", named)
            try:
                data: Any = (await request.execute()).data
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                if function in _ONCE:
                    raise
                data = (await request.execute()).data
                if data is False and function in _REMOVING:
                    data = True
        if isinstance(data, str):  # no function answers a text: it was no JSON, or not ours
            raise _made(_NOT_SUPABASE, self._url)
        refused = data.get("refused") if isinstance(data, dict) else None
        if refused == "conflict":
            raise errors.Conflict("This message id was used before with another text.")
        if refused == "not_found":
            raise errors.NotFound("Session not found.")
        return data

    async def rows(self, table: str, having: str | None = None) -> int:
        """The number of rows of a table, or of those that have a column's value.

        Raises `StoreError` if the table or the column does not exist.
        """
        with self._asking() as client:
            counted = client.table(table).select("id", count=CountMethod.exact, head=True)
            if having is not None:
                counted = counted.not_.is_(having, "null")
            return (await counted.execute()).count or 0

    @contextmanager
    def _asking(self) -> Iterator[AsyncClient]:
        """The client; raises a request without an answer as `StoreError`."""
        if self._client is None:
            raise errors.StoreUnavailable("The store is not open.")
        try:
            yield self._client
        except httpx.HTTPError as error:
            slow = isinstance(error, httpx.TimeoutException)
            slow = slow and not isinstance(error, httpx.ConnectTimeout)
            raise _made(_TIMEOUT if slow else _UNAVAILABLE, self._url) from error

    def read(self, answer: Any, kind: type[T]) -> T:
        """Check the type of an answer; if it is another one, the server is not a Supabase project."""
        try:
            return msgspec.convert(answer, kind)
        except msgspec.ValidationError:
            raise _made(_NOT_SUPABASE, self._url) from None

    def check_version(self, version: Any) -> None:
        """Raise an error if the schema is older than this program needs."""
        if self.read(version, int) < SCHEMA_VERSION:
            raise errors.StoreSchemaMissing(SCHEMA_MISSING)


class _Claims(msgspec.Struct):
    role: str


class _Refusal(msgspec.Struct):
    """What PostgREST says of an error."""

    code: str = ""
    message: Any = None


def _role(key: str) -> str | None:
    """The role of a key in the old form, a JWT."""
    try:
        _, claims, _ = key.split(".")
        data = base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))
    except ValueError:
        return None
    found: _Claims | None = decoded(data, _Claims)
    return None if found is None else found.role


def refusal(response: httpx.Response, url: str) -> errors.StoreError:
    """The error of an unsuccessful response whose body was read."""
    body: _Refusal = decoded(response.content, _Refusal) or _Refusal()
    code, status = body.code, response.status_code
    from_postgres = len(code) == SQLSTATE_CHARS
    known = _CODES.get(code) or _CLASSES.get(code[:2] if from_postgres else "")
    if code == "PGRST301" and body.message == "JWT expired":
        known = _NOT_IN_TIME
    if status == httpx.codes.UNAUTHORIZED and known is not _NOT_IN_TIME:
        known = _STATUSES[status]  # with 42501 as well: the key opens nothing
    known = known or _STATUSES.get(status)
    if known is None and response.is_server_error and not from_postgres:
        known = _FAILING
    if known is None and status == httpx.codes.BAD_REQUEST and not code:
        known = _FAILING  # PostgREST could not ask the database
    if known is None and response.is_redirect:
        known = _NOT_SUPABASE
    if known is None:
        known = (errors.StoreError, "Supabase at {url} failed with the code {code}. Try again.")
    return _made(known, url, code or str(status))


def _made(kind: _Kind, url: str, code: str = "") -> errors.StoreError:
    error, sentence = kind
    return error(sentence.format(url=url, code=code))
