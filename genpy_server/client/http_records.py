"""`records.Records` over HTTP, and the other requests of a client."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import quote

import msgspec

from genpy_server import errors
from genpy_server.client.address import Address
from genpy_server.core import models as core  # `models` is a method here
from genpy_server.core.costs import SpendingReport
from genpy_server.core.text import decoded
from genpy_server.records import Records

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

CONTEXT_BYTES = 6_000
"""Longest text of a `context` request, which is part of the URL."""
PAGE = 200
"""Most rows of one answer."""
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 30.0
LOADING_SECONDS = 600.0
"""Time limit of the set-up, which may load a model."""
SUMMARY_SECONDS = 150.0


class _AnswerLost(errors.Unreachable):
    """The connection broke after the request was sent: what it asks for may be done."""


class _Explained(msgspec.Struct, frozen=True):
    context: core.RequestContext


def read_error(body: bytes) -> errors.GenPyError | None:
    """The error in the body of an HTTP answer; None when it is not a GenPy error."""
    answer: core.ErrorAnswer | None = decoded(body, core.ErrorAnswer)
    return None if answer is None else errors.from_wire(**msgspec.structs.asdict(answer.error))


class RemoteRecords(Records):
    """See `Records`. `httpx` is imported with the first request."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.address = Address.parse(url)
        self._token = token
        self._opening = asyncio.Lock()
        self._http: httpx.AsyncClient | None = None

    async def sessions(
        self,
        *,
        limit: int = 50,
        before: int | None = None,
        status: core.SessionStatus | None = None,
        query: str | None = None,
    ) -> list[core.ListedSession]:
        found: list[core.ListedSession] = []
        if before is not None and before <= 0:
            return found
        while len(found) < limit:
            params = {
                "limit": min(limit - len(found), PAGE),
                "before": before,
                "status": status,
                "q": query or None,
            }
            page = await self._ask("/api/sessions", core.SessionPage, params)
            found += page.sessions
            before = page.next
            if before is None:
                break
        return found

    async def models(self) -> core.ModelList:
        """The models that the server can use."""
        return await self._ask("/api/models", core.ModelList)

    async def setup(self) -> core.SetupState:
        """Whether the server has a model, and whether the user may choose one."""
        return await self._ask("/api/setup", core.SetupState)

    async def set_up(self, choice: core.ModelChoice) -> core.ChosenSetup:
        """Let the server try a model and use it; raises the error of a model that fails."""
        body = msgspec.to_builtins(choice)
        return await self._ask(
            "/api/setup", core.ChosenSetup, method="POST", body=body, seconds=LOADING_SECONDS
        )

    async def user_among_others(self) -> str | None:
        return (await self.health()).user

    async def context(self, ref: str, text: str) -> core.RequestContext:
        """The request that would be sent to the model for a text in a session.

        Raises `BadRequest` for a text that is too long for a URL.
        """
        if len(quote(text, safe="")) > CONTEXT_BYTES:
            raise errors.BadRequest("The text in the prompt is too long to show its request.")
        return (await self._ask(_path(ref, "context"), _Explained, {"text": text})).context

    async def session(self, ref: str) -> core.Session:
        return await self._ask(_path(ref), core.Session)

    async def messages(
        self, ref: str, *, limit: int = 200, before: int | None = None, after: int | None = None
    ) -> list[core.Message]:
        found: list[core.Message] = []
        forward = after is not None
        while len(found) < limit:
            params = {"limit": min(limit - len(found), PAGE), "before": before, "after": after}
            page = await self._ask(_path(ref, "messages"), core.MessagePage, params)
            found = found + page.messages if forward else page.messages + found
            before, after = (None, page.after) if forward else (page.before, None)
            if before is None and after is None:
                break
        return found

    async def search(
        self, query: str, *, limit: int = 20, ref: str | None = None
    ) -> list[core.Hit]:
        if not query.strip():
            return []
        params = {"q": query, "limit": min(limit, PAGE), "session": ref}
        return (await self._ask("/api/search", core.HitList, params)).hits

    async def rename(self, ref: str, title: str) -> core.Session:
        body = {"title": core.checked_title(title)}
        return await self._ask(_path(ref), core.Session, method="PATCH", body=body)

    async def rate(self, ref: str, rating: int) -> core.Session:
        body = {"rating": core.checked_rating(rating)}
        return await self._ask(_path(ref, "rate"), core.Session, method="POST", body=body)

    async def delete(self, ref: str) -> core.Session:
        session = await self.session(ref)
        try:
            return await self._ask(_path(session.id), core.Session, method="DELETE")
        except _AnswerLost:
            with suppress(errors.NotFound):  # the first request was carried out
                await self._ask(_path(session.id), core.Session, method="DELETE")
            return session

    async def regenerate(self, ref: str) -> core.Session:
        path = _path(ref, "regenerate-summary")
        return await self._ask(path, core.Session, method="POST", body={}, seconds=SUMMARY_SECONDS)

    async def memory(self, ref: str) -> core.SessionMemory:
        return await self._ask(_path(ref, "memory"), core.SessionMemory)

    async def change_memory(
        self, ref: str, *, forget: int | None = None, on: bool | None = None
    ) -> core.SessionMemory:
        given = {"forget": forget, "on": on}
        body = {name: value for name, value in given.items() if value is not None}
        path = _path(ref, "memory")
        return await self._ask(path, core.SessionMemory, method="PATCH", body=body)

    async def tools(self) -> core.ToolList:
        """The tools of the user."""
        return await self._ask("/api/tools", core.ToolList)

    async def prompts(self) -> list[core.ListedPrompt]:
        """The prompts of the server's MCP servers."""
        return (await self._ask("/api/prompts", core.PromptList)).prompts

    async def prompt(self, name: str, values: dict[str, str]) -> str:
        """The text of a prompt with its arguments filled in."""
        path, body = f"/api/prompts/{quote(name, safe='')}", {"arguments": values}
        return (await self._ask(path, core.PromptText, method="POST", body=body)).text

    async def revoke_tool(self, name: str) -> core.ToolList:
        """Revoke the permission of a tool; raises `NotFound` where there is none."""
        path = f"/api/tools/{quote(name, safe='')}/approval"
        return await self._ask(path, core.ToolList, method="DELETE")

    async def health(self) -> core.ServerHealth:
        """The state of the server."""
        return await self._ask("/health", core.ServerHealth, failures=True)

    async def stats(
        self, *, days: int = 30, ref: str | None = None, utc_offset: int = 0
    ) -> SpendingReport:
        params = {"days": days, "session": ref, "utc_offset": utc_offset}
        return await self._ask("/api/stats", SpendingReport, params)

    async def open(self) -> "httpx.AsyncClient":
        """Import and create the HTTP client, as the first request does otherwise."""
        async with self._opening:
            if self._http is None:
                # Imports and certificates take a tenth of a second, in which a screen would freeze.
                self._http = await asyncio.to_thread(self._client)
            return self._http

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def _ask(
        self,
        path: str,
        kind: type[T],
        query: dict[str, Any] | None = None,
        *,
        method: str = "GET",
        body: dict[str, Any] | None = None,
        seconds: float = ANSWER_SECONDS,
        failures: bool = False,
    ) -> T:
        """The answer to a request; with `failures`, one of any status is read as `kind`."""
        http = await self.open()
        import httpx  # noqa: PLC0415 - local commands do not need it

        params = {key: value for key, value in (query or {}).items() if value is not None}
        timeout = httpx.Timeout(seconds, connect=CONNECT_SECONDS)
        try:
            response = await http.request(method, path, params=params, json=body, timeout=timeout)
        except httpx.TimeoutException:
            raise errors.Unreachable(f"{self.address.http} did not answer in time.") from None
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as error:
            if method == "GET":
                raise self.address.unreachable() from error
            raise _AnswerLost(
                f"The connection to {self.address.http} was cut before it answered. "
                "See whether it is done; if not, try again."
            ) from error
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self.address.unreachable() from error
        if not (response.is_success or failures):
            refused = read_error(response.content)
            if isinstance(refused, errors.Unauthorized) and self._token is None:
                raise self.address.wants_token()
            raise refused or self.address.no_server(response.status_code)
        answer: T | None = decoded(response.content, kind)
        if answer is None:
            raise self.address.no_server(response.status_code)
        return answer

    def _client(self) -> "httpx.AsyncClient":
        from genpy_server.network import BadVariable, http_client  # noqa: PLC0415 - imports httpx

        token = f"Bearer {self._token}".encode()
        try:
            return http_client(
                self.address.http,
                base_url=self.address.http,
                headers={b"Authorization": token} if self._token else {},
                # The environment may name a proxy, which does not reach this machine.
                trust_env=not self.address.is_loopback,
            )
        except BadVariable as error:
            raise errors.BadRequest(str(error)) from error


def _path(ref: str, part: str = "") -> str:
    path = f"/api/session/{quote(ref, safe='')}"
    return f"{path}/{part}" if part else path
