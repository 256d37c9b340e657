"""The route table: method and path to handler, with the types of query, body and answer."""

from genpy_server.core.costs import SpendingReport
from genpy_server.core.models import (
    ChosenSetup,
    HitList,
    MessagePage,
    ModelChoice,
    ModelList,
    PromptList,
    PromptText,
    PromptValues,
    ServerHealth,
    Session,
    SessionMemory,
    SessionPage,
    SetupState,
    ToolList,
)
from genpy_server.sessions.explain import Explanation
from genpy_server.web.api import (
    ContextQuery,
    Handlers,
    MarkdownDocument,
    MemoryChange,
    MessagesQuery,
    ModeList,
    Rating,
    SearchQuery,
    SessionsQuery,
    StatsQuery,
    Title,
)
from genpy_server.web.docs.handlers import Docs
from genpy_server.web.pages.handlers import Pages
from genpy_server.web.router import Route
from genpy_server.web.setup import SetupHandlers


def setup_routes(setup: SetupHandlers) -> tuple[Route, ...]:
    """The routes of the model set-up."""
    return (
        Route("GET", "/api/setup", setup.state, "Whether the server has a model, and whether you may choose one.", answer=SetupState),
        Route("POST", "/api/setup", setup.choose, "Try a model and use it from now on; from the server's own machine only.", body=ModelChoice, answer=ChosenSetup, counts="changes"),
    )  # fmt: skip


def api_routes(h: Handlers) -> tuple[Route, ...]:
    """The routes of the API."""
    one = "/api/session/{ref}"
    return (
        Route("GET", "/health", h.health, "Whether server and store work: 200 or 503; with the model's state.", answer=ServerHealth, public=True),
        Route("GET", "/api/sessions", h.sessions, "Sessions by last activity, newest first.", query=SessionsQuery, answer=SessionPage),
        Route("GET", one, h.session, "One session.", answer=Session),
        Route("PATCH", one, h.rename, "Give it another title.", body=Title, answer=Session, counts="changes"),
        Route("DELETE", one, h.delete, "Delete it with its messages; the answer is the deleted session.", answer=Session, counts="changes"),
        Route("GET", f"{one}/summary", h.session, "Its summary, topics, sentiment, outcomes and metrics.", answer=Session),
        Route("GET", f"{one}/messages", h.messages, "Its messages, oldest first.", query=MessagesQuery, answer=MessagePage),
        Route("GET", f"{one}/export", h.export, "The session as a Markdown document.", answer=MarkdownDocument),
        Route("GET", f"{one}/context", h.context, "The request that would be sent to its model for a text, by part.", query=ContextQuery, answer=Explanation),
        Route("GET", f"{one}/memory", h.memory, "The notes of its memory, each with the message it came from.", answer=SessionMemory),
        Route("PATCH", f"{one}/memory", h.change_memory, "Forget a note, or switch its memory on or off.", body=MemoryChange, answer=SessionMemory, counts="changes"),
        Route("POST", f"{one}/rate", h.rate, "Rate it from 1 to 5.", body=Rating, answer=Session, counts="changes"),
        Route("POST", f"{one}/regenerate-summary", h.regenerate, "Regenerate its summary.", answer=Session, counts="changes"),
        Route("GET", "/api/search", h.search, "Your messages that contain any of the words.", query=SearchQuery, answer=HitList, given_up=True),
        Route("GET", "/api/stats", h.stats, "Tokens of your replies by day, model and session, and what they cost.", query=StatsQuery, answer=SpendingReport),
        Route("GET", "/api/models", h.models, "The models that can be chosen, of every provider.", answer=ModelList),
        Route("GET", "/api/tools", h.tools, "Your tools, and which of those that act may always run.", answer=ToolList),
        Route("GET", "/api/prompts", h.prompts, "The prompts of MCP servers.", answer=PromptList),
        Route("POST", "/api/prompts/{tool}", h.prompt, "The text of a prompt with its arguments filled in.", body=PromptValues, answer=PromptText, counts="changes"),
        Route("DELETE", "/api/tools/{tool}/approval", h.revoke_tool, "Revoke the permission of a tool to always run.", answer=ToolList, counts="changes"),
        Route("GET", "/api/modes", h.modes, "The modes.", answer=ModeList),
    )  # fmt: skip


def page_routes(pages: Pages, docs: Docs) -> tuple[Route, ...]:
    """The routes of the pages."""
    return (
        Route("GET", "/", pages.chat, "The chat page; `?session=REF` says which conversation.", public=True),
        Route("GET", "/summary/{ref}", pages.summary, "The summary page of a session.", public=True),
        Route("GET", "/assets/{version}/{name}", pages.asset, "A file of the pages.", public=True),
        Route("GET", "/docs", docs.page, "Every endpoint and frame with an example.", public=True),
        Route("GET", "/docs/openapi.json", docs.openapi, "The HTTP side as OpenAPI.", public=True),
        Route("GET", "/docs/asyncapi.json", docs.asyncapi, "The WebSocket side as AsyncAPI.", public=True),
    )  # fmt: skip
