"""The records of a server elsewhere: `Records` over HTTP."""

from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import msgspec

from genpy_server.core.models import Hit, Message, Session, SessionStatus
from genpy_server.errors import GenPyError, Unreachable, from_wire

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

SECONDS = 30.0
SUMMARY_SECONDS = 150.0


class _Sessions(msgspec.Struct):
    sessions: list[Session]


class _Messages(msgspec.Struct):
    messages: list[Message]


class _Hits(msgspec.Struct):
    hits: list[Hit]


class _Error(msgspec.Struct):
    code: str
    message: str
    retry_after: float | None = None


class _Failed(msgspec.Struct):
    error: _Error


class RemoteRecords:
    """See `records.Records`. `url` is the server's address; httpx is imported on first use."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self._url = url.replace("ws", "http", 1) if url.startswith("ws") else url
        self._token = token
        self._http: httpx.AsyncClient | None = None

    async def sessions(
        self,
        *,
        limit: int = 50,
        before: int | None = None,
        status: SessionStatus | None = None,
        query: str | None = None,
    ) -> list[Session]:
        """See `Records`."""
        asked = {"limit": limit, "before": before, "status": status, "q": query or None}
        return (await self._get("/api/sessions", _Sessions, **asked)).sessions

    async def session(self, ref: str) -> Session:
        """See `Records`."""
        return await self._get(_path(ref), Session)

    async def messages(
        self, ref: str, *, limit: int = 200, before: int | None = None
    ) -> list[Message]:
        """See `Records`."""
        path = _path(ref, "messages")
        return (await self._get(path, _Messages, limit=limit, before=before)).messages

    async def search(self, query: str, *, limit: int = 20, ref: str | None = None) -> list[Hit]:
        """See `Records`."""
        if not query.strip():
            return []
        return (await self._get("/api/search", _Hits, q=query, limit=limit, session=ref)).hits

    async def rename(self, ref: str, title: str) -> Session:
        """See `Records`."""
        return await self._ask("PATCH", _path(ref), Session, json={"title": title})

    async def rate(self, ref: str, rating: int) -> Session:
        """See `Records`."""
        return await self._ask("POST", _path(ref, "rate"), Session, json={"rating": rating})

    async def delete(self, ref: str) -> Session:
        """See `Records`."""
        return await self._ask("DELETE", _path(ref), Session)

    async def regenerate(self, ref: str) -> Session:
        """See `Records`."""
        path = _path(ref, "regenerate-summary")
        return await self._ask("POST", path, Session, timeout=SUMMARY_SECONDS)

    async def health(self) -> dict[str, Any]:
        """What the server says of itself; a degraded one is an answer too."""
        response = await self._request("GET", "/health")
        health: dict[str, Any] = msgspec.json.decode(response.content)
        return health

    async def close(self) -> None:
        """Let go of the connections."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def _get(self, path: str, kind: type[T], **query: Any) -> T:
        asked = {name: value for name, value in query.items() if value is not None}
        return await self._ask("GET", path, kind, params=asked)

    async def _ask(self, method: str, path: str, kind: type[T], **more: Any) -> T:
        response = await self._request(method, path, **more)
        if response.is_success:
            try:
                return msgspec.json.decode(response.content, type=kind)
            except msgspec.MsgspecError:
                raise _stranger(self._url) from None
        raise failure(response.content) or _stranger(self._url)

    async def _request(self, method: str, path: str, **more: Any) -> "httpx.Response":
        import httpx  # noqa: PLC0415 - heavy, only to talk to a server

        if self._http is None:
            headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
            self._http = httpx.AsyncClient(
                base_url=self._url, headers=headers, timeout=SECONDS, trust_env=False
            )
        try:
            return await self._http.request(method, path, **more)
        except httpx.TimeoutException:
            raise Unreachable(f"The server at {self._url} does not answer in time.") from None
        except httpx.HTTPError:
            raise Unreachable(
                f"No server answers at {self._url}. Start one with `genpy serve`, "
                "or check GENPY_SERVER."
            ) from None


def _path(ref: str, part: str = "") -> str:
    return f"/api/session/{quote(ref, safe='')}" + (f"/{part}" if part else "")


def failure(body: bytes) -> GenPyError | None:
    """The error that an answer's body tells of, as the class the server meant; None for none."""
    try:
        error = msgspec.json.decode(body, type=_Failed).error
    except msgspec.MsgspecError:
        return None
    return from_wire(error.code, error.message, error.retry_after)


def _stranger(url: str) -> GenPyError:
    return Unreachable(f"What answers at {url} is no GenPy server of this version.")
