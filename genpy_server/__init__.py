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

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genpy_server.app import App as App
    from genpy_server.client.http_records import RemoteRecords as RemoteRecords
    from genpy_server.client.session_client import Link as Link
    from genpy_server.client.session_client import SessionClient
    from genpy_server.core.models import ChatMessage as ChatMessage
    from genpy_server.core.models import Message as Message
    from genpy_server.core.models import MessageMeta as MessageMeta
    from genpy_server.core.models import Session as Session
    from genpy_server.core.models import ToolCall as ToolCall
    from genpy_server.core.models import ToolSpec as ToolSpec
    from genpy_server.core.models import Usage as Usage
    from genpy_server.core.modes import Mode as Mode
    from genpy_server.errors import GenPyError as GenPyError
    from genpy_server.llm.base import ChatRequest as ChatRequest
    from genpy_server.llm.base import Finish as Finish
    from genpy_server.llm.base import Llm as Llm
    from genpy_server.llm.base import ReasoningDelta as ReasoningDelta
    from genpy_server.llm.base import TextDelta as TextDelta
    from genpy_server.runs.hooks import Hooks as Hooks
    from genpy_server.settings import Limits as Limits
    from genpy_server.settings import Settings as Settings
    from genpy_server.settings import load
    from genpy_server.stores.base import Store as Store
    from genpy_server.tools.base import Tool as Tool
    from genpy_server.tools.base import ToolContext
    from genpy_server.tools.base import ToolResult as ToolResult
    from genpy_server.tools.functions import tool as tool
    from genpy_server.wire import ApprovalRequested as ApprovalRequested
    from genpy_server.wire import Delta as Delta
    from genpy_server.wire import MessageEvent as MessageEvent
    from genpy_server.wire import RunFinished as RunFinished

    Client = SessionClient
    Context = ToolContext
    load_settings = load

__version__ = "0.1.0"

# Where Rich is installed httpx imports its own command line: a fifth of the SDK's time, and 4 MB.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None: it cannot be imported

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
__all__ = [name for names in _MODULES.values() for name in names]
_NAMES_THERE = {"Client": "SessionClient", "Context": "ToolContext", "load_settings": "load"}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            place = import_module(f"{__name__}.{module}")
            return getattr(place, _NAMES_THERE.get(name, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
