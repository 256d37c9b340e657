"""The route table: method and path to handler."""

from inspect import getdoc
from types import NoneType
from typing import Any, get_args

from genpy_server.core.models import ServerHealth
from genpy_server.web import api
from genpy_server.web.messages import Response
from genpy_server.web.pages import handlers as pages
from genpy_server.web.router import Handler, Route


def _route(method: str, pattern: str, handler: Handler, doc: str = "", **options: Any) -> Route:
    """A row of the table, with the docstring of the handler and the types in its annotations."""
    call, answer = handler.__annotations__.values()
    query, body = (None if kind is NoneType else kind for kind in get_args(call))
    kinds: dict[str, Any] = {
        "query": query,
        "body": body,
        "answer": None if answer is Response else answer,
    }
    doc = doc or (getdoc(handler) or "").partition("\n")[0]
    return Route(method, pattern, handler, doc, **(kinds | options))


_ONE = "/api/session/{ref}"
API_ROUTES = (
    _route("GET", "/health", api.health, answer=ServerHealth, public=True),
    _route("GET", "/api/sessions", api.sessions),
    _route("GET", _ONE, api.session),
    _route("PATCH", _ONE, api.rename, counts=True),
    _route("DELETE", _ONE, api.delete, counts=True),
    _route("GET", f"{_ONE}/summary", api.session, "Its summary, topics, sentiment, outcomes and metrics."),
    _route("GET", f"{_ONE}/messages", api.messages),
    _route("GET", f"{_ONE}/export", api.export, answer=api.MarkdownDocument),
    _route("GET", f"{_ONE}/context", api.context),
    _route("GET", f"{_ONE}/memory", api.memory),
    _route("PATCH", f"{_ONE}/memory", api.change_memory, counts=True),
    _route("POST", f"{_ONE}/rate", api.rate, counts=True),
    _route("POST", f"{_ONE}/regenerate-summary", api.regenerate, counts=True),
    _route("GET", "/api/search", api.search, given_up=True),
    _route("GET", "/api/stats", api.stats),
    _route("GET", "/api/models", api.model_list),
    _route("GET", "/api/tools", api.tools),
    _route("GET", "/api/prompts", api.prompts),
    _route("POST", "/api/prompts/{tool}", api.prompt, counts=True),
    _route("DELETE", "/api/tools/{tool}/approval", api.revoke_tool, counts=True),
    _route("GET", "/api/modes", api.modes),
)  # fmt: skip
ROUTES = (
    *API_ROUTES,
    _route("GET", "/api/setup", api.setup_state),
    _route("POST", "/api/setup", api.choose_model, counts=True),
    _route("GET", "/", pages.chat, public=True),
    _route("GET", "/summary/{ref}", pages.summary, public=True),
    _route("GET", "/assets/{version}/{name}", pages.asset, public=True),
    _route("GET", "/docs", pages.docs, public=True),
    _route("GET", "/docs/openapi.json", pages.openapi, public=True),
    _route("GET", "/docs/asyncapi.json", pages.asyncapi, public=True),
)  # fmt: skip
