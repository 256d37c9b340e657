"""Calls the functions of schema.sql over one HTTP client, and raises errors as `StoreError`."""

import asyncio
from itertools import count
from random import random
from typing import Any, Final, TypeVar

import httpx
import msgspec
from postgrest import CountMethod
from supabase import AsyncClient, AsyncClientOptions

from genpy_server.core.backoff import Backoff
from genpy_server.errors import Conflict, NotFound, StoreSchemaMissing, StoreUnavailable
from genpy_server.network import BadVariable, certificates
from genpy_server.stores.supabase.errors import (
    SCHEMA_MISSING,
    StoreRolledBack,
    not_supabase,
    refusal,
    refused_locally,
    unanswered,
)

T = TypeVar("T")

SCHEMA_VERSION: Final = 18
TIMEOUT: Final = httpx.Timeout(15.0, connect=5.0, pool=30.0)
"""Time limits in seconds; a call waits for the pool while all connections are used."""
LIMITS: Final = httpx.Limits(max_connections=64, max_keepalive_connections=32, keepalive_expiry=60)
REPEATS: Final = Backoff(first=0.05, longest=1.0, jitter=1.0, attempts=5)
"""The back-off for calls that the database rolled back."""
_ONCE: Final = frozenset({"delete", "finish_ending", "extend_memory", "import"})
"""Functions that must not be repeated, since a second call would have another result."""


class Functions:
    """The database's functions; belongs to the event loop in which it was opened."""

    def __init__(self, url: str, key: str, timeout: httpx.Timeout) -> None:
        self._url = url
        self._key = key
        self._timeout = timeout
        self._http: httpx.AsyncClient | None = None
        self._client: AsyncClient | None = None

    def open(self) -> None:
        """Make the client; raises an error for a key that is certainly invalid, without a request."""
        refused = refused_locally(self._key)
        if refused is not None:
            raise refused
        try:
            trusted = certificates()
        except BadVariable as error:
            raise StoreUnavailable(str(error)) from error
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
            raise not_supabase(self._url)

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
        if self._client is None:
            raise StoreUnavailable("The store is not open.")
        named = {f"p_{name}": value for name, value in arguments.items()}
        request = self._client.rpc(f"genpy_{function}", named)
        try:
            try:
                answer = await request.execute()
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                if function in _ONCE:
                    raise
                answer = await request.execute()
        except httpx.HTTPError as error:
            raise unanswered(error, self._url) from error
        data: Any = answer.data
        if isinstance(data, str):  # no function answers a text: it was no JSON, or not ours
            raise not_supabase(self._url)
        refused = data.get("refused") if isinstance(data, dict) else None
        if refused == "conflict":
            raise Conflict("This message id was used before with another text.")
        if refused == "not_found":
            raise NotFound("Session not found.")
        return data

    async def rows(self, table: str, having: str | None = None) -> int:
        """The number of rows of a table, or of those that have a column's value.

        Raises `StoreError` if the table or the column does not exist.
        """
        if self._client is None:
            raise StoreUnavailable("The store is not open.")
        counted = self._client.table(table).select("id", count=CountMethod.exact, head=True)
        if having is not None:
            counted = counted.not_.is_(having, "null")
        try:
            return (await counted.execute()).count or 0
        except httpx.HTTPError as error:
            raise unanswered(error, self._url) from error

    def read(self, answer: Any, kind: type[T]) -> T:
        """Check the type of an answer; if it is another one, the server is not a Supabase project."""
        try:
            return msgspec.convert(answer, kind)
        except msgspec.ValidationError:
            raise not_supabase(self._url) from None

    def check_version(self, version: Any) -> None:
        """Raise an error if the schema is older than this program needs."""
        if self.read(version, int) < SCHEMA_VERSION:
            raise StoreSchemaMissing(SCHEMA_MISSING)
