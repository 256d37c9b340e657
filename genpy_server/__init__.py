"""GenPy's server: stores, answers, summarises and searches conversations.

The names below are the public interface; each is imported on first use. `docs/toolkit.md` explains
them, `docs/reference.md` has each with an example.

    import asyncio

    from genpy_server import App, tool

    @tool(reads_only=True)
    async def shelf(title: str) -> str:
        "The shelf of a book in this library."
        return {"Emma": "A3"}.get(title, "not here")

    asyncio.run(App(tools=[shelf]).serve())
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genpy_server.app import App
    from genpy_server.client.http_records import RemoteRecords
    from genpy_server.client.session_client import Link
    from genpy_server.client.session_client import SessionClient as Client
    from genpy_server.core.models import (
        ChatMessage,
        Message,
        MessageMeta,
        Session,
        ToolCall,
        ToolSpec,
        Usage,
    )
    from genpy_server.core.modes import Mode
    from genpy_server.errors import GenPyError
    from genpy_server.llm.base import ChatRequest, Finish, Llm, ReasoningDelta, TextDelta
    from genpy_server.runs.hooks import Hooks
    from genpy_server.settings import Limits, Settings
    from genpy_server.settings import load as load_settings
    from genpy_server.stores.base import Store
    from genpy_server.tools.base import Tool, ToolResult
    from genpy_server.tools.base import ToolContext as Context
    from genpy_server.tools.functions import tool
    from genpy_server.wire import ApprovalRequested, Delta, MessageEvent, RunFinished

__version__ = "0.1.0"

__all__ = [
    "App",
    "ApprovalRequested",
    "ChatMessage",
    "ChatRequest",
    "Client",
    "Context",
    "Delta",
    "Finish",
    "GenPyError",
    "Hooks",
    "Limits",
    "Link",
    "Llm",
    "Message",
    "MessageEvent",
    "MessageMeta",
    "Mode",
    "ReasoningDelta",
    "RemoteRecords",
    "RunFinished",
    "Session",
    "Settings",
    "Store",
    "TextDelta",
    "Tool",
    "ToolCall",
    "ToolResult",
    "ToolSpec",
    "Usage",
    "load_settings",
    "tool",
]

_MODULES = {
    "app": ("App",),
    "client.http_records": ("RemoteRecords",),
    "client.reconnect": ("Link",),
    "client.session_client": ("Client",),
    "core.models": ("ChatMessage", "Message", "MessageMeta", "Session", "ToolCall", "ToolSpec", "Usage"),
    "core.modes": ("Mode",),
    "errors": ("GenPyError",),
    "llm.base": ("ChatRequest", "Finish", "Llm", "ReasoningDelta", "TextDelta"),
    "runs.hooks": ("Hooks",),
    "settings": ("Limits", "Settings", "load_settings"),
    "stores.base": ("Store",),
    "tools.base": ("Context", "Tool", "ToolResult"),
    "tools.functions": ("tool",),
    "wire": ("ApprovalRequested", "Delta", "MessageEvent", "RunFinished"),
}  # fmt: skip
_NAMES_THERE = {"Client": "SessionClient", "Context": "ToolContext", "load_settings": "load"}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            place = import_module(f"{__name__}.{module}")
            return getattr(place, _NAMES_THERE.get(name, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
