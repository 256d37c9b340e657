"""The HTTP table: method and path to handler, with what each takes and gives."""

from genpy_server.core.costs import SpendingReport
from genpy_server.core.models import (
    ChosenSetup,
    ModelChoice,
    ModelList,
    PromptList,
    PromptText,
    PromptValues,
    Session,
    SessionMemory,
    SetupState,
    ToolList,
)
from genpy_server.sessions.explain import Explanation
from genpy_server.web.api import (
    ContextQuery,
    Handlers,
    Hits,
    MarkdownDocument,
    MemoryChange,
    Messages,
    MessagesQuery,
    ModeList,
    Rating,
    SearchQuery,
    Sessions,
    SessionsQuery,
    StatsQuery,
    Title,
)
from genpy_server.web.docs.handlers import Docs
from genpy_server.web.health import Health
from genpy_server.web.pages.handlers import Pages
from genpy_server.web.router import Route
from genpy_server.web.setup import SetupHandlers


def setup_routes(setup: SetupHandlers) -> tuple[Route, ...]:
    """The table of setting up a model."""
    return (
        Route("GET", "/api/setup", setup.state, "Whether there is a model, and whether you may choose one.", answer=SetupState),
        Route("POST", "/api/setup", setup.choose, "Try a model and answer with it from now on; at the server's own machine only.", body=ModelChoice, answer=ChosenSetup, counts="changes"),
    )  # fmt: skip


def api_routes(h: Handlers) -> tuple[Route, ...]:
    """The table of the API."""
    one = "/api/session/{ref}"
    return (
        Route("GET", "/health", h.health, "Whether server and store work: 200 or 503; the model's state beside.", answer=Health, public=True),
        Route("GET", "/api/sessions", h.sessions, "Sessions by last activity, newest first.", query=SessionsQuery, answer=Sessions),
        Route("GET", one, h.session, "One session.", answer=Session),
        Route("PATCH", one, h.rename, "Give it another title.", body=Title, answer=Session, counts="changes"),
        Route("DELETE", one, h.delete, "Delete it with its messages; the answer is what it was.", answer=Session, counts="changes"),
        Route("GET", f"{one}/summary", h.session, "Its summary, topics, sentiment, outcomes and metrics.", answer=Session),
        Route("GET", f"{one}/messages", h.messages, "Its messages, oldest first.", query=MessagesQuery, answer=Messages),
        Route("GET", f"{one}/export", h.export, "It as a Markdown document, to read.", answer=MarkdownDocument),
        Route("GET", f"{one}/context", h.context, "What would be sent to its model with a text, by part.", query=ContextQuery, answer=Explanation),
        Route("GET", f"{one}/memory", h.memory, "The notes of its memory, each with the message it came from.", answer=SessionMemory),
        Route("PATCH", f"{one}/memory", h.change_memory, "Forget a note, or switch its memory on or off.", body=MemoryChange, answer=SessionMemory, counts="changes"),
        Route("POST", f"{one}/rate", h.rate, "Rate it from 1 to 5.", body=Rating, answer=Session, counts="changes"),
        Route("POST", f"{one}/regenerate-summary", h.regenerate, "Regenerate its summary.", answer=Session, counts="changes"),
        Route("GET", "/api/search", h.search, "Your messages that hold any of the words.", query=SearchQuery, answer=Hits, given_up=True),
        Route("GET", "/api/stats", h.stats, "Tokens of your replies by day, model and session, and what they cost.", query=StatsQuery, answer=SpendingReport),
        Route("GET", "/api/models", h.models, "The models that can be chosen, of every provider.", answer=ModelList),
        Route("GET", "/api/tools", h.tools, "Your tools, and whether you allowed those that act for good.", answer=ToolList),
        Route("GET", "/api/prompts", h.prompts, "The prompts of MCP servers.", answer=PromptList),
        Route("POST", "/api/prompts/{tool}", h.prompt, "A prompt filled in.", body=PromptValues, answer=PromptText, counts="changes"),
        Route("DELETE", "/api/tools/{tool}/approval", h.revoke_tool, "Take the permission of a tool back.", answer=ToolList, counts="changes"),
        Route("GET", "/api/modes", h.modes, "The kinds of help there are.", answer=ModeList),
    )  # fmt: skip


def page_routes(pages: Pages, docs: Docs) -> tuple[Route, ...]:
    """The table of the pages."""
    return (
        Route("GET", "/", pages.chat, "The chat page; `?session=REF` says which conversation.", public=True),
        Route("GET", "/summary/{ref}", pages.summary, "The summary page of a session.", public=True),
        Route("GET", "/assets/{version}/{name}", pages.asset, "A file of the pages.", public=True),
        Route("GET", "/docs", docs.page, "Every endpoint and frame with an example.", public=True),
        Route("GET", "/docs/openapi.json", docs.openapi, "The HTTP side as OpenAPI.", public=True),
        Route("GET", "/docs/asyncapi.json", docs.asyncapi, "The WebSocket side as AsyncAPI.", public=True),
    )  # fmt: skip
