"""The route table: method and path to handler."""

from types import NoneType
from typing import Any, get_args

from genpy_server.core.models import ServerHealth
from genpy_server.web.api import Handlers, MarkdownDocument
from genpy_server.web.docs.handlers import Docs
from genpy_server.web.messages import Response
from genpy_server.web.pages.handlers import Pages
from genpy_server.web.router import Handler, Route
from genpy_server.web.setup import SetupHandlers


def _route(method: str, pattern: str, handler: Handler, doc: str, **options: Any) -> Route:
    """A row of the table, with the types of query, body and answer in the handler's annotations."""
    call, answer = handler.__annotations__.values()
    query, body = (None if kind is NoneType else kind for kind in get_args(call))
    kinds: dict[str, Any] = {
        "query": query,
        "body": body,
        "answer": None if answer is Response else answer,
    }
    return Route(method, pattern, handler, doc, **(kinds | options))


def setup_routes(setup: SetupHandlers) -> tuple[Route, ...]:
    """The routes of the model set-up."""
    return (
        _route("GET", "/api/setup", setup.state, "Whether the server has a model, and whether you may choose one."),
        _route("POST", "/api/setup", setup.choose, "Try a model and use it from now on; from the server's own machine only.", counts="changes"),
    )  # fmt: skip


def api_routes(h: Handlers) -> tuple[Route, ...]:
    """The routes of the API."""
    one = "/api/session/{ref}"
    return (
        _route("GET", "/health", h.health, "Whether server and store work: 200 or 503; with the model's state.", answer=ServerHealth, public=True),
        _route("GET", "/api/sessions", h.sessions, "Sessions by last activity, newest first."),
        _route("GET", one, h.session, "One session."),
        _route("PATCH", one, h.rename, "Give it another title.", counts="changes"),
        _route("DELETE", one, h.delete, "Delete it with its messages; the answer is the deleted session.", counts="changes"),
        _route("GET", f"{one}/summary", h.session, "Its summary, topics, sentiment, outcomes and metrics."),
        _route("GET", f"{one}/messages", h.messages, "Its messages, oldest first."),
        _route("GET", f"{one}/export", h.export, "The session as a Markdown document.", answer=MarkdownDocument),
        _route("GET", f"{one}/context", h.context, "The request that would be sent to its model for a text, by part."),
        _route("GET", f"{one}/memory", h.memory, "The notes of its memory, each with the message it came from."),
        _route("PATCH", f"{one}/memory", h.change_memory, "Forget a note, or switch its memory on or off.", counts="changes"),
        _route("POST", f"{one}/rate", h.rate, "Rate it from 1 to 5.", counts="changes"),
        _route("POST", f"{one}/regenerate-summary", h.regenerate, "Regenerate its summary.", counts="changes"),
        _route("GET", "/api/search", h.search, "Your messages that contain any of the words.", given_up=True),
        _route("GET", "/api/stats", h.stats, "Tokens of your replies by day, model and session, and what they cost."),
        _route("GET", "/api/models", h.models, "The models that can be chosen, of every provider."),
        _route("GET", "/api/tools", h.tools, "Your tools, and which of those that act may always run."),
        _route("GET", "/api/prompts", h.prompts, "The prompts of MCP servers."),
        _route("POST", "/api/prompts/{tool}", h.prompt, "The text of a prompt with its arguments filled in.", counts="changes"),
        _route("DELETE", "/api/tools/{tool}/approval", h.revoke_tool, "Revoke the permission of a tool to always run.", counts="changes"),
        _route("GET", "/api/modes", h.modes, "The modes."),
    )  # fmt: skip


def page_routes(pages: Pages, docs: Docs) -> tuple[Route, ...]:
    """The routes of the pages."""
    return (
        _route("GET", "/", pages.chat, "The chat page; `?session=REF` says which conversation.", public=True),
        _route("GET", "/summary/{ref}", pages.summary, "The summary page of a session.", public=True),
        _route("GET", "/assets/{version}/{name}", pages.asset, "A file of the pages.", public=True),
        _route("GET", "/docs", docs.page, "Every endpoint and frame with an example.", public=True),
        _route("GET", "/docs/openapi.json", docs.openapi, "The HTTP side as OpenAPI.", public=True),
        _route("GET", "/docs/asyncapi.json", docs.asyncapi, "The WebSocket side as AsyncAPI.", public=True),
    )  # fmt: skip
