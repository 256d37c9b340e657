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

_PLACES = {
    "App": "app",
    "ApprovalRequested": "wire",
    "ChatMessage": "core.models",
    "ChatRequest": "llm.base",
    "Client": "client.session_client:SessionClient",
    "Context": "tools.base:ToolContext",
    "Delta": "wire",
    "Finish": "llm.base",
    "GenPyError": "errors",
    "Hooks": "runs.hooks",
    "Limits": "settings",
    "Link": "client.reconnect",
    "Llm": "llm.base",
    "Message": "core.models",
    "MessageEvent": "wire",
    "MessageMeta": "core.models",
    "Mode": "core.modes",
    "ReasoningDelta": "llm.base",
    "RemoteRecords": "client.http_records",
    "RunFinished": "wire",
    "Session": "core.models",
    "Settings": "settings",
    "Store": "stores.base",
    "TextDelta": "llm.base",
    "Tool": "tools.base",
    "ToolCall": "core.models",
    "ToolResult": "tools.base",
    "ToolSpec": "core.models",
    "Usage": "core.models",
    "load_settings": "settings:load",
    "tool": "tools.functions",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, own_name = _PLACES[name].partition(":")
    return getattr(import_module(f"{__name__}.{module}"), own_name or name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
