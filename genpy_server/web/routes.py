"""The route table: method and path to handler."""

from inspect import getdoc
from types import NoneType
from typing import Any, get_args

from genpy_server.core.models import ServerHealth
from genpy_server.web.api import Handlers, MarkdownDocument
from genpy_server.web.docs.handlers import Docs
from genpy_server.web.messages import Response
from genpy_server.web.pages.handlers import Pages
from genpy_server.web.router import Handler, Route
from genpy_server.web.setup import SetupHandlers


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


def setup_routes(setup: SetupHandlers) -> tuple[Route, ...]:
    """The routes of the model set-up."""
    return (
        _route("GET", "/api/setup", setup.state),
        _route("POST", "/api/setup", setup.choose, counts="changes"),
    )  # fmt: skip


def api_routes(h: Handlers) -> tuple[Route, ...]:
    """The routes of the API."""
    one = "/api/session/{ref}"
    return (
        _route("GET", "/health", h.health, answer=ServerHealth, public=True),
        _route("GET", "/api/sessions", h.sessions),
        _route("GET", one, h.session),
        _route("PATCH", one, h.rename, counts="changes"),
        _route("DELETE", one, h.delete, counts="changes"),
        _route("GET", f"{one}/summary", h.session, "Its summary, topics, sentiment, outcomes and metrics."),
        _route("GET", f"{one}/messages", h.messages),
        _route("GET", f"{one}/export", h.export, answer=MarkdownDocument),
        _route("GET", f"{one}/context", h.context),
        _route("GET", f"{one}/memory", h.memory),
        _route("PATCH", f"{one}/memory", h.change_memory, counts="changes"),
        _route("POST", f"{one}/rate", h.rate, counts="changes"),
        _route("POST", f"{one}/regenerate-summary", h.regenerate, counts="changes"),
        _route("GET", "/api/search", h.search, given_up=True),
        _route("GET", "/api/stats", h.stats),
        _route("GET", "/api/models", h.models),
        _route("GET", "/api/tools", h.tools),
        _route("GET", "/api/prompts", h.prompts),
        _route("POST", "/api/prompts/{tool}", h.prompt, counts="changes"),
        _route("DELETE", "/api/tools/{tool}/approval", h.revoke_tool, counts="changes"),
        _route("GET", "/api/modes", h.modes),
    )  # fmt: skip


def page_routes(pages: Pages, docs: Docs) -> tuple[Route, ...]:
    """The routes of the pages."""
    return (
        _route("GET", "/", pages.chat, public=True),
        _route("GET", "/summary/{ref}", pages.summary, public=True),
        _route("GET", "/assets/{version}/{name}", pages.asset, public=True),
        _route("GET", "/docs", docs.page, public=True),
        _route("GET", "/docs/openapi.json", docs.openapi, public=True),
        _route("GET", "/docs/asyncapi.json", docs.asyncapi, public=True),
    )  # fmt: skip
