"""Finds the handler of a request in a table of routes, and checks query, body, token and limits."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import unquote

import msgspec

from genpy_server.errors import BadRequest, MethodNotAllowed, NotFound, Unauthorized
from genpy_server.records import Records
from genpy_server.web.messages import JSON, Request, Response

if TYPE_CHECKING:
    from genpy_server.web.app import WebApp

_OBJECT = re.compile("Object (contains unknown|missing required) field `(.+)`")

Q = TypeVar("Q")
B = TypeVar("B")


class Call(msgspec.Struct, Generic[Q, B], frozen=True):
    """A checked request with decoded query and body."""

    app: "WebApp"
    request: Request
    params: Mapping[str, str]
    """The parameters in the path."""
    query: Q
    body: B

    @property
    def user(self) -> str:
        """The owner of the conversations that may be read; raises `Unauthorized` without a token."""
        if self.request.user is None:
            raise Unauthorized("Send a token as `Authorization: Bearer TOKEN`.")
        return self.request.user

    @property
    def records(self) -> Records:
        """The conversations that may be read; raises as `user` does."""
        return self.app.records(self.user)

    @property
    def ref(self) -> str:
        """The session in the path."""
        return self.params["ref"]


Handler = Callable[[Call[Any, Any]], Awaitable[Any]]
"""Returns a `Response`, or a value that is answered as JSON."""


class Route(msgspec.Struct, frozen=True):
    """One row of the table; `pattern` has parameters in braces: `/api/session/{ref}`."""

    method: str
    pattern: str
    handler: Handler
    doc: str
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    answer: type | None = None
    """The type of a JSON answer; None for a page."""
    public: bool = False
    """Whether no token is required."""
    counts: bool = False
    """Whether it counts towards the limit of messages and changes in a minute."""
    given_up: bool = False
    """Whether the handler is cancelled when the client disconnects."""

    def match(self, path: str) -> dict[str, str] | None:
        """The parameters in a path, or None when it does not match."""
        wanted, given = self.pattern.split("/"), path.split("/")
        if len(wanted) != len(given):
            return None
        params: dict[str, str] = {}
        for want, have in zip(wanted, given, strict=True):
            if want.startswith("{") and have:
                params[want.strip("{}")] = _decoded(have)
            elif want != have:
                return None
        return params


class Router:
    """Answers requests by the table, with what the handlers use of `app`."""

    def __init__(self, routes: Sequence[Route], app: Any = None) -> None:
        self.routes = tuple(routes)
        self._app = app

    def is_given_up(self, request: Request) -> bool:
        """See `Route.given_up`."""
        found = self._at(request.path)
        return any(route.given_up and route.method == request.method for route, _ in found)

    async def answer(self, request: Request) -> Response:
        """The answer of the matching handler; raises `GenPyError`."""
        found = self._at(request.path)
        if not found:
            raise NotFound("No page or endpoint has this address. GET /docs lists them.")
        method = "GET" if request.method == "HEAD" else request.method
        for route, params in found:
            if route.method == method:
                return await self._call(route, request, params)
        allowed = ", ".join(self.allowed(request.path))
        error = MethodNotAllowed(f"This address answers to {allowed}.")
        return Response.error(error, {"Allow": allowed})

    def _at(self, path: str) -> list[tuple[Route, dict[str, str]]]:
        matches = ((route, route.match(path)) for route in self.routes)
        return [(route, params) for route, params in matches if params is not None]

    async def _call(self, route: Route, request: Request, params: dict[str, str]) -> Response:
        if request.user is None and not route.public:
            raise Unauthorized("Send a token as `Authorization: Bearer TOKEN`.")
        query = None if route.query is None else _query(request, route.query)
        body = None if route.body is None else _body(request, route.body)
        if route.counts and request.user is not None:
            self._app.rates.charge(request.user)
        answer = await route.handler(Call(self._app, request, params, query, body))
        return answer if isinstance(answer, Response) else Response.json(answer)

    def allowed(self, path: str) -> list[str]:
        """The methods of a path."""
        methods = {route.method for route, _ in self._at(path)}
        return sorted(methods | ({"HEAD"} if "GET" in methods else set()))


def _decoded(part: str) -> str:
    try:
        return unquote(part, errors="strict")
    except UnicodeDecodeError:
        raise BadRequest("The path of the address is not UTF-8.") from None


def _query(request: Request, kind: type[msgspec.Struct]) -> msgspec.Struct:
    try:
        return msgspec.convert(request.query, kind, strict=False)
    except msgspec.ValidationError as error:
        raise BadRequest(_sentence(error, "query parameter")) from None


def _body(request: Request, kind: type[msgspec.Struct]) -> msgspec.Struct:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != JSON:
        raise BadRequest(f"Send the body as Content-Type: {JSON}.")
    try:
        return msgspec.json.decode(request.body, type=kind)
    except msgspec.ValidationError as error:
        raise BadRequest(_sentence(error, "body field")) from None
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise BadRequest("The body is not valid JSON.") from None


def _sentence(error: msgspec.ValidationError, noun: str) -> str:
    """The error of msgspec as a sentence with the name of the field."""
    reason, _, path = str(error).partition(" - at `$")
    if match := _OBJECT.fullmatch(reason):
        kind, name = match.groups()
        return f"The {noun} {name} is {'unknown' if kind == 'contains unknown' else 'missing'}."
    name, reason = path.strip(".`"), reason[:1].lower() + reason[1:]
    return f"The {noun} {name} is wrong: {reason}." if name else f"The body is wrong: {reason}."
