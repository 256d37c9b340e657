"""From a request to its handler: a table of routes, and checks that each row asks for."""

import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import unquote

import msgspec

from genpy_server.errors import BadRequest, MethodNotAllowed, NotFound, Unauthorized
from genpy_server.web.messages import JSON, Request, Response

_OBJECT = re.compile("Object (contains unknown|missing required) field `(.+)`")

Q = TypeVar("Q")
B = TypeVar("B")


class Call(msgspec.Struct, Generic[Q, B], frozen=True):
    """A request as its handler sees it: checked, and decoded as the route says."""

    request: Request
    params: Mapping[str, str]
    """The parts of the path that the pattern names."""
    query: Q
    body: B

    @property
    def user(self) -> str:
        """The owner of what may be seen."""
        if self.request.user is None:
            raise Unauthorized("Send a token as `Authorization: Bearer TOKEN`.")
        return self.request.user


Handler = Callable[[Call[Any, Any]], Awaitable[Response]]


class Route(msgspec.Struct, frozen=True):
    """One row of the table. `pattern` names parts of the path in braces, as `/api/session/{ref}`."""

    method: str
    pattern: str
    handler: Handler
    doc: str
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    answer: type | None = None
    """What a JSON answer is; None for a page."""
    public: bool = False
    """Whether it answers without a token where tokens are asked for."""
    counts: Literal["changes"] | None = None
    """Whether it counts towards the limit of messages and changes in a minute."""
    given_up: bool = False
    """Whether the work ends when the client leaves, or has finished sending."""

    def match(self, path: str) -> dict[str, str] | None:
        """The named parts of a path, or None when it is another path."""
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
    """Answers a request by the table; `charge` has for each limit what counts one, or raises."""

    def __init__(
        self, routes: Sequence[Route], charge: Mapping[str, Callable[[str], None]] | None = None
    ) -> None:
        self.routes = tuple(routes)
        self._charge = defaultdict(lambda: lambda _: None, charge or {})

    def is_given_up(self, request: Request) -> bool:
        """Whether the work for an answer ends when its client leaves; see `Route`."""
        return any(
            route.given_up
            and route.method == request.method
            and route.match(request.path) is not None
            for route in self.routes
        )

    async def answer(self, request: Request) -> Response:
        """What the matching route's handler answers; raises `GenPyError`."""
        found = [
            (route, params)
            for route in self.routes
            if (params := route.match(request.path)) is not None
        ]
        if not found:
            raise NotFound("No page or endpoint has this address. GET /docs lists them.")
        method = "GET" if request.method == "HEAD" else request.method
        for route, params in found:
            if route.method == method:
                return await self._call(route, request, params)
        allowed = ", ".join(self.allowed(request.path))
        error = MethodNotAllowed(f"This address answers to {allowed}.")
        return Response.error(error, {"Allow": allowed})

    async def _call(self, route: Route, request: Request, params: dict[str, str]) -> Response:
        if request.user is None and not route.public:
            raise Unauthorized("Send a token as `Authorization: Bearer TOKEN`.")
        query = None if route.query is None else _query(request, route.query)
        body = None if route.body is None else _body(request, route.body)
        if route.counts is not None and request.user is not None:
            self._charge[route.counts](request.user)
        return await route.handler(Call(request, params, query, body))

    def allowed(self, path: str) -> list[str]:
        """The methods that a path answers to."""
        methods = {route.method for route in self.routes if route.match(path) is not None}
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
    """What msgspec found, with the name of the thing in front."""
    reason, _, path = str(error).partition(" - at `$")
    if match := _OBJECT.fullmatch(reason):
        kind, name = match.groups()
        return f"The {noun} {name} is {'unknown' if kind == 'contains unknown' else 'missing'}."
    name, said = path.strip(".`"), reason[:1].lower() + reason[1:]
    return f"The {noun} {name} is wrong: {said}." if name else f"The body is wrong: {said}."
